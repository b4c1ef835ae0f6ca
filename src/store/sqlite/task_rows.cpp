#include <map>

#include "store/sqlite/rows.hpp"
#include "store/sqlite/values.hpp"

namespace baton::sqlite {
namespace {

#define TASK_COLUMNS                                                                                                         \
  "snapshot_task_id, node_id, state, state_since, attempt, job_id, seen, failures, lost, waiting, ready_since, not_before, " \
  "submitted, start, \"end\", exit_code, log, reused, progress, reasons, errors, success"

TaskView read(const Database& database, Statement::Rows& rows) {
  TaskView view;
  auto& record = view.record;
  record.task = task_of(rows.number());
  view.node = NodeId(std::string(rows.text()));
  const auto state = rows.text();
  record.state = known(database, core::state_from(state), state);
  record.state_since = rows.instant();
  record.attempt = rows.small_number();
  if (const auto job = rows.some_text()) record.job = JobId(std::string(*job));
  record.seen = rows.truth();
  record.failures = rows.small_number();
  record.lost = rows.small_number();
  const auto waiting = rows.text();
  record.waiting = known(database, core::waiting_from(waiting), waiting);
  record.ready_since = rows.some_instant();
  record.not_before = rows.some_instant();
  record.submitted = rows.some_instant();
  record.started = rows.some_instant();
  record.ended = rows.some_instant();
  record.exit_code = rows.some_number();
  record.log = rows.text();
  record.reused = rows.truth();
  view.progress = rows.some_real();
  record.reasons = decoded(database, store::reasons_from(rows.text()));
  record.errors = errors_from_column(database, rows.some_text());
  record.success = success_from_column(database, rows.some_text());
  // Core stops the process at these; a damaged file must not reach it.
  if (core::is_live(record.state) && !record.job)
    throw_damaged(database, "task '" + view.node.value() + "' is live and has no job");
  if (record.state == core::State::success && !record.success) {
    throw_damaged(database, "task '" + view.node.value() + "' has succeeded and has no outputs");
  }
  return view;
}

std::optional<std::string> job_column(const core::TaskRecord& record) {
  return record.job ? std::optional(record.job->value()) : std::nullopt;
}

}  // namespace

DefinitionRows::DefinitionRows(Database& database)
    : database_(database),
      insert_steps_(database, "INSERT INTO comp_run_definitions (run_id, steps) VALUES (?, ?)"),
      insert_task_(database, "INSERT INTO comp_run_task_definitions (snapshot_task_id, definition) VALUES (?, ?)"),
      steps_(database, "SELECT steps FROM comp_run_definitions WHERE run_id = ?"),
      tasks_(
          database,
          "SELECT definition FROM comp_run_task_definitions WHERE snapshot_task_id BETWEEN ? AND ? ORDER BY snapshot_task_id") {}

void DefinitionRows::insert(const core::RunDefinition& definition) {
  store::Steps steps;
  std::map<std::shared_ptr<const core::Step>, std::size_t> positions;
  for (const auto& task : definition.tasks) {
    if (positions.try_emplace(task.node.step, steps.size()).second) steps.push_back(task.node.step);
  }
  insert_steps_.run(definition.id.value(), store::to_json(steps));
  for (std::size_t i = 0; i < definition.tasks.size(); ++i) {
    const auto& task = definition.tasks[i];
    insert_task_.run(task_id(definition.id, i), store::to_json(task, positions.at(task.node.step)));
  }
}

std::shared_ptr<const core::RunDefinition> DefinitionRows::load(const StoredRun& run) {
  core::RunDefinition definition{.id = run.id,
                                 .uuid = run.uuid,
                                 .key = run.key,
                                 .request = run.request,
                                 .keep_going = run.keep_going,
                                 .simulated = run.simulated};
  store::Steps steps;
  {
    auto rows = steps_.rows(run.id.value());
    if (!rows.next()) throw_damaged(database_, "run " + std::to_string(run.id.value()) + " has no steps");
    steps = decoded(database_, store::steps_from(rows.text()));
  }
  auto rows = tasks_.rows(task_id(run.id, 0), task_id(RunId(run.id.value() + 1), 0) - 1);
  while (rows.next()) definition.tasks.push_back(decoded(database_, store::task_from(rows.text(), steps)));
  return std::make_shared<const core::RunDefinition>(std::move(definition));
}

TaskRows::TaskRows(Database& database)
    : database_(database),
      insert_(database,
              "INSERT INTO comp_run_snapshot_tasks (snapshot_task_id, run_id, node_id, state, state_since, reasons)"
              " VALUES (?, ?, ?, ?, ?, ?)"),
      update_(database,
              "UPDATE comp_run_snapshot_tasks SET changed_in = ?2, state = ?3, state_since = ?4, attempt = ?5,"
              " progress = CASE WHEN ?3 IN ('SUCCESS', 'FAILED', 'ABORTED') THEN 1 WHEN job_id IS ?6 THEN progress END,"
              " job_id = ?6, seen = ?7, failures = ?8, lost = ?9, waiting = ?10,"
              " ready_since = ?11, not_before = ?12, submitted = ?13, start = ?14, \"end\" = ?15, exit_code = ?16, log = ?17,"
              " reused = ?18, reasons = ?19, errors = ?20, success = ?21 WHERE snapshot_task_id = ?1"),
      since_(database, "SELECT " TASK_COLUMNS
                       " FROM comp_run_snapshot_tasks WHERE snapshot_task_id BETWEEN ? AND ? AND changed_in > ?"
                       " ORDER BY snapshot_task_id"),
      progress_(database,
                "UPDATE comp_run_snapshot_tasks SET progress = ?2 WHERE snapshot_task_id = ?1 AND job_id = ?3"
                " AND state IN ('PENDING', 'WAITING_FOR_CLUSTER', 'WAITING_FOR_RESOURCES', 'RUNNING')"
                " AND (progress IS NULL OR progress < ?2)"),
      waiting_(database,
               "SELECT count(*) FROM comp_run_snapshot_tasks WHERE snapshot_task_id BETWEEN ? AND ?"
               " AND state IN ('PENDING', 'WAITING_FOR_RESOURCES')") {}

void TaskRows::insert(RunId run, const core::TaskDefinition& definition, const core::TaskRecord& record) {
  insert_.run(task_id(run, record.task), run.value(), definition.node.id.value(), core::to_db(record.state), record.state_since,
              store::to_json(record.reasons));
}

void TaskRows::update(RunId run, Fence fence, const core::TaskRecord& record, const std::string& success) {
  const int written =
      update_.run(task_id(run, record.task), fence.value(), core::to_db(record.state), record.state_since, record.attempt,
                  job_column(record), record.seen, record.failures, record.lost, core::to_text(record.waiting),
                  record.ready_since, record.not_before, record.submitted, record.started, record.ended, record.exit_code,
                  record.log, record.reused, store::to_json(record.reasons), errors_column(record.errors), if_any(success));
  BATON_ASSERT(written == 1);
}

template <class Take>
void TaskRows::walk(RunId run, Fence since, Take take) {
  auto rows = since_.rows(task_id(run, 0), task_id(RunId(run.value() + 1), 0) - 1, since.value());
  while (rows.next()) take(read(database_, rows));
}

std::vector<core::TaskRecord> TaskRows::records(RunId run, Fence since) {
  std::vector<core::TaskRecord> records;
  walk(run, since, [&records](TaskView view) { records.push_back(std::move(view.record)); });
  return records;
}

std::vector<TaskView> TaskRows::views(RunId run, Fence since) {
  std::vector<TaskView> views;
  walk(run, since, [&views](TaskView view) { views.push_back(std::move(view)); });
  return views;
}

void TaskRows::write_progress(RunId run, const ProgressWrite& write) {
  progress_.run(task_id(run, write.task), std::clamp(write.progress, 0.0, 1.0), write.job.value());
}

std::uint32_t TaskRows::count_waiting(RunId run) {
  auto rows = waiting_.rows(task_id(run, 0), task_id(RunId(run.value() + 1), 0) - 1);
  return rows.next() ? static_cast<std::uint32_t>(rows.number()) : 0;
}

}  // namespace baton::sqlite
