#include "store/sqlite/rows.hpp"
#include "store/sqlite/values.hpp"

namespace baton::sqlite {
namespace {

#define ATTEMPT_COLUMNS \
  "task, attempt, job_id, why, outcome, owed, submitted, start, \"end\", exit_code, log, errors"

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

}  // namespace

AttemptRows::AttemptRows(Database& database)
    : database_(database),
      write_(database,
             "INSERT INTO comp_task_attempts (run_id, task, attempt, changed_in, job_id, why, outcome, owed, submitted, start, \"end\","
             " exit_code, log, errors) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
             " ON CONFLICT (run_id, task, attempt) DO UPDATE SET changed_in = ?4, job_id = ?5, why = ?6, outcome = ?7, owed = ?8,"
             " submitted = ?9, start = ?10, \"end\" = ?11, exit_code = ?12, log = ?13, errors = ?14"),
      owing_(database,
             "SELECT task, attempt, job_id, owed, \"end\" FROM comp_task_attempts WHERE run_id = ? AND owed <> 'nothing'"
             " AND outcome <> 'open' ORDER BY task, attempt"),
      owed_since_(database,
                  "SELECT task, attempt, job_id, owed, \"end\" FROM comp_task_attempts"
                  " INDEXED BY ix_comp_task_attempts_run_id_changed_in"
                  " WHERE run_id = ? AND changed_in > ? AND outcome <> 'open' ORDER BY task, attempt"),
      owes_(database, "SELECT 1 FROM comp_task_attempts INDEXED BY ix_comp_task_attempts_owed WHERE run_id = ? AND owed <> 'nothing'"),
      owe_release_(database,
                   "UPDATE comp_task_attempts INDEXED BY ix_comp_task_attempts_job_id SET owed = 'release', changed_in = ?3"
                   " WHERE job_id = ?2 AND run_id = ?1 AND outcome <> 'open' AND owed = 'nothing'"),
      settle_(database,
              "UPDATE comp_task_attempts INDEXED BY ix_comp_task_attempts_job_id"
              " SET owed = CASE owed WHEN 'kill' THEN 'release' ELSE 'nothing' END, changed_in = ?3"
              " WHERE job_id = ?2 AND run_id = ?1 AND outcome <> 'open'"),
      all_(database, "SELECT " ATTEMPT_COLUMNS " FROM comp_task_attempts WHERE run_id = ? ORDER BY task, attempt"),
      of_node_(database,
               "SELECT " ATTEMPT_COLUMNS " FROM comp_task_attempts WHERE run_id = ?1 AND task IN"
               " (SELECT snapshot_task_id & 0xffffff FROM comp_run_snapshot_tasks WHERE run_id = ?1 AND node_id = ?2)"
               " ORDER BY task, attempt") {}

void AttemptRows::write(RunId run, Fence fence, const core::AttemptRecord& attempt) {
  write_.run(run.value(), attempt.task, attempt.attempt, fence.value(), attempt.job.value(), attempt.why, core::to_text(attempt.outcome),
             core::to_text(attempt.owed), attempt.submitted, attempt.started, attempt.ended, attempt.exit_code, attempt.log,
             errors_column(attempt.errors));
}

std::vector<core::OwedRecord> AttemptRows::owed(RunId run, Fence since) {
  auto rows = since == Fence::none() ? owing_.rows(run.value()) : owed_since_.rows(run.value(), since.value());
  std::vector<core::OwedRecord> records;
  while (rows.next()) {
    core::OwedRecord record;
    record.task = static_cast<Index>(rows.number());
    record.attempt = rows.small_number();
    record.job = JobId(std::string(rows.text()));
    const auto owed = rows.text();
    record.owed = known(database_, core::owed_from(owed), owed);
    record.since = rows.some_instant().value_or(core::Instant{});
    records.push_back(std::move(record));
  }
  return records;
}

bool AttemptRows::owes(RunId run) { return owes_.rows(run.value()).next(); }

void AttemptRows::owe_release(RunId run, const JobId& job, Fence fence) { owe_release_.run(run.value(), job.value(), fence.value()); }

void AttemptRows::settle(RunId run, const JobId& job, Fence fence) { settle_.run(run.value(), job.value(), fence.value()); }

std::vector<core::AttemptRecord> AttemptRows::of_run(RunId run, const std::optional<NodeId>& node) {
  auto rows = node ? of_node_.rows(run.value(), node->value()) : all_.rows(run.value());
  std::vector<core::AttemptRecord> attempts;
  while (rows.next()) attempts.push_back(read(database_, rows));
  return attempts;
}

}  // namespace baton::sqlite
