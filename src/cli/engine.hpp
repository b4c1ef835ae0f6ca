/// One replica inside this process: worker and manager over a workplace, and what a person wants to hear of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/house.hpp"
#include "scheduling/manager.hpp"
#include "scheduling/worker.hpp"

namespace baton::cli {

/// The queue, for the runs of one project alone: another pipeline that was interrupted in the same state directory is not gone on with
/// behind its user's back.
class OneProjectQueue final : public Queue {
 public:
  OneProjectQueue(Queue& queue, ProjectId project) : queue_(queue), project_(std::move(project)) {}
  awaitable<Result<void>> publish(std::vector<core::RunKey> runs) override;
  awaitable<Result<Delivery>> receive() override { return queue_.receive(); }
  awaitable<void> ack(Delivery delivery) override { return queue_.ack(delivery); }
  awaitable<void> requeue(Delivery delivery, core::Duration after) override { return queue_.requeue(delivery, after); }
  void close() override { queue_.close(); }

 private:
  Queue& queue_;
  ProjectId project_;
};

class Engine {
 public:
  Engine(House& house, Workplace& place, ProjectId project);

  /// Says that this replica lives, and begins to serve. Errors: store errors; then stop() is not needed.
  awaitable<Result<void>> start();
  /// Returns when all passes in flight have ended; jobs run on.
  awaitable<void> stop();
  /// Asks for the run's end and makes it known. `hard`: what runs is killed, no longer asked.
  awaitable<Result<void>> cancel(core::RunKey run, bool hard);
  [[nodiscard]] Wakeups& wakeups() { return worker_.wakeups(); }

  /// Runs `body` beside what goes on; stop() waits for it.
  void spawn(awaitable<void> body) { gate_->spawn(std::move(body)); }
  [[nodiscard]] Store& store() { return place_.store(); }

  /// Something urgent to look at: a run may be over, or a person has a word.
  void nudge();
  /// Returns when there is something urgent, or, once something has changed, no sooner than `pause` after the last return; at the latest
  /// after `at_most`.
  awaitable<void> wait(core::Duration pause, core::Duration at_most);
  /// What goes wrong again and again, while it does: no pass has been committed since that could tell its jobs to the backend.
  struct Trouble {
    Error error;
    core::Duration since{};  ///< Runtime::steady() of the first
  };
  [[nodiscard]] const std::optional<Trouble>& trouble() const { return trouble_; }

 private:
  WorkerOptions worker_options();
  void in_trouble(const Error& error);

  House& house_;
  Workplace& place_;
  OneProjectQueue queue_;
  std::unique_ptr<Event> event_;
  std::unique_ptr<Gate> gate_;
  ReplicaId replica_;
  Worker worker_;
  Manager manager_;
  std::optional<Trouble> trouble_;
  core::Duration returned_{};
  bool changed_ = false, urgent_ = false;
};

}  // namespace baton::cli
