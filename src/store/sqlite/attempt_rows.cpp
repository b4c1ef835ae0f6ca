#include "store/sqlite/rows.hpp"
#include "store/sqlite/values.hpp"

namespace baton::sqlite {
namespace {

#define ATTEMPT_COLUMNS "task, attempt, job_id, why, outcome, owed, submitted, start, \"end\", exit_code, log, errors"

core::AttemptRecord read(const Database& database, Statement::Rows& rows) {
  core::AttemptRecord attempt;
  attempt.task = static_cast<Index>(rows.number());
  attempt.attempt = rows.small_number();
  attempt.job = JobId(std::string(rows.text()));
  attempt.why = rows.text();
  const auto outcome = rows.text();
  attempt.outcome = known(database, core::outcome_from(outcome), outcome);
  const auto owed = rows.text();
  attempt.owed = known(database, core::owed_from(owed), owed);
  attempt.submitted = rows.some_instant();
  attempt.started = rows.some_instant();
  attempt.ended = rows.some_instant();
  attempt.exit_code = rows.some_number();
  attempt.log = rows.text();
  attempt.errors = errors_from_column(database, rows.some_text());
  return attempt;
}

core::OwedRecord read_owed(const Database& database, Statement::Rows& rows) {
  core::OwedRecord record;
  record.task = static_cast<Index>(rows.number());
  record.attempt = rows.small_number();
  record.job = JobId(std::string(rows.text()));
  const auto owed = rows.text();
  record.owed = known(database, core::owed_from(owed), owed);
  record.since = rows.some_instant().value_or(core::Instant{});
  return record;
}

// Of an UPDATE by primary key: one row, or none.
std::optional<core::OwedRecord> read_changed(const Database& database, Statement::Rows rows) {
  if (!rows.next()) return std::nullopt;
  return read_owed(database, rows);
}

}  // namespace

AttemptRows::AttemptRows(Database& database)
    : database_(database),
      write_(database,
             "INSERT INTO comp_task_attempts (run_id, task, attempt, changed_in, job_id, why, outcome, owed, submitted, start, "
             "\"end\","
             " exit_code, log, errors) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
             " ON CONFLICT (run_id, task, attempt) DO UPDATE SET changed_in = ?4, job_id = ?5,"
             " why = CASE ?6 WHEN '' THEN why ELSE ?6 END, outcome = ?7, owed = ?8,"
             " submitted = ?9, start = ?10, \"end\" = ?11, exit_code = ?12, log = ?13, errors = ?14"),
      owing_(database,
             "SELECT task, attempt, job_id, owed, \"end\" FROM comp_task_attempts WHERE run_id = ? AND owed <> 'nothing'"
             " AND outcome <> 'open' ORDER BY task, attempt"),
      owed_since_(database,
                  "SELECT task, attempt, job_id, owed, \"end\" FROM comp_task_attempts"
                  " WHERE run_id = ? AND changed_in > ? AND outcome <> 'open' ORDER BY task, attempt"),
      owes_(database, "SELECT 1 FROM comp_task_attempts WHERE run_id = ? AND owed <> 'nothing' LIMIT 1"),
#define CHANGED " RETURNING task, attempt, job_id, owed, \"end\""
      owe_release_(
          database,
          "UPDATE comp_task_attempts SET owed = 'release', changed_in = ?5 WHERE run_id = ?1 AND task = ?2 AND attempt = ?3"
          " AND job_id = ?4 AND outcome <> 'open' AND owed = 'nothing'" CHANGED),
      settle_(database,
              "UPDATE comp_task_attempts SET owed = CASE owed WHEN 'kill' THEN 'release' ELSE 'nothing' END, changed_in = ?5"
              " WHERE run_id = ?1 AND task = ?2 AND attempt = ?3"
              " AND job_id = ?4 AND outcome <> 'open'" CHANGED),
#undef CHANGED
      jobs_(database, "SELECT job_id, task, attempt FROM comp_task_attempts WHERE run_id = ?"),
      all_(database, "SELECT " ATTEMPT_COLUMNS " FROM comp_task_attempts WHERE run_id = ? ORDER BY task, attempt"),
      of_node_(database, "SELECT " ATTEMPT_COLUMNS
                         " FROM comp_task_attempts WHERE run_id = ?1 AND task IN"
                         " (SELECT snapshot_task_id & 0xffffff FROM comp_run_snapshot_tasks WHERE run_id = ?1 AND node_id = ?2)"
                         " ORDER BY task, attempt") {
}

void AttemptRows::write(RunId run, Fence fence, const core::AttemptRecord& attempt) {
  write_.run(run.value(), attempt.task, attempt.attempt, fence.value(), attempt.job.value(), attempt.why,
             core::to_text(attempt.outcome), core::to_text(attempt.owed), attempt.submitted, attempt.started, attempt.ended,
             attempt.exit_code, attempt.log, errors_column(attempt.errors));
}

std::vector<core::OwedRecord> AttemptRows::owed(RunId run, Fence since) {
  auto rows = since == Fence::none() ? owing_.rows(run.value()) : owed_since_.rows(run.value(), since.value());
  std::vector<core::OwedRecord> records;
  while (rows.next()) records.push_back(read_owed(database_, rows));
  return records;
}

bool AttemptRows::owes(RunId run) { return owes_.rows(run.value()).next(); }

std::optional<core::OwedRecord> AttemptRows::owe_release(RunId run, AttemptKey attempt, const JobId& job, Fence fence) {
  return read_changed(database_, owe_release_.rows(run.value(), attempt.first, attempt.second, job.value(), fence.value()));
}

std::optional<core::OwedRecord> AttemptRows::settle(RunId run, AttemptKey attempt, const JobId& job, Fence fence) {
  return read_changed(database_, settle_.rows(run.value(), attempt.first, attempt.second, job.value(), fence.value()));
}

std::vector<std::pair<JobId, AttemptKey>> AttemptRows::jobs(RunId run) {
  std::vector<std::pair<JobId, AttemptKey>> jobs;
  auto rows = jobs_.rows(run.value());
  while (rows.next()) {
    JobId job(std::string(rows.text()));
    const auto task = static_cast<Index>(rows.number());
    jobs.emplace_back(std::move(job), AttemptKey(task, rows.small_number()));
  }
  return jobs;
}

std::vector<core::AttemptRecord> AttemptRows::of_run(RunId run, const std::optional<NodeId>& node) {
  auto rows = node ? of_node_.rows(run.value(), node->value()) : all_.rows(run.value());
  std::vector<core::AttemptRecord> attempts;
  while (rows.next()) attempts.push_back(read(database_, rows));
  return attempts;
}

}  // namespace baton::sqlite
