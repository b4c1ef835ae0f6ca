#include "store/sqlite/work.hpp"

#include <algorithm>
#include <utility>

#include "store/sqlite/migrate.hpp"
#include "store/sqlite/values.hpp"

namespace baton {

using sqlite::StoredRun;

namespace {

RunView view_of(StoredRun run) {
  return {.id = run.id,
          .uuid = std::move(run.uuid),
          .key = std::move(run.key),
          .record = run.row.record,
          .request = std::move(run.request),
          .keep_going = run.keep_going,
          .simulated = run.simulated,
          .open = run.row.open,
          .fence = run.row.fence,
          .scheduled = run.row.scheduled,
          .processed = run.row.processed,
          .wake_at = run.row.wake_at,
          .last_failure = std::move(run.row.last_failure)};
}

}  // namespace

SqliteStore::Work::Work(Runtime& runtime, const Options& options)
    : runtime_(runtime),
      database_({.path = options.path, .read_only = options.read_only}),
      begin_write_(database_, "BEGIN IMMEDIATE"),
      begin_read_(database_, "BEGIN"),
      commit_(database_, "COMMIT"),
      join_(database_, "INSERT INTO replicas (id, version, seen) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen"),
      others_left_(database_, "DELETE FROM replicas WHERE id <> ?"),
      runs_(database_),
      definitions_(database_),
      tasks_(database_),
      attempts_(database_),
      nodes_(database_) {
  sqlite::migrate(database_, options.read_only, now());
  if (options.read_only) database_.execute("PRAGMA query_only = 1");
}

// One process writes, so its clock is the store's; it never goes back while the process lives.
core::Instant SqliteStore::Work::now() {
  last_now_ = std::max(last_now_, runtime_.wall());
  return last_now_;
}

template <class Body>
std::invoke_result_t<Body&> SqliteStore::Work::transaction(sqlite::Statement& begin, Body body) {
  try {
    begin.run();
    auto answer = body();
    commit_.run();
    return answer;
  } catch (const sqlite::Failure& failure) {
    // Of a failure that has rolled back by itself there is nothing left to undo.
    if (sqlite3_get_autocommit(database_.connection()) == 0) sqlite3_exec(database_.connection(), "ROLLBACK", nullptr, nullptr, nullptr);
    newest_definition_.reset();  // perhaps of a run that was never written, and whose id will be another's
    return fail(failure.error);
  }
}

template <class Body>
std::invoke_result_t<Body&> SqliteStore::Work::write(Body body) {
  return transaction(begin_write_, std::move(body));
}

template <class Body>
std::invoke_result_t<Body&> SqliteStore::Work::read(Body body) {
  return transaction(begin_read_, std::move(body));
}

template <class Answer, class Body>
Result<Answer> SqliteStore::Work::read_run(const core::RunKey& key, Body body) {
  return read([&]() -> Result<Answer> {
    auto run = runs_.find(key);
    if (!run) return fail(core::run_not_found(key));
    return body(*run);
  });
}

Result<core::RunKey> SqliteStore::Work::create_run(NewRun run) {
  if (auto bad = core::check_new_run(run.uuid, run.tasks, run.project_nodes)) return fail(std::move(*bad));
  return write([&]() -> Result<core::RunKey> {
    if (runs_.has(run.uuid)) {
      return fail({.code = "store.bad_run", .what = "another run has this uuid", .where = run.uuid.value(), .way_out = {}});
    }
    if (const auto unfinished = runs_.unfinished(run.project)) return fail(core::run_exists(*unfinished));
    StoredRun stored{.uuid = run.uuid,
                     .key = {run.user, run.project, {}},
                     .request = run.request,
                     .keep_going = run.keep_going,
                     .simulated = run.simulated};
    stored.row.record.created = now();
    runs_.insert(stored);
    auto definition = std::make_shared<core::RunDefinition>(core::RunDefinition{.id = stored.id,
                                                                                .uuid = stored.uuid,
                                                                                .key = stored.key,
                                                                                .request = stored.request,
                                                                                .keep_going = stored.keep_going,
                                                                                .simulated = stored.simulated,
                                                                                .tasks = std::move(run.tasks)});
    definitions_.insert(*definition);
    for (Index i = 0; i < definition->tasks.size(); ++i) {
      const auto& task = definition->tasks[i];
      tasks_.insert(stored.id, task, {.task = i, .state_since = stored.row.record.created, .reasons = task.reasons});
    }
    nodes_.begin_run(*definition, run.project_nodes);
    newest_definition_ = std::move(definition);
    return stored.key;
  });
}

Result<Woken> SqliteStore::Work::wake(const core::RunKey& key, const std::vector<JobId>& jobs) {
  return write([&]() -> Result<Woken> {
    auto run = runs_.find(key);
    if (!run) return fail(core::run_not_found(key));
    const auto before = run->row;
    // Written by no pass: it counts as written by the newest one, so that every later ticket brings it.
    for (const auto& job : jobs) attempts_.owe_release(run->id, job, run->row.fence);
    reopen(*run);
    Woken woken;
    if (run->row.open) woken.publish = core::wake(run->row, now());
    runs_.update(run->id, before, run->row);
    return woken;
  });
}

Result<Woken> SqliteStore::Work::desire(const core::RunKey& key, core::Desire desire) {
  return write([&]() -> Result<Woken> {
    auto run = runs_.find(key);
    if (!run) return fail(core::run_not_found(key));
    const auto before = run->row;
    const bool publish = core::desire(run->row, desire, now());
    runs_.update(run->id, before, run->row);
    return Woken{publish};
  });
}

Result<core::Ticket> SqliteStore::Work::begin_pass(const BeginPass& pass) {
  return write([&]() -> Result<core::Ticket> {
    auto run = runs_.find(pass.run);
    if (!run) return fail(core::run_not_found(pass.run));
    const auto before = run->row;
    const auto time = now();
    const auto begun = core::begin_pass(run->row, pass.replica, pass.excused, time);
    runs_.update(run->id, before, run->row);
    if (begun != core::Begun::pass) return fail(core::pass_refused(begun, pass.run, run->row, time));
    core::Ticket ticket{.run = run->id, .fence = run->row.fence, .mark = run->row.scheduled, .now = time, .record = run->row.record};
    if (pass.known == Fence::none()) ticket.definition = definition_of(*run);
    ticket.tasks = tasks_.records(run->id, pass.known);
    ticket.owed = attempts_.owed(run->id, pass.known);
    return ticket;
  });
}

Result<Committed> SqliteStore::Work::commit(const core::Ticket& ticket, const core::Decision& decision) {
  return write([&]() -> Result<Committed> {
    auto run = runs_.find(ticket.run);
    if (!run) return fail(core::run_fenced({}, false));
    if (!core::is_newest(run->row, ticket.fence)) return fail(core::run_fenced(run->key, core::is_pending(run->row)));
    const auto before = run->row;
    for (const auto& record : decision.tasks) write_task(*run, ticket.fence, record);
    for (const auto& attempt : decision.attempts) attempts_.write(run->id, ticket.fence, attempt);

    run->row.record.result = decision.result;
    run->row.record.started = decision.started;
    run->row.record.ended = decision.ended;
    const bool woken = core::commit(run->row, ticket.mark, now());
    run->row.wake_at = decision.wake_at;
    if (core::may_settle(woken)) {
      for (const auto& job : decision.settle) attempts_.settle(run->id, job, ticket.fence);
    }
    reopen(*run);
    runs_.update(run->id, before, run->row);
    return Committed{.woken = woken, .open = run->row.open};
  });
}

void SqliteStore::Work::write_task(const StoredRun& run, Fence fence, const core::TaskRecord& record) {
  const auto success = record.success ? store::to_json(*record.success) : std::string();
  tasks_.update(run.id, fence, record, success);
  if (run.newest) nodes_.update(run.key, run.id, record, success, record.success && record.success->simulated);  // R3
}

void SqliteStore::Work::reopen(StoredRun& run) {
  const bool certainly = !core::is_final(run.row.record.result) || core::is_pending(run.row);
  run.row.open = certainly || core::is_open(run.row, attempts_.owes(run.id));
}

Result<void> SqliteStore::Work::write_progress(const std::vector<ProgressWrite>& writes) {
  return write([&]() -> Result<void> {
    for (const auto& progress : writes) {
      if (const auto run = runs_.find(progress.run)) tasks_.write_progress(run->id, progress);
    }
    return {};
  });
}

Result<std::vector<core::RunKey>> SqliteStore::Work::mark_open_runs(std::size_t max, const std::function<bool(core::RunRow&)>& mark) {
  std::vector<core::RunKey> marked;
  for (auto& run : runs_.open_ones()) {
    if (marked.size() == max) break;
    const auto before = run.row;
    if (!mark(run.row)) continue;
    runs_.update(run.id, before, run.row);
    marked.push_back(run.key);
  }
  return marked;
}

Result<std::vector<core::RunKey>> SqliteStore::Work::due(DuePolicy policy, std::size_t max) {
  return write([&] {
    const auto time = now();
    return mark_open_runs(max, [&](core::RunRow& row) { return core::due(row, policy.revisit, policy.lost, time); });
  });
}

Result<void> SqliteStore::Work::join(const ReplicaId& replica) {
  return write([&]() -> Result<void> {
    // Of an earlier process nothing is needed any more; of this one all are in `living_`.
    if (living_.empty()) others_left_.run(replica.value());
    join_.run(replica.value(), BATON_VERSION, now());
    living_.insert(replica);
    return {};
  });
}

Result<std::vector<core::RunKey>> SqliteStore::Work::orphans(std::size_t max) {
  return write([&] {
    const auto time = now();
    return mark_open_runs(max, [&](core::RunRow& row) {
      if (core::rests(row) || row.follower.value().empty() || living_.contains(row.follower)) return false;
      core::orphan(row, time);
      return true;
    });
  });
}

std::shared_ptr<const core::RunDefinition> SqliteStore::Work::definition_of(const StoredRun& run) {
  if (!newest_definition_ || newest_definition_->id != run.id) newest_definition_ = definitions_.load(run);
  return newest_definition_;
}

Result<std::vector<RunView>> SqliteStore::Work::runs(const ProjectId& project, std::size_t max) {
  return read([&]() -> Result<std::vector<RunView>> {
    std::vector<RunView> views;
    for (auto& run : runs_.of_project(project, max)) views.push_back(view_of(std::move(run)));
    return views;
  });
}

Result<RunView> SqliteStore::Work::run(const core::RunKey& key) {
  return read_run<RunView>(key, [](StoredRun& run) { return view_of(std::move(run)); });
}

Result<std::vector<TaskView>> SqliteStore::Work::tasks(const core::RunKey& key, Fence since) {
  return read_run<std::vector<TaskView>>(key, [&](const StoredRun& run) { return tasks_.views(run.id, since); });
}

Result<std::vector<core::AttemptRecord>> SqliteStore::Work::attempts(const core::RunKey& key, const std::optional<NodeId>& node) {
  return read_run<std::vector<core::AttemptRecord>>(key, [&](const StoredRun& run) { return attempts_.of_run(run.id, node); });
}

Result<std::shared_ptr<const core::RunDefinition>> SqliteStore::Work::definition(const core::RunKey& key) {
  return read_run<std::shared_ptr<const core::RunDefinition>>(key, [&](const StoredRun& run) { return definition_of(run); });
}

Result<std::vector<NodeView>> SqliteStore::Work::nodes(const ProjectId& project) {
  return read([&]() -> Result<std::vector<NodeView>> { return nodes_.of_project(project); });
}

}  // namespace baton
