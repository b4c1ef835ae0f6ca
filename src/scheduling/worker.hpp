/// Takes wake-ups from the queue and makes passes: the part of a replica that relieves the others.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "ports/backend.hpp"
#include "ports/lock.hpp"
#include "ports/queue.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"
#include "scheduling/pass.hpp"
#include "scheduling/wakeups.hpp"

namespace baton {

struct WorkerOptions {
  PassOptions pass;
  std::uint32_t concurrency = 50;  ///< COMPUTATIONAL_BACKEND_SCHEDULING_CONCURRENCY
  std::int32_t again_max = 3;      ///< passes under one lock while the run is woken meanwhile
  std::size_t known_max = 1000;    ///< runs remembered between their passes …
  std::size_t known_tasks_max =
      200'000;  ///< … and tasks of them all together, some hundred bytes each; one run alone may have more
  core::Duration drain = std::chrono::seconds(5);  ///< after stop(), for the passes under way
  core::Duration progress_interval = std::chrono::seconds(1);
  /// Told after each commit of this replica: something of the run has changed.
  std::function<void(const core::RunKey&)> changed = [](const core::RunKey&) {};
  /// Told when a pass of this replica has left the run not open any more, or found it so.
  std::function<void(const core::RunKey&)> over = [](const core::RunKey&) {};
  /// Told of each pass: how it ended, and how long it took.
  std::function<void(const core::RunKey&, const PassResult&, core::Duration)> passed = [](const core::RunKey&, const PassResult&,
                                                                                          core::Duration) {};
  /// Given what a commit left in the outbox.
  std::function<void(std::vector<Outgoing>)> announced = [](const std::vector<Outgoing>&) {};
  /// Told of progress that was written; of a task at most once in `progress_interval`.
  std::function<void(const core::RunKey&, const NodeId&, double)> progressed = [](const core::RunKey&, const NodeId&, double) {};
  /// Told of what went wrong around a run and is tried again.
  std::function<void(const core::RunKey&, const Error&)> trouble = [](const core::RunKey&, const Error&) {};
};

class Worker {
 public:
  Worker(Runtime& runtime, Store& store, Queue& queue, Lock& lock, Backend& backend, WorkerOptions options);

  /// Serves until stop(); returns when the passes in flight have ended. Only then, or after `drain`, the backend is closed: what a pass has
  /// committed is to be sent.
  awaitable<void> serve();
  void stop();
  /// Cancelling no longer asks politely (Ctrl-C twice).
  void kill_from_now_on() { options_.pass.policy.kill = true; }
  [[nodiscard]] Wakeups& wakeups() { return wakeups_; }

 private:
  awaitable<void> consume();
  awaitable<void> visit(Delivery delivery);
  struct Held {
    bool stopping = false;  ///< no visit is to be made any more
    std::optional<Lease> lease;
  };
  awaitable<Held> take_lock(core::RunKey run);
  awaitable<void> renew_locks();
  void let_go(const Wakeups::Heard& heard);
  void leave(const core::RunKey& run);
  /// A pass; what it throws is the run's failure, not this process's (R8).
  awaitable<PassResult> pass_or_failure(Pass& pass, core::RunKey run, KnownRun& known, std::optional<Lease>& lease);
  awaitable<PassResult> passes(core::RunKey run, std::optional<Lease>& lease);
  void forget(std::map<core::RunKey, KnownRun>::iterator known);
  void forget_the_oldest();
  awaitable<void> settle(Delivery delivery, PassResult result, bool published);
  awaitable<void> follow_pushes();
  awaitable<void> write_progress();
  [[nodiscard]] std::vector<ProgressWrite> progress();
  awaitable<void> close_backend();

  Runtime& runtime_;
  Store& store_;
  Queue& queue_;
  Lock& lock_;
  Backend& backend_;
  WorkerOptions options_;
  Wakeups wakeups_;
  Room room_;
  std::unique_ptr<Gate> visits_, gate_;
  std::unique_ptr<Event> stopped_, drained_;
  std::unique_ptr<Event> visited_;  ///< a visit of this replica has ended
  std::map<core::RunKey, KnownRun> known_;
  std::size_t known_tasks_ = 0;     ///< of the runs in `known_`, but for those under a visit: as before it
  std::set<core::RunKey> waiting_;  ///< a delivery of ours waits for the visit under way
  /// One visit to a run at a time, also while the lock service is away: then it has no lease, and the fence alone protects.
  std::map<core::RunKey, std::optional<Lease>> visiting_;
  bool stopping_ = false;
};

}  // namespace baton
