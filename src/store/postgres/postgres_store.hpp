/// The store of a service: PostgreSQL, shared by any number of replicas. Each call is one round trip and one transaction, whatever the number of
/// rows; the clock is the database's (R5). The tables are made by migrate().
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>

#include "ports/store.hpp"
#include "postgres/pool.hpp"
#include "store/postgres/keeper_place.hpp"

namespace baton {

class PostgresStore final : public Store {
 public:
  /// What is left to do, for all replicas together.
  struct Backlog {
    std::int64_t open = 0;             ///< runs
    std::int64_t without_wake_at = 0;  ///< open runs that only a push, a message or a person brings on
    std::int64_t held = 0;
    std::int64_t pending = 0;                  ///< open runs that were woken and not visited since
    double oldest_pending_seconds = 0;         ///< since when the first of them waits
    double oldest_message_seconds = 0;         ///< in the outbox
    std::int64_t messages = 0;                 ///< in the outbox; not counted beyond a million
    std::map<UserId, std::int64_t> open_of;    ///< open runs, of the users who have the most
    std::map<core::State, std::int64_t> jobs;  ///< attempts that have not ended
  };

  /// What is wrong with a row and is nobody's error: told here, once.
  using Trouble = std::function<void(const Error&)>;

  /// Connects when first needed.
  PostgresStore(boost::asio::any_io_executor executor, postgres::PoolOptions options, Trouble trouble = {});
  /// Who joined through this object is gone. Calls under way must have ended.
  ~PostgresStore() override;
  PostgresStore(const PostgresStore&) = delete;
  PostgresStore& operator=(const PostgresStore&) = delete;

  awaitable<Result<void>> put_project(ProjectDocument project) override;
  awaitable<Result<ProjectDocument>> project(ProjectId id) override;
  awaitable<Result<void>> restamp(ProjectId project, std::vector<Restamped> successes) override;
  awaitable<Result<core::RunKey>> create_run(NewRun run) override;
  awaitable<Result<Woken>> wake(core::RunKey run, std::vector<JobId> jobs) override;
  awaitable<Result<Woken>> desire(core::RunKey run, core::Desire desire) override;
  awaitable<Result<core::Ticket>> begin_pass(BeginPass pass) override;
  awaitable<Result<Committed>> commit(core::Ticket ticket, core::Decision decision) override;
  awaitable<Result<void>> write_progress(std::vector<ProgressWrite> writes) override;
  /// Runs that the reference inserted and nobody has begun are made ours first, or FAILED where they cannot be: see reference_run.hpp.
  awaitable<Result<std::vector<core::RunKey>>> due(DuePolicy policy, std::size_t max) override;
  /// The replica lives while this object does and has its connection; one that was lost is made again. Errors beside the port's: store.pooled
  /// (the line goes through a pool of transactions), store.not_yours (another process lives under this name).
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

  /// As join, for a replica that runs local processes. Error beside its: store.other_keeper (the jobs of this database are kept at another
  /// place). @param refused  told once, when the line was lost and another place was taken meanwhile: this
  /// replica must end
  awaitable<Result<void>> join_at(KeeperPlace keeper, ReplicaId replica, std::function<void(const Error&)> refused);
  /// A replica that goes in order: it is gone for all others at once.
  awaitable<Result<void>> leave(ReplicaId replica);
  /// Retention: removes runs that are not open and ended longer ago than `age`, with all their rows, the oldest first, at most `max`; the
  /// newest of a project stays, and what is known of its nodes. Gives how many it removed.
  awaitable<Result<std::size_t>> forget_ended(core::Duration age, std::size_t max);
  /// Makes runs that another service inserted ours, some at a time (see reference_run.hpp), and gives those that now are: they are due. What
  /// cannot be a run of ours is FAILED, with its reason, and told as trouble. @param retries_lost  of their tasks
  awaitable<Result<std::vector<core::RunKey>>> adopt(std::int32_t retries_lost);
  /// Whether the database answers.
  awaitable<Result<void>> ping();
  awaitable<Result<Backlog>> backlog();
  /// No call begins any more; returns when those under way have ended and all is closed.
  awaitable<void> close();
  [[nodiscard]] postgres::Pool::Figures figures() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace baton
