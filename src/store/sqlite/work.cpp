#include "store/sqlite/work.hpp"

#include <algorithm>
#include <utility>

#include "store/sqlite/migrate.hpp"
#include "store/sqlite/values.hpp"

namespace baton {

using sqlite::StoredRun;

namespace {

// A file that was put back has nobody who remembers another one: the process that works on it read it whole.
constexpr std::int64_t incarnation = 0;

RunView view_of(StoredRun run) {
  auto uuid = run.uuid.value();
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
          .last_failure = std::move(run.row.last_failure),
          .follower = std::move(run.row.follower),
          .collection = run.collection.empty() ? std::move(uuid) : std::move(run.collection)};
}

}  // namespace

SqliteStore::Work::Work(Runtime& runtime, const Options& options)
    : runtime_(runtime),
      database_({.path = options.path, .read_only = options.read_only}),
      begin_write_(database_, "BEGIN IMMEDIATE"),
      begin_read_(database_, "BEGIN"),
      commit_(database_, "COMMIT"),
      version_(database_, "PRAGMA data_version"),
      join_(database_,
            "INSERT INTO replicas (id, version, seen) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen"),
      others_left_(database_, "DELETE FROM replicas WHERE id <> ?"),
      projects_(database_),
      runs_(database_),
      definitions_(database_),
      tasks_(database_),
      attempts_(database_),
      nodes_(database_) {
  sqlite::migrate(database_, options.read_only, now());
  if (options.read_only) database_.execute("PRAGMA query_only = 1");
}

// One process writes, so its clock is the store's. It never goes back while the process lives, and never stands still: set back, it goes on
// from where it was.
core::Instant SqliteStore::Work::now() {
  const auto steady = runtime_.steady();
  const auto elapsed = last_now_ == core::Instant{} ? core::Duration::zero() : steady - last_steady_;
  const auto wall = runtime_.wall();
  last_now_ = wall < last_now_ ? last_now_ + elapsed : wall;
  last_steady_ = steady;
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
    if (sqlite3_get_autocommit(database_.connection()) == 0)
      sqlite3_exec(database_.connection(), "ROLLBACK", nullptr, nullptr, nullptr);
    forget();  // perhaps of a run that was never written, and whose id will be another's
    return fail(failure.error);
  }
}

template <class Body>
std::invoke_result_t<Body&> SqliteStore::Work::write(Body body) {
  return transaction(begin_write_, [&] {
    forget_if_others_wrote();
    return body();
  });
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

void SqliteStore::Work::forget_if_others_wrote() {
  auto rows = version_.rows();
  const auto version = rows.next() ? rows.number() : 0;
  if (std::exchange(data_version_, version) != version) forget();
}

void SqliteStore::Work::forget() {
  introduced_.clear();
  newest_definition_.reset();
  cache_.clear();
  cached_ids_.clear();
}

sqlite::CachedRun* SqliteStore::Work::remember(StoredRun run, bool is_new) {
  constexpr std::size_t runs_max = 64;
  if (cache_.size() == runs_max) {
    cache_.clear();
    cached_ids_.clear();
  }
  cached_ids_[run.id] = run.key;
  const auto key = run.key;
  return &cache_.insert_or_assign(key, sqlite::CachedRun(std::move(run), is_new)).first->second;
}

sqlite::CachedRun* SqliteStore::Work::load(const core::RunKey& key) {
  if (const auto found = cache_.find(key); found != cache_.end()) return &found->second;
  auto run = runs_.find(key);
  return run ? remember(std::move(*run), false) : nullptr;
}

sqlite::CachedRun* SqliteStore::Work::load(RunId id) {
  if (const auto found = cached_ids_.find(id); found != cached_ids_.end()) return &cache_.at(found->second);
  auto run = runs_.find(id);
  return run ? remember(std::move(*run), false) : nullptr;
}

void SqliteStore::Work::save(const sqlite::CachedRun& cached, const core::RunRow& before) {
  runs_.update(cached.run.id, before, cached.run.row);
}

bool SqliteStore::Work::still_open(const StoredRun& run) {
  const bool certainly = !core::is_final(run.row.record.result) || core::is_pending(run.row);
  return certainly || core::is_open(run.row, attempts_.owes(run.id));
}

std::vector<sqlite::AttemptKey> SqliteStore::Work::attempts_of(sqlite::CachedRun& cached, const JobId& job) {
  if (!cached.jobs_known) {
    for (const auto& [known, attempt] : attempts_.jobs(cached.run.id)) cached.jobs.emplace(std::hash<JobId>()(known), attempt);
    cached.jobs_known = true;
  }
  std::vector<sqlite::AttemptKey> attempts;
  const auto [first, last] = cached.jobs.equal_range(std::hash<JobId>()(job));
  for (auto at = first; at != last; ++at) attempts.push_back(at->second);
  return attempts;
}

Result<void> SqliteStore::Work::put_project(const ProjectDocument& project) {
  return write([&]() -> Result<void> {
    const auto before = projects_.find(project.id);
    if (before && before->user != project.user) return fail(core::project_of_another(project.id));
    projects_.put(project);
    return {};
  });
}

Result<ProjectDocument> SqliteStore::Work::project(const ProjectId& id) {
  return read([&]() -> Result<ProjectDocument> {
    auto found = projects_.find(id);
    if (!found) return fail(core::project_not_found(id));
    return std::move(*found);
  });
}

Result<void> SqliteStore::Work::restamp(const ProjectId& project, const std::vector<Restamped>& successes) {
  return write([&]() -> Result<void> {
    for (const auto& [node, success] : successes) nodes_.restamp(project, node, *success);
    return {};
  });
}

Result<core::RunKey> SqliteStore::Work::create_run(NewRun run) {
  if (auto bad = core::check_new_run(run.uuid, run.tasks, run.project_nodes)) return fail(std::move(*bad));
  return write([&]() -> Result<core::RunKey> {
    if (runs_.has(run.uuid)) {
      return fail({.code = "store.bad_run", .what = "another run has this uuid", .where = run.uuid.value(), .way_out = {}});
    }
    if (const auto begun = runs_.of_collection(run.project, run.collection); begun && !run.collection.empty())
      return fail(core::collection_exists(*begun));
    if (const auto unfinished = runs_.unfinished(run.project)) return fail(core::run_exists(*unfinished));
    StoredRun stored{.uuid = run.uuid,
                     .key = {run.user, run.project, {}},
                     .request = run.request,
                     .keep_going = run.keep_going,
                     .simulated = run.simulated,
                     .collection = run.collection,
                     .metadata = run.metadata};
    stored.row.record.created = now();
    runs_.insert(stored);
    for (auto& [key, other] : cache_) {
      if (key.project == run.project) other.run.newest = false;
    }
    auto definition = std::make_shared<core::RunDefinition>(core::RunDefinition{.id = stored.id,
                                                                                .uuid = stored.uuid,
                                                                                .key = stored.key,
                                                                                .request = stored.request,
                                                                                .keep_going = stored.keep_going,
                                                                                .simulated = stored.simulated,
                                                                                .tasks = std::move(run.tasks)});
    definitions_.insert(*definition);
    auto* cached = remember(std::move(stored), true);
    for (Index i = 0; i < definition->tasks.size(); ++i) {
      const auto& task = definition->tasks[i];
      core::TaskRecord record{.task = i, .state_since = cached->run.row.record.created, .reasons = task.reasons};
      tasks_.insert(definition->id, task, record);
      cached->tasks.wrote(i, Fence(0), std::move(record));
    }
    nodes_.begin_run(*definition, run.project_nodes);
    newest_definition_ = std::move(definition);
    return newest_definition_->key;
  });
}

Result<Woken> SqliteStore::Work::wake(const core::RunKey& key, const std::vector<JobId>& jobs) {
  return write([&]() -> Result<Woken> {
    auto* cached = load(key);
    if (cached == nullptr) return fail(core::run_not_found(key));
    auto& run = cached->run;
    const auto before = run.row;
    for (const auto& job : jobs) {
      for (const auto attempt : attempts_of(*cached, job)) {
        // Written by no pass: it counts as written by the newest one, so that every later ticket brings it.
        auto owed = attempts_.owe_release(run.id, attempt, job, run.row.fence);
        if (owed) cached->owed.wrote(attempt, run.row.fence, std::move(*owed));
      }
    }
    run.row.open = still_open(run);
    Woken woken{.publish = false, .follower = run.row.follower};
    if (run.row.open) woken.publish = core::wake(run.row, now());
    save(*cached, before);
    return woken;
  });
}

Result<Woken> SqliteStore::Work::desire(const core::RunKey& key, core::Desire desire) {
  return write([&]() -> Result<Woken> {
    auto* cached = load(key);
    if (cached == nullptr) return fail(core::run_not_found(key));
    const auto before = cached->run.row;
    const bool publish = core::desire(cached->run.row, desire, now());
    save(*cached, before);
    return Woken{.publish = publish, .follower = cached->run.row.follower};
  });
}

Result<core::Ticket> SqliteStore::Work::begin_pass(const BeginPass& pass) {
  return write([&]() -> Result<core::Ticket> {
    auto* cached = load(pass.run);
    if (cached == nullptr) return fail(core::run_not_found(pass.run));
    auto& run = cached->run;
    const auto before = run.row;
    const auto time = now();
    const auto begun = core::begin_pass(run.row, pass.replica, pass.excused, pass.failure, incarnation, time);
    introduce(pass.replica);
    save(*cached, before);
    if (begun != core::Begun::pass) return fail(core::pass_refused(begun, pass.run, run.row, time));
    core::Ticket ticket{.run = run.id, .fence = run.row.fence, .mark = run.row.scheduled, .now = time, .record = run.row.record};
    ticket.record.processed = run.row.processed;
    const bool all = pass.known == Fence::none();
    if (all) ticket.definition = definition_of(run);
    ticket.tasks = cached->tasks.knows_since(pass.known) ? cached->tasks.since(pass.known) : tasks_.records(run.id, pass.known);
    ticket.owed =
        !all && cached->owed.knows_since(pass.known) ? cached->owed.since(pass.known) : attempts_.owed(run.id, pass.known);
    return ticket;
  });
}

Result<Committed> SqliteStore::Work::commit(const core::Ticket& ticket, const core::Decision& decision) {
  return write([&]() -> Result<Committed> {
    auto* cached = load(ticket.run);
    if (cached == nullptr) return fail(core::run_fenced({}, false));
    auto& row = cached->run.row;
    if (!core::is_newest(row, ticket.fence)) return fail(core::run_fenced(cached->run.key, core::is_pending(row)));
    const auto before = row;
    for (const auto& record : decision.tasks) write_task(*cached, ticket.fence, record);
    for (const auto& attempt : decision.attempts) write_attempt(*cached, ticket.fence, attempt);

    row.record.result = decision.result;
    row.record.started = decision.started;
    row.record.ended = decision.ended;
    row.record.no_room_since = decision.no_room_since;
    const bool woken = core::commit(row, ticket.mark, now());
    row.wake_at = decision.wake_at;
    if (core::may_settle(woken)) {
      for (const auto& job : decision.settle) settle(*cached, ticket.fence, job);
    }
    row.open = still_open(cached->run);
    save(*cached, before);
    return Committed{.woken = woken, .open = row.open, .line = runs_.others_in_line(cached->run.key.user, ticket.run)};
  });
}

void SqliteStore::Work::write_task(sqlite::CachedRun& cached, Fence fence, const core::TaskRecord& record) {
  const auto& run = cached.run;
  tasks_.update(run.id, fence, record, record.success ? store::to_json(*record.success) : std::string());
  if (record.success && run.newest) nodes_.succeeded(run.key, run.id, record.task, record.success->simulated);  // R3
  cached.tasks.wrote(record.task, fence, record);
}

void SqliteStore::Work::write_attempt(sqlite::CachedRun& cached, Fence fence, const core::AttemptRecord& attempt) {
  const sqlite::AttemptKey key(attempt.task, attempt.attempt);
  attempts_.write(cached.run.id, fence, attempt);
  if (cached.jobs_known && !std::ranges::count(attempts_of(cached, attempt.job), key)) {
    cached.jobs.emplace(std::hash<JobId>()(attempt.job), key);
  }
  if (attempt.outcome == core::Outcome::open) return;
  cached.owed.wrote(key, fence,
                    {.task = attempt.task,
                     .attempt = attempt.attempt,
                     .job = attempt.job,
                     .owed = attempt.owed,
                     .since = attempt.ended.value_or(core::Instant{})});
}

void SqliteStore::Work::settle(sqlite::CachedRun& cached, Fence fence, const JobId& job) {
  for (const auto attempt : attempts_of(cached, job)) {
    auto settled = attempts_.settle(cached.run.id, attempt, job, fence);
    if (settled) cached.owed.wrote(attempt, fence, std::move(*settled));
  }
}

Result<void> SqliteStore::Work::write_progress(const std::vector<ProgressWrite>& writes) {
  return write([&]() -> Result<void> {
    for (const auto& progress : writes) {
      if (const auto* cached = load(progress.run)) tasks_.write_progress(cached->run.id, progress);
    }
    return {};
  });
}

Result<std::vector<core::RunKey>> SqliteStore::Work::mark_open_runs(std::size_t max,
                                                                    const std::function<bool(core::RunRow&)>& mark) {
  std::vector<core::RunKey> marked;
  for (const auto& open : runs_.open_ones()) {
    if (marked.size() == max) break;
    auto* cached = load(open.key);
    const auto before = cached->run.row;
    if (!mark(cached->run.row)) continue;
    save(*cached, before);
    marked.push_back(open.key);
  }
  return marked;
}

Result<std::vector<core::RunKey>> SqliteStore::Work::due(DuePolicy policy, std::size_t max) {
  return write([&] {
    const auto time = now();
    return mark_open_runs(max, [&](core::RunRow& row) { return core::due(row, policy.revisit, policy.lost, incarnation, time); });
  });
}

// In memory only: a process that finds nothing to do then writes nothing, and waits for no disk.
Result<void> SqliteStore::Work::join(const ReplicaId& replica) {
  living_.insert(replica);
  gone_.erase(replica);
  return {};
}

// Of an earlier process nothing is needed any more.
void SqliteStore::Work::introduce(const ReplicaId& replica) {
  if (introduced_.contains(replica) || !living_.contains(replica)) return;
  if (introduced_.empty()) others_left_.run(replica.value());
  join_.run(replica.value(), BATON_VERSION, now());
  introduced_.insert(replica);
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

Result<Crowd> SqliteStore::Work::crowd() {
  return read([&]() -> Result<Crowd> {
    Crowd crowd;
    for (const auto& run : runs_.open_ones()) {
      if (core::rests(run.row)) continue;
      if (const auto jobs = tasks_.count_waiting(run.id); jobs > 0) crowd.runs.push_back({run.key, jobs});
      if (core::is_in_line(run.row)) ++crowd.in_line[run.key.user];
    }
    return crowd;
  });
}

Result<std::vector<core::RunKey>> SqliteStore::Work::give_turns(UserId user, std::uint32_t waiting_max) {
  return write([&]() -> Result<std::vector<core::RunKey>> {
    std::set<std::pair<core::Instant, core::RunKey>> waiting;
    std::size_t taken = 0;
    for (const auto& open : runs_.open_ones()) {
      if (open.key.user != user || core::rests(open.row)) continue;
      taken += tasks_.count_waiting(open.id) + (core::has_turn(open.row) ? 1 : 0);
      if (core::is_in_line(open.row)) waiting.emplace(*open.row.record.no_room_since, open.key);
    }
    const auto time = now();
    std::vector<core::RunKey> given;
    for (const auto& [since, key] : waiting) {
      if (taken + given.size() >= waiting_max) break;
      auto* cached = load(key);
      const auto before = cached->run.row;
      core::give_turn(cached->run.row, time);
      save(*cached, before);
      given.push_back(key);
    }
    return given;
  });
}

Result<std::vector<RunView>> SqliteStore::Work::held(std::size_t max) {
  return read([&]() -> Result<std::vector<RunView>> {
    std::vector<RunView> views;
    for (auto& run : runs_.open_ones()) {
      if (views.size() == max) break;
      if (run.row.record.held) views.push_back(view_of(std::move(run)));
    }
    return views;
  });
}

Result<Woken> SqliteStore::Work::release_held(const core::RunKey& key) {
  return write([&]() -> Result<Woken> {
    auto* cached = load(key);
    if (cached == nullptr) return fail(core::run_not_found(key));
    const auto before = cached->run.row;
    const bool publish = core::release_held(cached->run.row, now());
    save(*cached, before);
    return Woken{.publish = publish, .follower = cached->run.row.follower};
  });
}

Result<std::vector<core::RunKey>> SqliteStore::Work::changed(const std::vector<Watched>& runs) {
  return read([&]() -> Result<std::vector<core::RunKey>> {
    std::vector<core::RunKey> changed;
    for (const auto& watched : runs) {
      const auto run = runs_.find(watched.run);
      if (!run || run->row.fence > watched.known) changed.push_back(watched.run);
    }
    return changed;
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
