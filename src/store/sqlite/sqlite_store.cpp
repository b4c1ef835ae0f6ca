#include "store/sqlite/sqlite_store.hpp"

#include <optional>
#include <utility>

#include "store/sqlite/work.hpp"

namespace baton {

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(Runtime& runtime, Options options) {
  try {
    return std::unique_ptr<SqliteStore>(new SqliteStore(runtime, std::make_unique<Work>(runtime, options)));
  } catch (const sqlite::Failure& failure) {
    return fail(failure.error);
  }
}

SqliteStore::SqliteStore(Runtime& runtime, std::unique_ptr<Work> work) : runtime_(runtime), work_(std::move(work)) {}
SqliteStore::~SqliteStore() = default;

std::string SqliteStore::note() const { return work_->note(); }

// Holds `call`, with all it works on, until the lane has done it.
template <class Call>
awaitable<std::invoke_result_t<Call&>> SqliteStore::in_lane(Call call) {
  std::optional<std::invoke_result_t<Call&>> answer;
  co_await runtime_.blocking(Runtime::Lane::store, [&] { answer.emplace(call()); });
  co_return std::move(*answer);
}

awaitable<Result<void>> SqliteStore::put_project(ProjectDocument project) {
  return in_lane([work = work_.get(), project = std::move(project)] { return work->put_project(project); });
}
awaitable<Result<ProjectDocument>> SqliteStore::project(ProjectId id) {
  return in_lane([work = work_.get(), id = std::move(id)] { return work->project(id); });
}
awaitable<Result<void>> SqliteStore::restamp(ProjectId project, std::vector<Restamped> successes) {
  return in_lane([work = work_.get(), project = std::move(project), successes = std::move(successes)] {
    return work->restamp(project, successes);
  });
}
awaitable<Result<core::RunKey>> SqliteStore::create_run(NewRun run) {
  return in_lane([work = work_.get(), run = std::move(run)]() mutable { return work->create_run(std::move(run)); });
}
awaitable<Result<Woken>> SqliteStore::wake(core::RunKey run, std::vector<JobId> jobs) {
  return in_lane([work = work_.get(), run = std::move(run), jobs = std::move(jobs)] { return work->wake(run, jobs); });
}
awaitable<Result<Woken>> SqliteStore::desire(core::RunKey run, core::Desire desire) {
  return in_lane([work = work_.get(), run = std::move(run), desire] { return work->desire(run, desire); });
}
awaitable<Result<core::Ticket>> SqliteStore::begin_pass(BeginPass pass) {
  return in_lane([work = work_.get(), pass = std::move(pass)] { return work->begin_pass(pass); });
}
awaitable<Result<Committed>> SqliteStore::commit(core::Ticket ticket, core::Decision decision) {
  return in_lane([work = work_.get(), ticket = std::move(ticket), decision = std::move(decision)] {
    return work->commit(ticket, decision);
  });
}
awaitable<Result<void>> SqliteStore::write_progress(std::vector<ProgressWrite> writes) {
  return in_lane([work = work_.get(), writes = std::move(writes)] { return work->write_progress(writes); });
}
awaitable<Result<std::vector<core::RunKey>>> SqliteStore::due(DuePolicy policy, std::size_t max) {
  return in_lane([work = work_.get(), policy, max] { return work->due(policy, max); });
}
awaitable<Result<void>> SqliteStore::join(ReplicaId replica) {
  return in_lane([work = work_.get(), replica = std::move(replica)] { return work->join(replica); });
}
awaitable<Result<std::vector<core::RunKey>>> SqliteStore::orphans(std::size_t max) {
  return in_lane([work = work_.get(), max] { return work->orphans(max); });
}
awaitable<Result<bool>> SqliteStore::is_gone(ReplicaId replica) {
  return in_lane([work = work_.get(), replica = std::move(replica)] { return work->is_gone(replica); });
}
awaitable<Result<Crowd>> SqliteStore::crowd() {
  return in_lane([work = work_.get()] { return work->crowd(); });
}
awaitable<Result<std::vector<core::RunKey>>> SqliteStore::give_turns(UserId user, std::uint32_t waiting_max) {
  return in_lane([work = work_.get(), user, waiting_max] { return work->give_turns(user, waiting_max); });
}
awaitable<Result<std::vector<RunView>>> SqliteStore::held(std::size_t max) {
  return in_lane([work = work_.get(), max] { return work->held(max); });
}
awaitable<Result<Woken>> SqliteStore::release_held(core::RunKey run) {
  return in_lane([work = work_.get(), run = std::move(run)] { return work->release_held(run); });
}
awaitable<Result<std::vector<Outgoing>>> SqliteStore::outbox(core::Duration, std::size_t) { co_return std::vector<Outgoing>{}; }
awaitable<Result<void>> SqliteStore::told(std::vector<MessageId>) { co_return Result<void>{}; }
awaitable<Result<std::vector<core::RunKey>>> SqliteStore::changed(std::vector<Watched> runs) {
  return in_lane([work = work_.get(), runs = std::move(runs)] { return work->changed(runs); });
}
awaitable<Result<std::vector<RunView>>> SqliteStore::runs(ProjectId project, std::size_t max) {
  return in_lane([work = work_.get(), project = std::move(project), max] { return work->runs(project, max); });
}
awaitable<Result<RunView>> SqliteStore::run(core::RunKey run) {
  return in_lane([work = work_.get(), run = std::move(run)] { return work->run(run); });
}
awaitable<Result<std::vector<TaskView>>> SqliteStore::tasks(core::RunKey run, Fence since) {
  return in_lane([work = work_.get(), run = std::move(run), since] { return work->tasks(run, since); });
}
awaitable<Result<std::vector<core::AttemptRecord>>> SqliteStore::attempts(core::RunKey run, std::optional<NodeId> node) {
  return in_lane([work = work_.get(), run = std::move(run), node = std::move(node)] { return work->attempts(run, node); });
}
awaitable<Result<std::shared_ptr<const core::RunDefinition>>> SqliteStore::definition(core::RunKey run) {
  return in_lane([work = work_.get(), run = std::move(run)] { return work->definition(run); });
}
awaitable<Result<std::vector<NodeView>>> SqliteStore::nodes(ProjectId project) {
  return in_lane([work = work_.get(), project = std::move(project)] { return work->nodes(project); });
}

void SqliteStore::declare_gone(const ReplicaId& replica) { work_->declare_gone(replica); }

}  // namespace baton
