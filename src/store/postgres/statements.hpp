/// The SQL of the adapter. It says what core/run_row.hpp says, in sets.
///
/// Where a statement judges a row by what it was, it locks it first (`held_row`), reads the clock then, and updates from that: so it sees
/// what it waited for, and no time of before the wait. A pass that commits is known by its fence: once its first statement has written the
/// run's row nobody else can, and all that follow in the same transaction look whether it did.
#pragma once

#include "postgres/types.hpp"

namespace baton::store::sql {

using postgres::Statement;

#define OF_RUN "project_uuid = $1::text AND user_id = $2::bigint AND iteration = $3::bigint"
// As a value, not as a table to join: a plan that was made while the tables were empty has no choice then but to go by the run's id.
#define ITS_RUN "(SELECT run_id FROM comp_runs WHERE " OF_RUN ")"
#define OPEN_RUN "(SELECT run_id FROM comp_runs WHERE " OF_RUN " AND open)"
#define FINAL "('SUCCESS', 'FAILED', 'ABORTED')"
#define PENDING(row) "(" row ".scheduled IS NOT NULL AND (" row ".processed IS NULL OR " row ".scheduled > " row ".processed))"
// Later than the last mark, and than a commit of this very microsecond.
#define MARK(now) "greatest(" now ", r.scheduled + interval '1 microsecond', r.processed + interval '1 microsecond')"
// core::back_off.
#define BACK_OFF(failures) "least(interval '200 milliseconds' * power(2, least(" failures ", 20) - 1), interval '60 seconds')"
#define RESTS(row) "(" row ".held_since IS NOT NULL AND " row ".desire = 'run')"
#define OWES "EXISTS (SELECT 1 FROM comp_task_attempts a WHERE a.run_id = r.run_id AND a.owed <> 'nothing')"
#define MICROSECONDS(count) "(interval '1 microsecond' * " count "::bigint)"
// How often the server was promoted or restored, from 0: the timeline of its log. High part of a fence (core::incarnation_of).
#define INCARNATION "(('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint - 1)"
#define INCARNATION_SHIFT "40"
// A replica whose lock is held lives.
#define LIVING                                                                                              \
  "SELECT p.id FROM replicas p JOIN pg_locks l ON l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted" \
  " AND ((l.classid::bigint << 32) | l.objid::bigint) = p.lock_key"                                         \
  " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"

#define RUN_COLUMNS                                                                                                              \
  "r.run_id, r.uuid, r.user_id, r.project_uuid, r.iteration, r.request, r.keep_going, r.simulated, r.result, r.desire,"          \
  " r.cancelled, r.held_since IS NOT NULL, r.created, r.started, r.ended, r.scheduled, r.processed, r.wake_at, r.fence, r.open," \
  " r.last_failure, r.follower, r.collection_run_id, r.no_room_since, r.has_turn"
#define TASK_COLUMNS                                                                                                         \
  "t.task, t.node_id, t.state, t.state_since, t.attempt, t.job_id, t.seen, t.failures, t.lost, t.waiting, t.ready_since,"    \
  " t.not_before, t.submitted, t.start, t.\"end\", t.exit_code, t.log, t.reused, t.progress::float8, t.reasons, t.problems," \
  " t.success"
#define ATTEMPT_COLUMNS \
  "a.task, a.attempt, a.job_id, a.why, a.outcome, a.owed, a.submitted, a.start, a.\"end\", a.exit_code, a.log, a.problems"

// ---- projects ------------------------------------------------------------------------------------------------------------
// Not ON CONFLICT: the reference's tables have columns that we cannot fill, so nothing may be inserted where there is a row.
inline constexpr Statement make_user{"make_user",
                                     "INSERT INTO users (id, name) SELECT $1::bigint, 'user ' || $1::bigint"
                                     " WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = $1::bigint) ON CONFLICT DO NOTHING"};
inline constexpr Statement make_project{
    "make_project",
    "INSERT INTO projects (uuid, name) SELECT $1::text, $1::text"
    " WHERE NOT EXISTS (SELECT 1 FROM projects WHERE uuid = $1::text) ON CONFLICT DO NOTHING"};
inline constexpr Statement put_project{"put_project",
                                       "UPDATE projects SET prj_owner = $2::bigint, name = $3::text, document = $4::text::json"
                                       " WHERE uuid = $1::text AND (prj_owner IS NULL OR prj_owner = $2::bigint) RETURNING uuid"};
inline constexpr Statement project{
    "project", "SELECT uuid, prj_owner, name, document FROM projects WHERE uuid = $1::text AND document IS NOT NULL"};

inline constexpr Statement restamp{
    "restamp",
    "UPDATE comp_tasks c SET success = d.success::json, modified = clock_timestamp() FROM unnest($2::text[], $3::text[], "
    "$4::bigint[], $5::integer[])"
    " d(node_id, success, run, attempt) WHERE c.project_id = $1::text AND c.node_id = d.node_id"
    " AND (c.success ->> 'run')::bigint = d.run AND (c.success ->> 'attempt')::integer = d.attempt"};

// ---- starting ------------------------------------------------------------------------------------------------------------
inline constexpr Statement insert_run{
    "insert_run",
    "INSERT INTO comp_runs (uuid, project_uuid, user_id, iteration, request, keep_going, simulated, result, created, modified,"
    " last_result_changed, metadata, collection_run_id, dag_adjacency_list, use_on_demand_clusters)"
    " SELECT $1::text, $2::text, $3::bigint,"
    " (SELECT coalesce(max(o.iteration), 0) + 1 FROM comp_runs o WHERE o.project_uuid = $2::text AND o.user_id = $3::bigint),"
    " $4::text, $5::boolean, $6::boolean, 'PUBLISHED', c.now, c.now, c.now, $7::text::jsonb, $8::text, $9::text::jsonb, false"
    " FROM (SELECT clock_timestamp() AS now OFFSET 0) c"
    " WHERE NOT EXISTS (SELECT 1 FROM comp_runs o WHERE o.project_uuid = $2::text AND o.result IN"
    " ('PUBLISHED', 'PENDING', 'RUNNING', 'WAITING_FOR_RESOURCES', 'WAITING_FOR_CLUSTER'))"
    " RETURNING run_id, iteration"};
// Whose fault it is that there is no new run: 0 = its uuid, 1 = its collection, 2 = a run that has not ended.
inline constexpr Statement in_the_way{
    "in_the_way",
    "SELECT CASE WHEN uuid = $1::text THEN 0 WHEN collection_run_id = $3::text THEN 1 ELSE 2 END AS why, user_id, project_uuid,"
    " iteration FROM comp_runs WHERE uuid = $1::text OR (project_uuid = $2::text AND"
    " (collection_run_id = $3::text OR result NOT IN " FINAL ")) ORDER BY why, run_id DESC LIMIT 1"};
inline constexpr Statement insert_steps{
    "insert_steps",
    "INSERT INTO comp_run_definitions (run_id, steps) SELECT run_id, $2::text::json FROM comp_runs WHERE uuid = $1::text"};
inline constexpr Statement insert_definitions{
    "insert_definitions",
    "INSERT INTO comp_run_task_definitions (run_id, task, definition) SELECT r.run_id, d.number - 1, d.definition::json"
    " FROM comp_runs r, unnest($2::text[]) WITH ORDINALITY d(definition, number) WHERE r.uuid = $1::text"};
inline constexpr Statement insert_tasks{
    "insert_tasks",
    "INSERT INTO comp_run_snapshot_tasks (run_id, task, internal_id, project_id, node_id, node_class, state, state_since, "
    "reasons)"
    " SELECT r.run_id, d.number - 1, d.number, r.project_uuid, d.node_id, 'COMPUTATIONAL', 'PUBLISHED', r.created, "
    "d.reasons::json"
    " FROM comp_runs r, unnest($2::text[], $3::text[]) WITH ORDINALITY d(node_id, reasons, number) WHERE r.uuid = $1::text"};
inline constexpr Statement put_pipeline{
    "put_pipeline",
    "INSERT INTO comp_pipeline (project_id, dag_adjacency_list, state) SELECT r.project_uuid, $2::text::json, 'PUBLISHED'"
    " FROM comp_runs r WHERE r.uuid = $1::text ON CONFLICT (project_id) DO UPDATE SET"
    " dag_adjacency_list = excluded.dag_adjacency_list, state = excluded.state"};
inline constexpr Statement remove_nodes{
    "remove_nodes",
    "DELETE FROM comp_tasks c USING comp_runs r WHERE r.uuid = $1::text AND c.project_id = r.project_uuid"
    " AND c.node_id <> ALL ($2::text[])"};
// The project's nodes as its document has them now; what is known of those that the run has not stays.
inline constexpr Statement put_nodes{
    "put_nodes",
    "INSERT INTO comp_tasks AS c (project_id, node_id, node_class, internal_id, position, state, run_id)"
    " SELECT r.project_uuid, n.node_id, 'COMPUTATIONAL', n.number, n.number - 1,"
    " CASE WHEN n.in_run THEN 'PUBLISHED'::statetype ELSE 'NOT_STARTED'::statetype END, CASE WHEN n.in_run THEN r.run_id END"
    " FROM comp_runs r, unnest($2::text[], $3::boolean[]) WITH ORDINALITY n(node_id, in_run, number) WHERE r.uuid = $1::text"
    " ON CONFLICT (project_id, node_id) DO UPDATE SET internal_id = excluded.internal_id, position = excluded.position,"
    " state = CASE WHEN excluded.run_id IS NULL THEN c.state ELSE excluded.state END,"
    " run_id = coalesce(excluded.run_id, c.run_id),"
    " job_id = CASE WHEN excluded.run_id IS NULL THEN c.job_id END, progress = CASE WHEN excluded.run_id IS NULL THEN c.progress "
    "END,"
    " errors = CASE WHEN excluded.run_id IS NULL THEN c.errors END, start = CASE WHEN excluded.run_id IS NULL THEN c.start END,"
    " \"end\" = CASE WHEN excluded.run_id IS NULL THEN c.\"end\" END, modified = clock_timestamp()"};

// ---- runs that others inserted ---------------------------------------------------------------------------------------------
// Of the reference's (C§5): without uuid, and begun by nobody. Which rows tell of its tasks depends on the reference's version: its own
// copies, else those of the project. The copies come in a second transaction, so a run without any is left alone while it is young; one older
// than a day was given up by whoever inserted it. One of a project that has another run under way waits for that one's end.
#define DAG(row)                                                                                    \
  "coalesce(nullif(" row                                                                            \
  ".dag_adjacency_list::text, '{}'), (SELECT p.dag_adjacency_list::text FROM comp_pipeline p WHERE" \
  " p.project_id = " row ".project_uuid), '')"
#define HAS_COPIES(row) "EXISTS (SELECT 1 FROM comp_run_snapshot_tasks t WHERE t.run_id = " row ".run_id)"
#define NOT_BEGUN "('PUBLISHED', 'NOT_STARTED')"
#define UNDER_WAY "('PENDING', 'RUNNING', 'WAITING_FOR_RESOURCES', 'WAITING_FOR_CLUSTER')"
#define ADOPTABLE(row)                                                                                                    \
  row ".uuid IS NULL AND " row                                                                                            \
      ".result = 'PUBLISHED'"                                                                                             \
      " AND " row                                                                                                         \
      ".created > clock_timestamp() - interval '1 day'"                                                                   \
      " AND NOT EXISTS (SELECT 1 FROM comp_runs o WHERE o.project_uuid = " row ".project_uuid AND o.run_id <> " row       \
      ".run_id"                                                                                                           \
      " AND CASE WHEN o.uuid IS NULL THEN o.result IN " UNDER_WAY " ELSE o.result NOT IN " FINAL                          \
      " END)"                                                                                                             \
      " AND CASE WHEN " HAS_COPIES(row) " THEN NOT EXISTS (SELECT 1 FROM comp_run_snapshot_tasks t WHERE t.run_id = " row \
                                        ".run_id AND t.state NOT IN " NOT_BEGUN                                           \
                                        ")"                                                                               \
                                        " ELSE " row                                                                      \
                                        ".created <= clock_timestamp() - interval '2 seconds'"                            \
                                        " AND NOT EXISTS (SELECT 1 FROM comp_tasks c WHERE c.project_id = " row           \
                                        ".project_uuid AND c.state NOT IN " NOT_BEGUN                                     \
                                        " AND strpos(" DAG(row) ", to_json(c.node_id)::text) > 0) END"
inline constexpr Statement foreign_runs{
    "foreign_runs",
    "SELECT r.run_id, gen_random_uuid()::text, r.user_id, r.project_uuid, r.iteration, " DAG(
        "r") " FROM comp_runs r WHERE " ADOPTABLE("r") " ORDER BY r.run_id LIMIT $1::bigint FOR NO KEY UPDATE OF r SKIP LOCKED"};
inline constexpr Statement foreign_tasks{
    "foreign_tasks",
    "SELECT node_id, image, schema, inputs, outputs, success FROM"
    " (SELECT 0 AS rank, snapshot_task_id AS id, node_id, image, schema, inputs, outputs, NULL::json AS success"
    " FROM comp_run_snapshot_tasks WHERE run_id = $1::bigint"
    " UNION ALL SELECT 1, task_id, node_id, image, schema, inputs, outputs, success FROM comp_tasks WHERE project_id = $2::text) "
    "told"
    " WHERE node_id IS NOT NULL ORDER BY rank, id"};
// The first of an adoption: what follows in its transaction finds the run by its uuid, and nothing where another replica was quicker.
// A failed node stops its own followers alone there, and a cancel is a time in the row.
inline constexpr Statement adopt_run{
    "adopt_run",
    "UPDATE comp_runs r SET uuid = $2::text, collection_run_id = coalesce(r.collection_run_id, $2::text), keep_going = true,"
    " dag_adjacency_list = CASE WHEN r.dag_adjacency_list = '{}' THEN $3::text::jsonb ELSE r.dag_adjacency_list END,"
    " desire = CASE WHEN r.cancelled IS NULL THEN 'run'::run_desire ELSE 'cancel'::run_desire END,"
    " scheduled = NULL, processed = NULL, open = true, modified = clock_timestamp()"
    " WHERE r.run_id = (SELECT f.run_id FROM comp_runs f WHERE f.run_id = $1::bigint AND " ADOPTABLE("f") " FOR NO KEY UPDATE SKIP LOCKED)"
    " RETURNING r.run_id"};
// $2: node ids in the order of the run, $3: reasons. Of several copies of a node the oldest becomes the task.
inline constexpr Statement adopt_copies{
    "adopt_copies",
    "UPDATE comp_run_snapshot_tasks t SET task = d.number - 1, internal_id = coalesce(t.internal_id, d.number), state = "
    "'PUBLISHED',"
    " state_since = clock_timestamp(), reasons = d.reasons::json, job_id = NULL, errors = NULL, progress = NULL, start = NULL,"
    " \"end\" = NULL, modified = clock_timestamp()"
    " FROM comp_runs r, unnest($2::text[], $3::text[]) WITH ORDINALITY d(node_id, reasons, number)"
    " WHERE r.uuid = $1::text AND t.snapshot_task_id = (SELECT min(o.snapshot_task_id) FROM comp_run_snapshot_tasks o"
    " WHERE o.run_id = r.run_id AND o.node_id = d.node_id)"};
inline constexpr Statement make_copies{
    "make_copies",
    "INSERT INTO comp_run_snapshot_tasks (run_id, task, internal_id, project_id, node_id, node_class, schema, inputs, outputs, "
    "run_hash,"
    " image, pricing_info, hardware_info, state, state_since, reasons)"
    " SELECT r.run_id, d.number - 1, coalesce(c.internal_id, d.number), r.project_uuid, d.node_id, c.node_class, c.schema, "
    "c.inputs,"
    " c.outputs, c.run_hash, c.image, c.pricing_info, c.hardware_info, 'PUBLISHED', clock_timestamp(), d.reasons::json"
    " FROM comp_runs r CROSS JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY d(node_id, reasons, number)"
    " JOIN comp_tasks c ON c.project_id = r.project_uuid AND c.node_id = d.node_id"
    " WHERE r.uuid = $1::text AND NOT EXISTS (SELECT 1 FROM comp_run_snapshot_tasks t WHERE t.run_id = r.run_id AND t.node_id = "
    "d.node_id)"};
// As commit_nodes: only the newest run of a project writes its view.
inline constexpr Statement adopt_nodes{
    "adopt_nodes",
    "UPDATE comp_tasks c SET position = coalesce(c.internal_id, d.number) - 1, run_id = r.run_id, state = 'PUBLISHED', job_id = "
    "NULL,"
    " errors = NULL, progress = NULL, start = NULL, \"end\" = NULL, modified = clock_timestamp()"
    " FROM comp_runs r, unnest($2::text[]) WITH ORDINALITY d(node_id, number)"
    " WHERE r.uuid = $1::text AND c.project_id = r.project_uuid AND c.node_id = d.node_id"
    " AND NOT EXISTS (SELECT 1 FROM comp_runs o WHERE o.project_uuid = r.project_uuid AND o.run_id > r.run_id)"};
// It is looked at no more. Its tasks stay as they are, as the reference leaves those of an invalid pipeline. Its end is told as a commit's is.
inline constexpr Statement refuse_run{
    "refuse_run",
    "WITH refused AS (UPDATE comp_runs r SET result = 'FAILED', ended = clock_timestamp(), last_result_changed = clock_timestamp(),"
    " last_failure = $2::text, open = false, modified = clock_timestamp()"
    " WHERE r.run_id = (SELECT f.run_id FROM comp_runs f WHERE f.run_id = $1::bigint AND " ADOPTABLE("f") " FOR NO KEY UPDATE SKIP LOCKED)"
    " RETURNING r.run_id, r.fence, r.result, r.ended),"
    " told AS (INSERT INTO outbox (run_id, fence, n, created, what, node_id, state, attempt, platform_ok, text, level, at)"
    " SELECT run_id, fence, 0, ended, 'run_result', '', result, 0, true, '', 20, ended FROM refused)"
    " SELECT run_id FROM refused"};
#undef DAG
#undef HAS_COPIES
#undef NOT_BEGUN
#undef UNDER_WAY
#undef ADOPTABLE

// ---- marks ---------------------------------------------------------------------------------------------------------------
inline constexpr Statement lock_run{"lock_run", "SELECT run_id FROM comp_runs WHERE " OF_RUN " FOR NO KEY UPDATE"};
// R9. Written by no pass: it counts as written by the newest one, so that every later ticket brings it. After lock_run.
inline constexpr Statement owe_releases{
    "owe_releases", "UPDATE comp_task_attempts a SET owed = 'release', changed_in = r.fence FROM comp_runs r WHERE r." OF_RUN
                    " AND a.run_id = " ITS_RUN " AND a.job_id = ANY ($4::text[]) AND a.outcome <> 'open' AND a.owed = 'nothing'"};
inline constexpr Statement wake{
    "wake",
    "WITH held_row AS (SELECT r.run_id, r.follower, r.open OR " OWES " AS open, " PENDING("r") " AS pending, r.failures, r.wake_at"
    " FROM comp_runs r WHERE r." OF_RUN " FOR NO KEY UPDATE),"
    " clocked AS MATERIALIZED (SELECT held_row.*, clock_timestamp() AS now FROM held_row),"
    " judged AS MATERIALIZED (SELECT *, coalesce(failures > 0 AND wake_at <= now, false) AS backed_off FROM clocked),"
    " written AS (UPDATE comp_runs r SET open = true, scheduled = " MARK("j.now") ","
    " published = CASE WHEN NOT j.pending OR j.backed_off THEN j.now ELSE r.published END,"
    " republished = CASE WHEN NOT j.pending OR j.backed_off THEN 0 ELSE r.republished END,"
    " wake_at = CASE WHEN j.backed_off THEN NULL ELSE r.wake_at END, modified = j.now"
    " FROM judged j WHERE r.run_id = j.run_id AND j.open)"
    " SELECT open AND (NOT pending OR backed_off), follower FROM judged"};
inline constexpr Statement desire{
    "desire",
    "WITH held_row AS (SELECT run_id, follower, result NOT IN " FINAL " AS goes_on FROM comp_runs WHERE " OF_RUN
    " FOR NO KEY UPDATE),"
    " clocked AS MATERIALIZED (SELECT held_row.*, clock_timestamp() AS now FROM held_row),"
    " written AS (UPDATE comp_runs r SET desire = greatest(r.desire, $4::text::run_desire),"
    " cancelled = CASE WHEN $4::text = 'run' THEN r.cancelled ELSE coalesce(r.cancelled, c.now) END,"
    " deleting = CASE WHEN $4::text = 'remove' THEN coalesce(r.deleting, c.now) ELSE r.deleting END,"
    " wake_at = NULL, scheduled = " MARK("c.now") ", published = c.now, republished = 0, modified = c.now"
    " FROM clocked c WHERE r.run_id = c.run_id AND c.goes_on)"
    " SELECT goes_on, follower FROM clocked"};
inline constexpr Statement release_held{
    "release_held",
    "WITH held_row AS (SELECT run_id, follower, open AND held_since IS NOT NULL AS is_held FROM comp_runs WHERE " OF_RUN
    " FOR NO KEY UPDATE),"
    " clocked AS MATERIALIZED (SELECT held_row.*, clock_timestamp() AS now FROM held_row),"
    " written AS (UPDATE comp_runs r SET held_since = NULL, failures = 0, last_failure = '', wake_at = NULL,"
    " scheduled = " MARK("c.now") ", published = c.now, republished = 0, modified = c.now"
    " FROM clocked c WHERE r.run_id = c.run_id AND c.is_held)"
    " SELECT is_held, follower FROM clocked"};

// ---- the pass ------------------------------------------------------------------------------------------------------------
// The row of a run that is not ours is neither written nor locked.
inline constexpr Statement begin_pass{
    "begin_pass",
    "WITH held_row AS (SELECT run_id, open, wake_at, held_since, desire, greatest(failures - $5::integer, 0) AS failures"
    " FROM comp_runs WHERE " OF_RUN " AND uuid IS NOT NULL FOR NO KEY UPDATE),"
    " clocked AS MATERIALIZED (SELECT held_row.*, clock_timestamp() AS now FROM held_row),"
    " counted AS (SELECT run_id, open, wake_at, desire, failures, now,"
    " CASE WHEN open AND failures >= 5 THEN coalesce(held_since, now) ELSE held_since END AS held_since FROM clocked),"
    " judged AS MATERIALIZED (SELECT *, CASE WHEN NOT open THEN 'ended'"
    " WHEN " RESTS("counted") " THEN 'held' WHEN failures > 0 AND wake_at > now THEN 'backing off' ELSE 'pass' END AS step FROM counted)"
    " UPDATE comp_runs r SET failures = j.failures + (j.step = 'pass')::integer, held_since = j.held_since,"
    " processed = CASE WHEN j.step = 'ended' AND r.scheduled IS NOT NULL THEN greatest(r.processed, r.scheduled) ELSE r.processed END,"
    " wake_at = CASE j.step WHEN 'pass' THEN j.now + " BACK_OFF("(j.failures + 1)")
    " WHEN 'backing off' THEN least(r.wake_at, j.now + " BACK_OFF("j.failures") ") WHEN 'held' THEN NULL ELSE r.wake_at END,"
    " last_failure = CASE WHEN j.step = 'pass' AND j.failures > 0"
    " THEN 'pass ' || r.fence || ' of ' || r.begun_by || ' began and did not commit' || $6::text ELSE r.last_failure END,"
    " fence = CASE j.step WHEN 'pass' THEN greatest(r.fence, " INCARNATION " << " INCARNATION_SHIFT ") + 1 ELSE r.fence END,"
    " begun_by = CASE WHEN j.step = 'pass' THEN $4::text ELSE r.begun_by END"
    " FROM judged j WHERE r.run_id = j.run_id"
    " RETURNING j.step, j.now, r.failures, " RUN_COLUMNS};
// What changed since `$4`: tasks, then attempts that have ended, as if they were tasks; from zero only those that owe something.
inline constexpr Statement changed_tasks{
    "changed_tasks", "SELECT false, " TASK_COLUMNS " FROM comp_run_snapshot_tasks t WHERE t.run_id = " OPEN_RUN
                     " AND t.changed_in > $4::bigint AND t.task IS NOT NULL"
                     " UNION ALL SELECT true, a.task, NULL, 'UNKNOWN', a.\"end\", a.attempt, a.job_id, false, 0, 0, a.owed,"
                     " NULL, NULL, NULL, NULL, NULL, NULL, '', false, NULL, NULL, NULL, NULL"
                     " FROM comp_task_attempts a WHERE a.run_id = " OPEN_RUN
                     " AND a.changed_in > $4::bigint AND a.outcome <> 'open' AND ($4::bigint >= 0 OR a.owed <> 'nothing')"};
inline constexpr Statement steps{"steps", "SELECT steps FROM comp_run_definitions WHERE run_id = " ITS_RUN};
inline constexpr Statement definitions{
    "definitions", "SELECT definition FROM comp_run_task_definitions WHERE run_id = " ITS_RUN " ORDER BY task"};

// The first of a commit. It writes nothing where a newer pass owns the run. `open` is right for a run that goes on; for others see
// commit_open.
inline constexpr Statement commit_run{
    "commit_run",
    "UPDATE comp_runs r SET result = $4::text::statetype, started = $5::timestamptz, ended = $6::timestamptz,"
    " wake_at = $7::timestamptz, no_room_since = $8::timestamptz, has_turn = false, open = true,"
    " last_result_changed = CASE WHEN r.last_result_changed IS NULL OR r.result <> $4::text::statetype THEN clock_timestamp()"
    " ELSE r.last_result_changed END,"
    " processed = CASE WHEN r.scheduled IS DISTINCT FROM $3::timestamptz THEN $3::timestamptz"
    " ELSE greatest(clock_timestamp(), r.scheduled) END,"
    " published = CASE WHEN r.scheduled IS DISTINCT FROM $3::timestamptz THEN clock_timestamp() ELSE r.published END,"
    " republished = CASE WHEN r.scheduled IS DISTINCT FROM $3::timestamptz THEN 0 ELSE r.republished END,"
    " committed = r.fence, follower = r.begun_by, failures = 0, last_failure = '', modified = clock_timestamp()"
    " WHERE r.run_id = $1::bigint AND r.fence = $2::bigint"
    " RETURNING r.scheduled IS DISTINCT FROM $3::timestamptz, r.user_id, r.project_uuid, r.iteration, r.metadata,"
    " EXISTS (SELECT 1 FROM comp_runs l WHERE l.user_id = r.user_id AND l.no_room_since IS NOT NULL AND NOT l.has_turn AND l.open"
    " AND l.run_id <> r.run_id)"};
#define OF_PASS "r.run_id = $1::bigint AND r.fence = $2::bigint"
inline constexpr Statement commit_tasks{
    "commit_tasks",
    "UPDATE comp_run_snapshot_tasks t SET changed_in = $2::bigint, state = d.state::statetype, state_since = d.state_since,"
    " attempt = d.attempt, progress = CASE WHEN d.state IN " FINAL
    " THEN 1 WHEN t.job_id IS NOT DISTINCT FROM d.job_id"
    " THEN t.progress END, job_id = d.job_id,"
    " seen = d.seen, failures = d.failures, lost = d.lost, waiting = d.waiting, ready_since = d.ready_since,"
    " not_before = d.not_before, submitted = d.submitted, start = d.start, \"end\" = d.\"end\", exit_code = d.exit_code,"
    " log = d.log, reused = d.reused, reasons = d.reasons::json, problems = d.problems::json,"
    " errors = CASE WHEN d.errors IS NOT NULL THEN (SELECT jsonb_agg(e.entry || jsonb_build_object('loc',"
    " jsonb_build_array(r.project_uuid, t.node_id)) ORDER BY e.number)"
    " FROM jsonb_array_elements(d.errors::jsonb) WITH ORDINALITY e(entry, number)) END,"
    " success = d.success::json, success_simulated = d.success_simulated, outputs = d.outputs::json,"
    " modified = clock_timestamp()"
    " FROM comp_runs r, unnest($3::integer[], $4::text[], $5::timestamptz[], $6::integer[], $7::text[], $8::boolean[],"
    " $9::integer[], $10::integer[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],"
    " $16::timestamptz[], $17::integer[], $18::text[], $19::boolean[], $20::text[], $21::text[], $22::text[], $23::text[],"
    " $24::boolean[], $25::text[])"
    " d(task, state, state_since, attempt, job_id, seen, failures, lost, waiting, ready_since, not_before, submitted, start, "
    "\"end\","
    " exit_code, log, reused, reasons, problems, errors, success, success_simulated, outputs)"
    " WHERE " OF_PASS " AND t.run_id = $1::bigint AND t.task = d.task"};
inline constexpr Statement commit_attempts{
    "commit_attempts",
    "INSERT INTO comp_task_attempts AS a (run_id, task, attempt, changed_in, job_id, why, outcome, owed, decided_by, submitted, "
    "start,"
    " \"end\", exit_code, log, problems)"
    " SELECT r.run_id, d.task, d.attempt, r.fence, d.job_id, d.why, d.outcome, d.owed, $3::text, d.submitted, d.start, d.\"end\","
    " d.exit_code, d.log, d.problems::json"
    " FROM comp_runs r, unnest($4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[],"
    " $11::timestamptz[], $12::timestamptz[], $13::integer[], $14::text[], $15::text[])"
    " d(task, attempt, job_id, why, outcome, owed, submitted, start, \"end\", exit_code, log, problems)"
    " WHERE " OF_PASS
    " ON CONFLICT (run_id, task, attempt) DO UPDATE SET changed_in = excluded.changed_in, job_id = excluded.job_id,"
    " why = CASE excluded.why WHEN '' THEN a.why ELSE excluded.why END, outcome = excluded.outcome, owed = excluded.owed,"
    " decided_by = excluded.decided_by, submitted = excluded.submitted, start = excluded.start, \"end\" = excluded.\"end\","
    " exit_code = excluded.exit_code, log = excluded.log, problems = excluded.problems"};
// A woken pass settles nothing (R9): commit_run has left its mark pending.
inline constexpr Statement settle{
    "settle",
    "UPDATE comp_task_attempts a SET owed = CASE a.owed WHEN 'kill' THEN 'release' ELSE 'nothing' END, changed_in = $2::bigint"
    " FROM comp_runs r WHERE " OF_PASS
    " AND NOT " PENDING("r") " AND a.run_id = $1::bigint AND a.job_id = ANY ($3::text[]) AND a.outcome <> 'open'"};
// R3: only the newest run of a project writes its view. What this pass wrote is what bears its fence. What is pretended is no state of a node.
#define REAL(column) column " = CASE WHEN r.simulated THEN c." column " ELSE t." column " END,"
inline constexpr Statement commit_nodes{
    "commit_nodes",
    "UPDATE comp_tasks c SET " REAL("state") REAL("job_id") REAL("errors") REAL("progress") REAL("start") REAL("\"end\"")
    " outputs = CASE WHEN r.simulated THEN c.outputs ELSE coalesce(t.outputs, c.outputs) END,"
    " success = CASE WHEN t.success IS NOT NULL AND NOT t.success_simulated THEN t.success ELSE c.success END,"
    " simulated = CASE WHEN t.success IS NOT NULL AND t.success_simulated THEN t.success ELSE c.simulated END,"
    " modified = clock_timestamp()"
    " FROM comp_runs r JOIN comp_run_snapshot_tasks t ON t.run_id = r.run_id WHERE " OF_PASS
    " AND NOT EXISTS (SELECT 1 FROM comp_runs o WHERE o.project_uuid = r.project_uuid AND o.run_id > r.run_id)"
    " AND t.changed_in = $2::bigint AND c.project_id = t.project_id AND c.node_id = t.node_id"};
#undef REAL
inline constexpr Statement commit_messages{
    "commit_messages",
    "INSERT INTO outbox (run_id, fence, n, created, what, task, node_id, state, attempt, platform_ok, text, level, at, resources)"
    " SELECT r.run_id, r.fence, d.number - 1, clock_timestamp(), d.what, d.task, coalesce(t.node_id, ''), d.state::statetype,"
    " d.attempt, d.platform_ok, d.text, d.level, d.at, d.resources::json"
    " FROM comp_runs r CROSS JOIN unnest($3::text[], $4::integer[], $5::text[], $6::integer[], $7::boolean[], $8::text[],"
    " $9::integer[], $10::timestamptz[], $11::text[])"
    " WITH ORDINALITY d(what, task, state, attempt, platform_ok, text, level, at, resources, number)"
    " LEFT JOIN comp_run_snapshot_tasks t ON t.run_id = $1::bigint AND t.task = d.task"
    " WHERE " OF_PASS " ORDER BY d.number RETURNING id, n, node_id"};
// Of a run that has ended; the last of its commit, as it looks at all that the others wrote.
inline constexpr Statement commit_open{
    "commit_open",
    "UPDATE comp_runs r SET open = " PENDING("r") " OR " OWES
                                                  " OR EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = r.run_id) WHERE " OF_PASS
                                                  " RETURNING r.open"};
inline constexpr Statement who_is_newer{
    "who_is_newer", "SELECT user_id, project_uuid, iteration, " PENDING("r") " FROM comp_runs r WHERE run_id = $1::bigint"};
#undef OF_PASS

// Never waits, and nobody waits for it but for the time of this statement: rows that are being written are left out.
inline constexpr Statement write_progress{
    "write_progress",
    "WITH given AS (SELECT t.snapshot_task_id, d.progress::numeric(3, 2) AS progress FROM"
    " unnest($1::text[], $2::bigint[], $3::bigint[], $4::integer[], $5::text[], $6::float8[])"
    " d(project_uuid, user_id, iteration, task, job_id, progress)"
    " JOIN comp_runs r ON r.project_uuid = d.project_uuid AND r.user_id = d.user_id AND r.iteration = d.iteration"
    " JOIN comp_run_snapshot_tasks t ON t.run_id = r.run_id AND t.task = d.task AND t.job_id = d.job_id"
    " WHERE t.state IN ('PENDING', 'WAITING_FOR_CLUSTER', 'WAITING_FOR_RESOURCES', 'RUNNING')"
    " AND (t.progress IS NULL OR t.progress < d.progress::numeric(3, 2)) FOR NO KEY UPDATE OF t SKIP LOCKED),"
    " written AS (UPDATE comp_run_snapshot_tasks t SET progress = g.progress FROM given g"
    " WHERE t.snapshot_task_id = g.snapshot_task_id RETURNING t.run_id, t.project_id, t.node_id, t.progress),"
    " viewed AS (SELECT c.task_id, w.progress FROM written w JOIN comp_tasks c ON c.project_id = w.project_id"
    " AND c.node_id = w.node_id AND c.run_id = w.run_id FOR NO KEY UPDATE OF c SKIP LOCKED)"
    " UPDATE comp_tasks c SET progress = v.progress, modified = clock_timestamp() FROM viewed v WHERE c.task_id = v.task_id"};

// ---- the manager ---------------------------------------------------------------------------------------------------------
// core::due. Rows that somebody is writing just now are left for the next time.
inline constexpr Statement due{
    "due",
    "WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now, " INCARNATION " AS incarnation),"
    " found AS (SELECT r.run_id, " PENDING("r") " AS pending, coalesce(r.wake_at <= clock.now, false) AS reached,"
    " (r.published IS NULL OR r.published > clock.now OR r.published + least(" MICROSECONDS("$2")
    " * power(2, least(r.republished, 20)), interval '10 minutes') <= clock.now) AS overdue, clock.now"
    " FROM comp_runs r, clock WHERE r.open AND r.uuid IS NOT NULL AND NOT " RESTS("r")
    " AND CASE WHEN " PENDING("r")
    " THEN r.published IS NULL OR r.published > clock.now OR r.published + least(" MICROSECONDS("$2")
    " * power(2, least(r.republished, 20)), interval '10 minutes') <= clock.now OR (r.failures > 0 AND r.wake_at <= clock.now)"
    " ELSE r.scheduled IS NULL OR r.wake_at <= clock.now OR r.processed + " MICROSECONDS("$1") " <= clock.now"
    " OR r.fence >> " INCARNATION_SHIFT " < clock.incarnation END"
    " ORDER BY r.run_id LIMIT $3::bigint FOR NO KEY UPDATE OF r SKIP LOCKED),"
    " written AS (UPDATE comp_runs r SET"
    " scheduled = CASE WHEN f.pending THEN r.scheduled ELSE " MARK("f.now") " END, published = f.now,"
    " republished = CASE WHEN NOT f.pending THEN 0 WHEN f.overdue THEN r.republished + 1 ELSE r.republished END,"
    " wake_at = CASE WHEN f.reached THEN NULL ELSE r.wake_at END, modified = f.now"
    " FROM found f WHERE r.run_id = f.run_id RETURNING r.run_id, r.user_id, r.project_uuid, r.iteration)"
    " SELECT user_id, project_uuid, iteration FROM written ORDER BY run_id"};
inline constexpr Statement orphans{
    "orphans",
    "WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),"
    " living AS MATERIALIZED (" LIVING "),"
    " found AS (SELECT r.run_id, clock.now FROM comp_runs r, clock WHERE r.open AND r.uuid IS NOT NULL AND r.follower <> ''"
    " AND NOT " RESTS("r") " AND NOT EXISTS (SELECT 1 FROM living l WHERE l.id = r.follower)"
    " ORDER BY r.run_id LIMIT $1::bigint FOR NO KEY UPDATE OF r SKIP LOCKED),"
    " written AS (UPDATE comp_runs r SET follower = '', scheduled = " MARK("f.now") ", published = f.now, republished = 0,"
    " wake_at = CASE WHEN r.failures > 0 AND r.wake_at <= f.now THEN NULL ELSE r.wake_at END, modified = f.now"
    " FROM found f WHERE r.run_id = f.run_id RETURNING r.run_id, r.user_id, r.project_uuid, r.iteration)"
    " SELECT user_id, project_uuid, iteration FROM written ORDER BY run_id"};
// By the attempts that have not ended, as there is no index of tasks by state: it would be written with every hand-over.
inline constexpr Statement crowd{
    "crowd",
    "SELECT r.user_id, r.project_uuid, r.iteration, count(*) FROM comp_task_attempts a"
    " JOIN comp_run_snapshot_tasks t ON t.run_id = a.run_id AND t.task = a.task AND t.state IN ('PENDING', "
    "'WAITING_FOR_RESOURCES')"
    " JOIN comp_runs r ON r.run_id = a.run_id WHERE a.outcome = 'open' AND r.open AND NOT " RESTS("r") " GROUP BY r.run_id"};
inline constexpr Statement in_line{
    "in_line",
    "SELECT r.user_id, count(*) FROM comp_runs r WHERE r.no_room_since IS NOT NULL AND NOT r.has_turn AND r.open"
    " AND NOT " RESTS("r") " GROUP BY r.user_id"};
// core::give_turn. A run that is being written has its pass just now.
inline constexpr Statement give_turns{
    "give_turns",
    "WITH taken AS (SELECT (SELECT count(*) FROM comp_runs r JOIN comp_task_attempts a ON a.run_id = r.run_id AND a.outcome = 'open'"
    " JOIN comp_run_snapshot_tasks t ON t.run_id = a.run_id AND t.task = a.task AND t.state IN ('PENDING', 'WAITING_FOR_RESOURCES')"
    " WHERE r.user_id = $1::bigint AND r.open AND NOT " RESTS("r") ")"
    " + (SELECT count(*) FROM comp_runs r WHERE r.user_id = $1::bigint AND r.no_room_since IS NOT NULL AND r.has_turn AND r.open"
    " AND NOT " RESTS("r") ") AS places),"
    " found AS (SELECT r.run_id FROM comp_runs r WHERE r.user_id = $1::bigint AND r.no_room_since IS NOT NULL AND NOT r.has_turn"
    " AND r.open AND NOT " RESTS("r") " ORDER BY r.no_room_since, r.run_id"
    " LIMIT greatest($2::bigint - (SELECT places FROM taken), 0) FOR NO KEY UPDATE OF r SKIP LOCKED),"
    " clocked AS MATERIALIZED (SELECT found.*, clock_timestamp() AS now FROM found),"
    " written AS (UPDATE comp_runs r SET has_turn = true, scheduled = " MARK("f.now") ", published = f.now, republished = 0,"
    " wake_at = CASE WHEN r.failures > 0 AND r.wake_at <= f.now THEN NULL ELSE r.wake_at END, modified = f.now"
    " FROM clocked f WHERE r.run_id = f.run_id RETURNING r.run_id, r.user_id, r.project_uuid, r.iteration)"
    " SELECT user_id, project_uuid, iteration FROM written ORDER BY run_id"};
// The newest of each project stays, and the last that had a node: its attempts and its log are looked up there.
inline constexpr Statement forget_ended{
    "forget_ended",
    "DELETE FROM comp_runs WHERE run_id IN (SELECT r.run_id FROM comp_runs r WHERE NOT r.open AND r.uuid IS NOT NULL"
    " AND r.ended < clock_timestamp() - " MICROSECONDS("$1")
    " AND EXISTS (SELECT 1 FROM comp_runs o WHERE o.project_uuid = r.project_uuid AND o.run_id > r.run_id)"
    " AND NOT EXISTS (SELECT 1 FROM comp_tasks c WHERE c.project_id = r.project_uuid AND c.run_id = r.run_id)"
    " ORDER BY r.ended LIMIT $2::bigint FOR UPDATE OF r SKIP LOCKED) RETURNING run_id"};
inline constexpr Statement is_gone{"is_gone",
                                   "SELECT EXISTS (SELECT 1 FROM replicas WHERE id = $1::text)"
                                   " AND NOT EXISTS (SELECT 1 FROM (" LIVING ") living WHERE id = $1::text)"};
inline constexpr Statement forget_the_gone{
    "forget_the_gone", "DELETE FROM replicas WHERE seen < clock_timestamp() - interval '7 days' AND id NOT IN (" LIVING ")"};
// One replica at a time: each sees what the one before it has settled.
inline constexpr Statement place_alone{"place_alone",
                                       "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/keeper', 0))"};
// The first says where; afterwards only a person does, who names the folder that is gone (`$6`), and not against a replica that lives there.
#define ELSEWHERE "EXISTS (" LIVING " AND p.id <> $1::text AND p.keeper <> $2::text)"
inline constexpr Statement take_place{
    "take_place",
    "INSERT INTO local_keeper AS k (id, host, folder, since)"
    " SELECT $3::text, $4::text, $5::text, clock_timestamp() WHERE $6::text <> '' OR $7::boolean"
    " OR EXISTS (SELECT 1 FROM local_keeper) OR NOT EXISTS (SELECT 1 FROM comp_task_attempts WHERE outcome = 'open' OR owed <> "
    "'nothing')"
    " ON CONFLICT (the_only) DO UPDATE SET id = excluded.id, host = excluded.host, folder = excluded.folder, since = "
    "excluded.since"
    " WHERE k.id <> excluded.id AND k.folder = $6::text AND NOT " ELSEWHERE};
inline constexpr Statement be_there{
    "be_there",
    "UPDATE replicas SET keeper = $2::text WHERE id = $1::text AND EXISTS (SELECT 1 FROM local_keeper WHERE id = $3::text)"
    " AND NOT " ELSEWHERE " RETURNING true"};
inline constexpr Statement place{"place",
                                 "SELECT k.host, k.folder, " ELSEWHERE " FROM (SELECT 1) one LEFT JOIN local_keeper k ON true"};
inline constexpr Statement held{"held", "SELECT " RUN_COLUMNS
                                        " FROM comp_runs r WHERE r.open AND r.uuid IS NOT NULL AND r.held_since IS NOT NULL"
                                        " ORDER BY r.run_id LIMIT $1::bigint"};

// ---- the relay -----------------------------------------------------------------------------------------------------------
inline constexpr Statement outbox{
    "outbox",
    "SELECT o.id, r.user_id, r.project_uuid, r.iteration, o.run_id, o.fence, o.n, o.node_id, r.metadata, o.what, o.task, o.state,"
    " o.attempt, o.platform_ok, o.text, o.level, o.at, o.resources FROM outbox o JOIN comp_runs r ON r.run_id = o.run_id"
    " WHERE o.created <= clock_timestamp() - " MICROSECONDS("$1") " ORDER BY o.id LIMIT $2::bigint"};
// All three in one transaction: with the runs locked no commit can add what the last one does not see.
#define TOLD(row) "(" row ".id, " row ".fence) IN (SELECT id, fence FROM unnest($1::bigint[], $2::bigint[]) named(id, fence))"
inline constexpr Statement lock_told{
    "lock_told",
    "SELECT run_id FROM comp_runs WHERE run_id IN (SELECT o.run_id FROM outbox o WHERE o.id = ANY ($1::bigint[]) AND " TOLD("o") ")"
    " ORDER BY run_id FOR NO KEY UPDATE"};
inline constexpr Statement close_told{
    "close_told",
    "UPDATE comp_runs r SET open = false WHERE r.run_id IN"
    " (SELECT o.run_id FROM outbox o WHERE o.id = ANY ($1::bigint[]) AND " TOLD("o") ") AND r.open"
    " AND r.result IN " FINAL
    " AND NOT " PENDING("r") " AND NOT " OWES
                             " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = r.run_id AND NOT " TOLD("o") ")"};
inline constexpr Statement remove_told{"remove_told", "DELETE FROM outbox o WHERE o.id = ANY ($1::bigint[]) AND " TOLD("o")};
#undef TOLD

// ---- reading -------------------------------------------------------------------------------------------------------------
inline constexpr Statement changed_runs{
    "changed_runs",
    "SELECT w.user_id, w.project_uuid, w.iteration FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])"
    " WITH ORDINALITY w(user_id, project_uuid, iteration, known, number) LEFT JOIN comp_runs r ON r.project_uuid = w.project_uuid"
    " AND r.user_id = w.user_id AND r.iteration = w.iteration WHERE r.run_id IS NULL OR r.fence > w.known ORDER BY w.number"};
inline constexpr Statement run{"run", "SELECT " RUN_COLUMNS " FROM comp_runs r WHERE r." OF_RUN};
inline constexpr Statement runs{
    "runs", "SELECT " RUN_COLUMNS " FROM comp_runs r WHERE r.project_uuid = $1::text ORDER BY r.run_id DESC LIMIT $2::bigint"};
inline constexpr Statement tasks{"tasks", "SELECT " TASK_COLUMNS " FROM comp_run_snapshot_tasks t WHERE t.run_id = " ITS_RUN
                                          " AND t.changed_in > $4::bigint AND t.task IS NOT NULL ORDER BY t.task"};
inline constexpr Statement attempts{
    "attempts",
    "SELECT " ATTEMPT_COLUMNS " FROM comp_task_attempts a WHERE a.run_id = " ITS_RUN
    " AND ($4::text IS NULL OR EXISTS"
    " (SELECT 1 FROM comp_run_snapshot_tasks t WHERE t.run_id = a.run_id AND t.task = a.task AND t.node_id = $4::text))"
    " ORDER BY a.task, a.attempt"};
inline constexpr Statement nodes{"nodes",
                                 "SELECT node_id, state, run_id, success, simulated FROM comp_tasks WHERE project_id = $1::text "
                                 "ORDER BY position, internal_id,"
                                 " node_id"};

inline constexpr Statement ping{"ping", "SELECT 1"};
inline constexpr Statement backlog{
    "backlog",
    "SELECT count(*), count(*) FILTER (WHERE r.wake_at IS NULL), count(*) FILTER (WHERE " RESTS("r") "),"
    " count(*) FILTER (WHERE " PENDING("r") "),"
    " coalesce(extract(epoch FROM clock_timestamp() - min(r.published) FILTER (WHERE " PENDING("r") " AND NOT " RESTS("r") ")), 0)::float8,"
    " (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(o.created)), 0)::float8 FROM outbox o),"
    " (SELECT count(*) FROM (SELECT FROM outbox LIMIT 1000001) o)"
    " FROM comp_runs r WHERE r.open AND r.uuid IS NOT NULL"};
inline constexpr Statement open_by_user{"open_by_user",
                                        "SELECT r.user_id, count(*) FROM comp_runs r WHERE r.open AND r.uuid IS NOT NULL"
                                        " GROUP BY r.user_id ORDER BY 2 DESC LIMIT 1000"};
inline constexpr Statement jobs_by_state{
    "jobs_by_state",
    "SELECT t.state, count(*) FROM comp_task_attempts a JOIN comp_run_snapshot_tasks t ON t.run_id = a.run_id AND t.task = a.task"
    " WHERE a.outcome = 'open' GROUP BY t.state"};

#undef OF_RUN
#undef ITS_RUN
#undef OPEN_RUN
#undef FINAL
#undef PENDING
#undef MARK
#undef BACK_OFF
#undef RESTS
#undef OWES
#undef MICROSECONDS
#undef LIVING
#undef ELSEWHERE
#undef INCARNATION
#undef INCARNATION_SHIFT
#undef RUN_COLUMNS
#undef TASK_COLUMNS
#undef ATTEMPT_COLUMNS

}  // namespace baton::store::sql
