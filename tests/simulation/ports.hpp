/// The ports as a replica of the simulation has them: the memory adapters behind a network that fails.
#pragma once

#include "backend/memory/memory_backend.hpp"
#include "lock/memory/memory_lock.hpp"
#include "ports/events.hpp"
#include "ports/store.hpp"
#include "queue/memory/memory_queue.hpp"
#include "seat.hpp"
#include "truth.hpp"

namespace baton::simulation {

/// Where effects go on that outlive the caller: what is on the wire arrives also when its sender has died.
struct Wire {
  World& world;
  World::Who who;
  Runtime& runtime;
  MemoryCluster& cluster;
  MemoryQueue& queue;
  Truth& truth;
  std::map<World::Who, MemoryBackend*> clients;  ///< of those who live
  std::map<core::RunKey, std::vector<core::Job>> sent;
  int stores = 1;  ///< how many have been the store until now: what is on its way to an old one never arrives
};

class SimulatedStore final : public Store {
 public:
  SimulatedStore(Seat& seat, World::Who who, Store& inner, Truth& truth, Wire& wire)
      : seat_(seat), who_(who), inner_(inner), truth_(truth), wire_(wire) {}
  awaitable<Result<void>> put_project(ProjectDocument project) override { return inner_.put_project(std::move(project)); }
  awaitable<Result<ProjectDocument>> project(ProjectId id) override { return inner_.project(std::move(id)); }
  awaitable<Result<void>> restamp(ProjectId project, std::vector<Restamped> successes) override {
    return inner_.restamp(std::move(project), std::move(successes));
  }
  awaitable<Result<core::RunKey>> create_run(NewRun run) override;
  awaitable<Result<Woken>> wake(core::RunKey run, std::vector<JobId> jobs) override;
  awaitable<Result<Woken>> desire(core::RunKey run, core::Desire desire) override;
  awaitable<Result<core::Ticket>> begin_pass(BeginPass pass) override;
  awaitable<Result<Committed>> commit(core::Ticket ticket, core::Decision decision) override;
  awaitable<Result<void>> write_progress(std::vector<ProgressWrite> writes) override;
  awaitable<Result<std::vector<core::RunKey>>> due(DuePolicy policy, std::size_t max) override;
  awaitable<Result<void>> join(ReplicaId replica) override;
  awaitable<Result<std::vector<core::RunKey>>> orphans(std::size_t max) override;
  awaitable<Result<bool>> is_gone(ReplicaId replica) override;
  awaitable<Result<Crowd>> crowd() override;
  awaitable<Result<std::vector<core::RunKey>>> give_turns(UserId user, std::uint32_t waiting_max) override;
  awaitable<Result<std::vector<RunView>>> held(std::size_t max) override { return inner_.held(max); }
  awaitable<Result<Woken>> release_held(core::RunKey run) override;
  awaitable<Result<std::vector<Outgoing>>> outbox(core::Duration age, std::size_t max) override;
  awaitable<Result<void>> told(std::vector<MessageId> messages) override;
  awaitable<Result<std::vector<core::RunKey>>> changed(std::vector<Watched> runs) override {
    return inner_.changed(std::move(runs));
  }
  awaitable<Result<std::vector<RunView>>> runs(ProjectId project, std::size_t max) override;
  awaitable<Result<RunView>> run(core::RunKey run) override;
  awaitable<Result<std::vector<TaskView>>> tasks(core::RunKey run, Fence since) override;
  awaitable<Result<std::vector<core::AttemptRecord>>> attempts(core::RunKey run, std::optional<NodeId> node) override;
  awaitable<Result<std::shared_ptr<const core::RunDefinition>>> definition(core::RunKey run) override;
  awaitable<Result<std::vector<NodeView>>> nodes(ProjectId project) override;

 private:
  /// One call: a scheduling point, the effect, what it shows, a scheduling point; and the fault that was drawn.
  /// @param shows  `told`: the caller will have the answer
  template <class T>
  awaitable<Result<T>> ask(Call call, std::string about, std::function<awaitable<Result<T>>()> effect,
                           std::function<void(const Result<T>&, bool told)> shows);

  /// What due, orphans and give_turns give: those that they have marked.
  std::function<void(const Result<std::vector<core::RunKey>>&, bool told)> found_marked();

  Seat& seat_;
  World::Who who_;
  Store& inner_;
  Truth& truth_;
  Wire& wire_;
};

class SimulatedQueue final : public Queue {
 public:
  SimulatedQueue(Seat& seat, MemoryQueue& inner, Truth& truth, Wire& wire)
      : seat_(seat), inner_(inner), truth_(truth), wire_(wire) {}
  awaitable<Result<void>> publish(std::vector<core::RunKey> runs) override;
  awaitable<Result<Delivery>> receive() override;
  awaitable<void> ack(Delivery delivery) override;
  awaitable<void> requeue(Delivery delivery, core::Duration after) override;
  void close() override { inner_.close(); }

 private:
  Seat& seat_;
  MemoryQueue& inner_;
  Truth& truth_;
  Wire& wire_;
};

/// The broker's topics: what arrives there is what the truth hears.
class SimulatedEvents final : public Events {
 public:
  SimulatedEvents(Seat& seat, Truth& truth) : seat_(seat), truth_(truth) {}
  awaitable<Result<void>> publish(std::vector<Outgoing> messages) override;
  void changed(const core::RunKey&) override {}
  void on_changed(std::function<void(const core::RunKey&)>) override {}

 private:
  Seat& seat_;
  Truth& truth_;
};

class SimulatedLock final : public Lock {
 public:
  /// @param away  nobody answers
  SimulatedLock(Seat& seat, Lock& inner, const bool& away) : seat_(seat), inner_(inner), away_(away) {}
  awaitable<Result<Lease>> acquire(std::string name, core::Duration life) override;
  awaitable<Result<Lease>> renew(Lease lease, core::Duration life) override;
  awaitable<void> release(Lease lease) override;
  awaitable<void> until_free(std::string name, core::Duration at_most) override;

 private:
  Seat& seat_;
  Lock& inner_;
  const bool& away_;
};

class SimulatedBackend final : public Backend {
 public:
  SimulatedBackend(Seat& seat, World::Who who, MemoryBackend& inner, Truth& truth, Wire& wire)
      : seat_(seat), who_(who), inner_(inner), truth_(truth), wire_(wire) {}
  awaitable<Result<void>> submit(std::vector<core::Job> jobs) override;
  awaitable<Observed> observe(core::RunKey run, std::vector<JobId> ask, Cursor after) override;
  awaitable<Result<void>> bar(core::RunKey run, std::vector<JobId> jobs) override;
  awaitable<Result<void>> cancel(core::RunKey run, std::vector<core::Kill> jobs) override;
  awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs) override;
  awaitable<Result<std::vector<Push>>> pushes() override;
  void unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) override;
  void forget_run(const core::RunKey& run) override { inner_.forget_run(run); }
  std::vector<JobProgress> take_progress() override { return inner_.take_progress(); }
  [[nodiscard]] std::uint32_t slots() const override { return inner_.slots(); }
  void close() override { inner_.close(); }

 private:
  using Act = std::function<awaitable<Result<void>>(Backend&)>;
  /// @param half  a part of the act
  awaitable<Result<void>> act(Call call, core::RunKey run, std::string about, Act whole, Act half);

  Seat& seat_;
  World::Who who_;
  MemoryBackend& inner_;
  Truth& truth_;
  Wire& wire_;
};

}  // namespace baton::simulation
