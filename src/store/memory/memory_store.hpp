/// The reference adapter: plain data, for simulations and as the measure of the others. Several replicas share one.
#pragma once

#include <functional>
#include <memory>

#include "ports/store.hpp"

namespace baton {

class MemoryStore final : public Store {
 public:
  /// @param clock  the store's clock; asked once per transaction
  explicit MemoryStore(std::function<core::Instant()> clock);
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  awaitable<Result<void>> put_project(ProjectDocument project) override;
  awaitable<Result<ProjectDocument>> project(ProjectId id) override;
  awaitable<Result<void>> restamp(ProjectId project, std::vector<Restamped> successes) override;
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
  awaitable<Result<std::vector<RunView>>> held(std::size_t max) override;
  awaitable<Result<Woken>> release_held(core::RunKey run) override;
  awaitable<Result<std::vector<Outgoing>>> outbox(core::Duration age, std::size_t max) override;
  awaitable<Result<void>> told(std::vector<MessageId> messages) override;
  awaitable<Result<std::vector<core::RunKey>>> changed(std::vector<Watched> runs) override;
  awaitable<Result<std::vector<RunView>>> runs(ProjectId project, std::size_t max) override;
  awaitable<Result<RunView>> run(core::RunKey run) override;
  awaitable<Result<std::vector<TaskView>>> tasks(core::RunKey run, Fence since) override;
  awaitable<Result<std::vector<core::AttemptRecord>>> attempts(core::RunKey run, std::optional<NodeId> node) override;
  awaitable<Result<std::shared_ptr<const core::RunDefinition>>> definition(core::RunKey run) override;
  awaitable<Result<std::vector<NodeView>>> nodes(ProjectId project) override;

  /// What a server learns when a replica's connection breaks; until it joins again.
  void declare_gone(const ReplicaId& replica);
  /// From now on a standby hears no more of this store …
  void part_standby();
  /// … and becomes it: what was committed since is lost. False: there is no standby that lags behind.
  bool fail_over();

 private:
  struct State;
  std::unique_ptr<State> state_, standby_;
};

}  // namespace baton
