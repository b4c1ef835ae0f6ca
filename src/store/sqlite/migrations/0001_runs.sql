-- The runs of an embedded Baton, by the names that the PostgreSQL schema uses. All times are whole microseconds since 1970, UTC; truths
-- are 0 and 1; lists and records are JSON (store/codec); states are spelled as the reference's `statetype`. Indexes are few: a pass pays
-- for each, and the one process that writes remembers what it wrote (cache.hpp).

CREATE TABLE comp_runs (
  run_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, not even after a delete
  uuid TEXT NOT NULL CONSTRAINT uq_comp_runs_uuid UNIQUE,
  project_uuid TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  iteration INTEGER NOT NULL,
  request TEXT NOT NULL,
  keep_going INTEGER NOT NULL,
  simulated INTEGER NOT NULL,
  newest INTEGER NOT NULL,  -- of its project: comp_tasks is the view of this run
  result TEXT NOT NULL,
  created INTEGER NOT NULL,
  started INTEGER,
  ended INTEGER,
  desire TEXT NOT NULL DEFAULT 'run',
  cancelled INTEGER,  -- when cancel or remove was asked for
  held INTEGER NOT NULL DEFAULT 0,
  scheduled INTEGER,  -- the mark
  processed INTEGER,
  wake_at INTEGER,
  published INTEGER,
  republished INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  committed INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  begun_by TEXT NOT NULL DEFAULT '',
  follower TEXT NOT NULL DEFAULT '',
  open INTEGER NOT NULL DEFAULT 1,
  last_failure TEXT NOT NULL DEFAULT '',
  CONSTRAINT uq_comp_runs_project_uuid_user_id_iteration UNIQUE (project_uuid, user_id, iteration)
);
-- At most one unfinished run per project.
CREATE UNIQUE INDEX uq_comp_runs_unfinished ON comp_runs (project_uuid) WHERE result NOT IN ('SUCCESS', 'FAILED', 'ABORTED');
CREATE INDEX ix_comp_runs_open ON comp_runs (run_id) WHERE open = 1;
CREATE INDEX ix_comp_runs_newest ON comp_runs (project_uuid) WHERE newest = 1;

-- What a run is, written once. Apart from the rows that passes write again and again: SQLite rewrites whole rows.
CREATE TABLE comp_run_definitions (
  run_id INTEGER PRIMARY KEY REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  steps TEXT NOT NULL
);
CREATE TABLE comp_run_task_definitions (
  snapshot_task_id INTEGER PRIMARY KEY,  -- as in comp_run_snapshot_tasks
  definition TEXT NOT NULL
);

CREATE TABLE comp_run_snapshot_tasks (
  snapshot_task_id INTEGER PRIMARY KEY,  -- run_id * 2^24 + the task's index: a run's tasks lie together, in order
  run_id INTEGER NOT NULL REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  node_id TEXT NOT NULL,
  changed_in INTEGER NOT NULL DEFAULT 0,  -- the fence that last wrote it
  state TEXT NOT NULL,
  state_since INTEGER NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  job_id TEXT,
  seen INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  lost INTEGER NOT NULL DEFAULT 0,
  waiting TEXT NOT NULL DEFAULT 'nothing',
  ready_since INTEGER,
  not_before INTEGER,
  submitted INTEGER,
  start INTEGER,
  "end" INTEGER,
  exit_code INTEGER,
  log TEXT NOT NULL DEFAULT '',
  reused INTEGER NOT NULL DEFAULT 0,
  progress REAL,
  reasons TEXT NOT NULL,
  errors TEXT,
  success TEXT
);

CREATE TABLE comp_task_attempts (
  run_id INTEGER NOT NULL REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  task INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  changed_in INTEGER NOT NULL,
  job_id TEXT NOT NULL,
  why TEXT NOT NULL,
  outcome TEXT NOT NULL,
  owed TEXT NOT NULL,
  submitted INTEGER,
  start INTEGER,
  "end" INTEGER,
  exit_code INTEGER,
  log TEXT NOT NULL DEFAULT '',
  errors TEXT,
  PRIMARY KEY (run_id, task, attempt)
) WITHOUT ROWID;

-- The view of each project's newest run: it points to rows of runs, and has nothing of its own that a pass would have to write twice.
-- Whoever removes a run keeps the rows that are pointed to.
CREATE TABLE comp_tasks (
  task_id INTEGER PRIMARY KEY,
  project_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  snapshot_task_id INTEGER,  -- in the newest run that had the node: its state
  success_in INTEGER,        -- in the run of its last success
  simulated_in INTEGER,      -- in the run of its last simulated success
  CONSTRAINT uq_comp_tasks_project_id_node_id UNIQUE (project_id, node_id)
);

CREATE TABLE replicas (
  id TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  seen INTEGER NOT NULL
);
