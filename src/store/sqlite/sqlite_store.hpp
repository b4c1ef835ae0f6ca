/// The store of the embedded runner: one SQLite file. One process writes at a time (its state lock is kept elsewhere); others may read.
#pragma once

#include <memory>
#include <string>

#include "ports/store.hpp"

namespace baton {

class SqliteStore final : public Store {
 public:
  struct Options {
    std::string path;  ///< its folder must be there; `:memory:` for tests
    /// Nothing is written: for plan, why, status, history, also in a folder that cannot be written. A file that is not there is an
    /// empty store. Writes answer store.unavailable.
    bool read_only = false;
  };
  /// Opens the file, or makes it, and brings its tables up to date; blocks. Errors: store.unavailable (rights, disk, locked, written by a
  /// newer Baton), store.damaged; `where` is the path.
  /// @param runtime  its wall clock, kept from going back, is the store's (R5); its lane `store` does the work
  static Result<std::unique_ptr<SqliteStore>> open(Runtime& runtime, Options options);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  /// What a person should know of how the file is used (a network file system, a copy); empty: nothing.
  [[nodiscard]] std::string note() const;

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
  /// The replicas that joined through this object live; of every other one the runs are orphans, as one process has the file.
  awaitable<Result<void>> join(ReplicaId replica) override;
  awaitable<Result<std::vector<core::RunKey>>> orphans(std::size_t max) override;
  awaitable<Result<bool>> is_gone(ReplicaId replica) override;
  awaitable<Result<Crowd>> crowd() override;
  awaitable<Result<std::vector<core::RunKey>>> give_turns(UserId user, std::uint32_t waiting_max) override;
  awaitable<Result<std::vector<RunView>>> held(std::size_t max) override;
  awaitable<Result<Woken>> release_held(core::RunKey run) override;
  /// There is no outbox here: nobody subscribes to an embedded Baton. These two answer with nothing.
  awaitable<Result<std::vector<Outgoing>>> outbox(core::Duration age, std::size_t max) override;
  awaitable<Result<void>> told(std::vector<MessageId> messages) override;
  awaitable<Result<std::vector<core::RunKey>>> changed(std::vector<Watched> runs) override;
  awaitable<Result<std::vector<RunView>>> runs(ProjectId project, std::size_t max) override;
  awaitable<Result<RunView>> run(core::RunKey run) override;
  awaitable<Result<std::vector<TaskView>>> tasks(core::RunKey run, Fence since) override;
  awaitable<Result<std::vector<core::AttemptRecord>>> attempts(core::RunKey run, std::optional<NodeId> node) override;
  awaitable<Result<std::shared_ptr<const core::RunDefinition>>> definition(core::RunKey run) override;
  awaitable<Result<std::vector<NodeView>>> nodes(ProjectId project) override;

  /// For simulations in which several replicas share the object: this one has joined, and is gone.
  void declare_gone(const ReplicaId& replica);

 private:
  class Work;  // what is done in the lane, blocking
  SqliteStore(Runtime& runtime, std::unique_ptr<Work> work);
  template <class Call>
  awaitable<std::invoke_result_t<Call&>> in_lane(Call call);

  Runtime& runtime_;
  std::unique_ptr<Work> work_;
};

}  // namespace baton
