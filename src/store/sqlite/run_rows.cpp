#include <limits>

#include "store/sqlite/rows.hpp"
#include "store/sqlite/values.hpp"

namespace baton::sqlite {
namespace {

#define RUN_COLUMNS                                                                                                           \
  "run_id, uuid, user_id, project_uuid, iteration, request, keep_going, simulated, newest, result, desire, cancelled, held, " \
  "created, started, ended, scheduled, processed, wake_at, published, republished, fence, committed, failures, begun_by, "    \
  "follower, open, last_failure, collection_run_id, metadata, no_room_since, has_turn"

StoredRun read(const Database& database, Statement::Rows& rows) {
  StoredRun run;
  run.id = RunId(rows.number());
  run.uuid = RunUuid(std::string(rows.text()));
  run.key.user = UserId(rows.number());
  run.key.project = ProjectId(std::string(rows.text()));
  run.key.iteration = Iteration(rows.number());
  run.request = rows.text();
  run.keep_going = rows.truth();
  run.simulated = rows.truth();
  run.newest = rows.truth();
  auto& record = run.row.record;
  const auto result = rows.text();
  record.result = known(database, core::state_from(result), result);
  const auto desire = rows.text();
  record.desire = known(database, core::desire_from(desire), desire);
  record.desired_at = rows.some_instant();
  record.held = rows.truth();
  record.created = rows.instant();
  record.started = rows.some_instant();
  record.ended = rows.some_instant();
  run.row.scheduled = rows.some_instant();
  run.row.processed = rows.some_instant();
  run.row.wake_at = rows.some_instant();
  run.row.published = rows.some_instant();
  run.row.republished = rows.small_number();
  run.row.fence = Fence(rows.number());
  run.row.committed = Fence(rows.number());
  run.row.failures = rows.small_number();
  run.row.begun_by = ReplicaId(std::string(rows.text()));
  run.row.follower = ReplicaId(std::string(rows.text()));
  run.row.open = rows.truth();
  run.row.last_failure = rows.text();
  run.collection = rows.some_text().value_or(std::string_view());
  run.metadata = rows.some_text().value_or(std::string_view());
  record.no_room_since = rows.some_instant();
  record.has_turn = rows.truth();
  return run;
}

std::vector<StoredRun> read_all(const Database& database, Statement::Rows rows) {
  std::vector<StoredRun> runs;
  while (rows.next()) runs.push_back(read(database, rows));
  return runs;
}

std::optional<StoredRun> read_one(const Database& database, Statement::Rows rows) {
  if (!rows.next()) return std::nullopt;
  return read(database, rows);
}

std::optional<core::RunKey> key_in(Statement::Rows rows, const ProjectId& project) {
  if (!rows.next()) return std::nullopt;
  const UserId user(rows.number());
  return core::RunKey{user, project, Iteration(rows.number())};
}

}  // namespace

ProjectRows::ProjectRows(Database& database)
    : find_(database, "SELECT prj_owner, name, document FROM projects WHERE uuid = ?"),
      put_(database, "INSERT OR REPLACE INTO projects (uuid, prj_owner, name, document) VALUES (?, ?, ?, ?)") {}

std::optional<ProjectDocument> ProjectRows::find(const ProjectId& id) {
  auto rows = find_.rows(id.value());
  if (!rows.next()) return std::nullopt;
  ProjectDocument project{.id = id, .user = UserId(rows.number())};
  project.name = rows.text();
  project.document = rows.text();
  return project;
}

void ProjectRows::put(const ProjectDocument& project) {
  put_.run(project.id.value(), project.user.value(), project.name, project.document);
}

RunRows::RunRows(Database& database)
    : database_(database),
      by_key_(database, "SELECT " RUN_COLUMNS " FROM comp_runs WHERE project_uuid = ? AND user_id = ? AND iteration = ?"),
      by_id_(database, "SELECT " RUN_COLUMNS " FROM comp_runs WHERE run_id = ?"),
      of_project_(database, "SELECT " RUN_COLUMNS " FROM comp_runs WHERE project_uuid = ? ORDER BY run_id DESC LIMIT ?"),
      open_(database, "SELECT " RUN_COLUMNS " FROM comp_runs INDEXED BY ix_comp_runs_open WHERE open = 1 ORDER BY run_id"),
      in_line_(database,
               "SELECT 1 FROM comp_runs INDEXED BY ix_comp_runs_open"
               " WHERE open = 1 AND user_id = ? AND run_id <> ? AND no_room_since IS NOT NULL AND has_turn = 0 LIMIT 1"),
      unfinished_(database,
                  "SELECT user_id, iteration FROM comp_runs"
                  " WHERE project_uuid = ? AND result NOT IN ('SUCCESS', 'FAILED', 'ABORTED')"),
      has_uuid_(database, "SELECT 1 FROM comp_runs WHERE uuid = ?"),
      iteration_(database, "SELECT coalesce(max(iteration), 0) + 1 FROM comp_runs WHERE project_uuid = ? AND user_id = ?"),
      not_newest_(database, "UPDATE comp_runs SET newest = 0 WHERE project_uuid = ? AND newest = 1"),
      of_collection_(database, "SELECT user_id, iteration FROM comp_runs WHERE project_uuid = ? AND collection_run_id = ?"),
      insert_(database,
              "INSERT INTO comp_runs (uuid, user_id, project_uuid, iteration, request, keep_going, simulated, newest, result, "
              "created, collection_run_id, metadata)"
              " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)"),
      // In two, as the columns of the second are in indexes that a pass seldom has to touch.
      update_marks_(database,
                    "UPDATE comp_runs SET scheduled = ?, processed = ?, wake_at = ?, published = ?, republished = ?, fence = ?,"
                    " committed = ?, failures = ?, begun_by = ?, follower = ?, last_failure = ? WHERE run_id = ?"),
      update_record_(database,
                     "UPDATE comp_runs SET result = ?, desire = ?, cancelled = ?, held = ?, started = ?, ended = ?, open = ?,"
                     " no_room_since = ?, has_turn = ? WHERE run_id = ?") {}

std::optional<StoredRun> RunRows::find(const core::RunKey& key) {
  return read_one(database_, by_key_.rows(key.project.value(), key.user.value(), key.iteration.value()));
}

std::optional<StoredRun> RunRows::find(RunId id) { return read_one(database_, by_id_.rows(id.value())); }

std::vector<StoredRun> RunRows::of_project(const ProjectId& project, std::size_t max) {
  const auto limit = std::min(max, std::size_t{std::numeric_limits<std::int32_t>::max()});
  return read_all(database_, of_project_.rows(project.value(), limit));
}

std::vector<StoredRun> RunRows::open_ones() { return read_all(database_, open_.rows()); }

bool RunRows::others_in_line(UserId user, RunId run) { return in_line_.rows(user.value(), run.value()).next(); }

std::optional<core::RunKey> RunRows::unfinished(const ProjectId& project) {
  return key_in(unfinished_.rows(project.value()), project);
}

std::optional<core::RunKey> RunRows::of_collection(const ProjectId& project, const std::string& collection) {
  return key_in(of_collection_.rows(project.value(), collection), project);
}

bool RunRows::has(const RunUuid& uuid) { return has_uuid_.rows(uuid.value()).next(); }

void RunRows::insert(StoredRun& run) {
  {
    auto rows = iteration_.rows(run.key.project.value(), run.key.user.value());
    run.key.iteration = Iteration(rows.next() ? rows.number() : 1);
  }
  not_newest_.run(run.key.project.value());
  insert_.run(run.uuid.value(), run.key.user.value(), run.key.project.value(), run.key.iteration.value(), run.request,
              run.keep_going, run.simulated, core::to_db(run.row.record.result), run.row.record.created, if_any(run.collection),
              if_any(run.metadata));
  run.id = RunId(sqlite3_last_insert_rowid(database_.connection()));
  run.newest = true;
}

void RunRows::update(RunId id, const core::RunRow& before, const core::RunRow& after) {
  if (before == after) return;
  update_marks_.run(after.scheduled, after.processed, after.wake_at, after.published, after.republished, after.fence.value(),
                    after.committed.value(), after.failures, after.begun_by.value(), after.follower.value(), after.last_failure,
                    id.value());
  if (before.record == after.record && before.open == after.open) return;
  const auto& record = after.record;
  update_record_.run(core::to_db(record.result), core::to_text(record.desire), record.desired_at, record.held, record.started,
                     record.ended, after.open, record.no_room_since, record.has_turn, id.value());
}

}  // namespace baton::sqlite
