-- The runs of any number of replicas. Tables and columns of the reference keep their names and types; where such tables are there already
-- they are left alone but for what is added, which is nullable or has a default, so that rows which the reference inserts stay valid.
-- Times are timestamptz; ours are always clock_timestamp(). Lists and records of ours are JSON (store/codec), as `json`: it keeps any text.

DO $$ BEGIN
  CREATE TYPE statetype AS ENUM ('UNKNOWN', 'NOT_STARTED', 'PUBLISHED', 'PENDING', 'RUNNING', 'SUCCESS', 'FAILED', 'ABORTED',
                                 'WAITING_FOR_RESOURCES', 'WAITING_FOR_CLUSTER');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN
  CREATE TYPE nodeclass AS ENUM ('COMPUTATIONAL', 'INTERACTIVE', 'FRONTEND');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
-- In order: desires only rise.
CREATE TYPE run_desire AS ENUM ('run', 'cancel', 'remove');

-- ---- who and what --------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS users (
  id bigserial PRIMARY KEY,
  name varchar NOT NULL,
  email varchar,
  primary_gid bigint,
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS projects (
  id bigserial PRIMARY KEY,
  uuid varchar NOT NULL CONSTRAINT uq_projects_uuid UNIQUE,
  name varchar NOT NULL,
  prj_owner bigint CONSTRAINT fk_projects_prj_owner_users REFERENCES users (id) ON UPDATE CASCADE ON DELETE RESTRICT
);
ALTER TABLE projects
  ADD COLUMN IF NOT EXISTS document json;  -- as it was given; NULL: not given to us

CREATE TABLE IF NOT EXISTS projects_nodes (
  project_node_id serial PRIMARY KEY,
  project_uuid varchar NOT NULL CONSTRAINT fk_projects_to_projects_nodes_uuid
    REFERENCES projects (uuid) ON UPDATE CASCADE ON DELETE CASCADE,
  node_id varchar NOT NULL,
  required_resources jsonb NOT NULL DEFAULT '{}',
  key varchar,
  version varchar,
  label varchar,
  inputs jsonb,
  outputs jsonb,
  run_hash varchar,
  state jsonb,
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_projects_nodes_project_uuid_node_id UNIQUE (project_uuid, node_id)
);

CREATE TABLE IF NOT EXISTS clusters (
  id bigserial PRIMARY KEY,
  name varchar NOT NULL,
  owner bigint,
  endpoint varchar NOT NULL,
  document json,
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now()
);

-- ---- runs ----------------------------------------------------------------------------------------------------------------
CREATE TABLE IF NOT EXISTS comp_pipeline (
  project_id varchar PRIMARY KEY CONSTRAINT fk_comp_pipeline_project_id_projects
    REFERENCES projects (uuid) ON UPDATE CASCADE ON DELETE CASCADE,
  dag_adjacency_list json,
  state statetype NOT NULL DEFAULT 'NOT_STARTED'
);

-- A pass writes its run's row twice and none of its indexes: what a pass changes each time (marks, fence, wake_at) is in no index, and
-- pages keep room for the next version of a row. So the open runs are found by their index, and their marks by looking at them.
CREATE TABLE IF NOT EXISTS comp_runs (
  run_id bigserial PRIMARY KEY,
  project_uuid varchar NOT NULL CONSTRAINT fk_comp_runs_project_uuid_projects
    REFERENCES projects (uuid) ON UPDATE CASCADE ON DELETE CASCADE,
  user_id bigint NOT NULL CONSTRAINT fk_comp_runs_user_id_users REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  iteration bigint NOT NULL,
  result statetype NOT NULL DEFAULT 'NOT_STARTED',
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now(),
  started timestamptz,
  ended timestamptz,
  cancelled timestamptz,  -- when cancel or remove was asked for
  metadata jsonb,
  use_on_demand_clusters boolean NOT NULL DEFAULT false,
  CONSTRAINT comp_runs_project_uuid_user_id_iteration_key UNIQUE (project_uuid, user_id, iteration)
) WITH (fillfactor = 60);
ALTER TABLE comp_runs
  ADD COLUMN IF NOT EXISTS scheduled timestamptz,  -- the mark; it only grows
  ADD COLUMN IF NOT EXISTS processed timestamptz,
  ADD COLUMN IF NOT EXISTS metadata jsonb,
  ADD COLUMN IF NOT EXISTS dag_adjacency_list jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS collection_run_id varchar,
  ADD COLUMN IF NOT EXISTS last_result_changed timestamptz DEFAULT now(),
  ADD COLUMN IF NOT EXISTS cluster_id bigint,
  ADD COLUMN uuid varchar,  -- NULL: a run that was not made by us, and is not scheduled by us
  ADD COLUMN request varchar NOT NULL DEFAULT '',
  ADD COLUMN keep_going boolean NOT NULL DEFAULT false,
  ADD COLUMN simulated boolean NOT NULL DEFAULT false,
  ADD COLUMN desire run_desire NOT NULL DEFAULT 'run',
  ADD COLUMN held_since timestamptz,  -- NULL: not held
  ADD COLUMN wake_at timestamptz,
  ADD COLUMN published timestamptz,
  ADD COLUMN republished integer NOT NULL DEFAULT 0,
  ADD COLUMN fence bigint NOT NULL DEFAULT 0,
  ADD COLUMN committed bigint NOT NULL DEFAULT 0,
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  ADD COLUMN begun_by varchar NOT NULL DEFAULT '',
  ADD COLUMN follower varchar NOT NULL DEFAULT '',
  ADD COLUMN priority integer NOT NULL DEFAULT 0,
  ADD COLUMN deleting timestamptz,
  ADD COLUMN open boolean NOT NULL DEFAULT true,
  ADD COLUMN last_failure varchar NOT NULL DEFAULT '';
CREATE UNIQUE INDEX IF NOT EXISTS uq_comp_runs_uuid ON comp_runs (uuid);
CREATE UNIQUE INDEX IF NOT EXISTS uq_comp_runs_project_uuid_collection_run_id ON comp_runs (project_uuid, collection_run_id);
-- At most one unfinished run of ours per project.
CREATE UNIQUE INDEX uq_comp_runs_unfinished ON comp_runs (project_uuid)
  WHERE uuid IS NOT NULL AND result NOT IN ('SUCCESS', 'FAILED', 'ABORTED');
CREATE INDEX ix_comp_runs_open ON comp_runs (run_id) WHERE open AND uuid IS NOT NULL;
CREATE INDEX ix_comp_runs_project_uuid_run_id ON comp_runs (project_uuid, run_id);
CREATE INDEX IF NOT EXISTS ix_comp_runs_user_id ON comp_runs (user_id);

-- What a run is, written once; apart from the rows that passes write again and again.
CREATE TABLE comp_run_definitions (
  run_id bigint PRIMARY KEY REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  steps json NOT NULL
);
CREATE TABLE comp_run_task_definitions (
  run_id bigint NOT NULL REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  task integer NOT NULL,
  definition json NOT NULL,
  PRIMARY KEY (run_id, task)
);

-- The run's own tasks: what the scheduler reads and writes.
CREATE TABLE IF NOT EXISTS comp_run_snapshot_tasks (
  snapshot_task_id serial PRIMARY KEY,
  run_id integer NOT NULL CONSTRAINT fk_snapshot_tasks_to_comp_runs
    REFERENCES comp_runs (run_id) ON UPDATE CASCADE ON DELETE CASCADE,
  project_id varchar,
  node_id varchar,
  node_class nodeclass,
  job_id varchar,
  internal_id integer,
  schema json,
  inputs json,
  outputs json,
  run_hash varchar,
  image json,
  state statetype NOT NULL DEFAULT 'NOT_STARTED',
  errors jsonb,
  progress numeric(3, 2),
  start timestamptz,
  "end" timestamptz,
  last_heartbeat timestamptz,
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now(),
  pricing_info jsonb,
  hardware_info jsonb
) WITH (fillfactor = 70);
ALTER TABLE comp_run_snapshot_tasks
  ADD COLUMN task integer,  -- its index in the run, from 0
  ADD COLUMN changed_in bigint NOT NULL DEFAULT 0,  -- the fence that last wrote it
  ADD COLUMN state_since timestamptz,
  ADD COLUMN attempt integer NOT NULL DEFAULT 0,
  ADD COLUMN seen boolean NOT NULL DEFAULT false,
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  ADD COLUMN lost integer NOT NULL DEFAULT 0,
  ADD COLUMN waiting varchar NOT NULL DEFAULT 'nothing',
  ADD COLUMN ready_since timestamptz,
  ADD COLUMN not_before timestamptz,
  ADD COLUMN submitted timestamptz,
  ADD COLUMN exit_code integer,
  ADD COLUMN log varchar NOT NULL DEFAULT '',
  ADD COLUMN reused boolean NOT NULL DEFAULT false,
  ADD COLUMN reasons json,
  ADD COLUMN problems json,  -- our errors, with place and way out; `errors` says the same in the reference's words
  ADD COLUMN success json,
  ADD COLUMN success_simulated boolean NOT NULL DEFAULT false;
CREATE INDEX IF NOT EXISTS ix_comp_run_snapshot_tasks_run_id_node_id ON comp_run_snapshot_tasks (run_id, node_id);
CREATE UNIQUE INDEX uq_comp_run_snapshot_tasks_run_id_task ON comp_run_snapshot_tasks (run_id, task);
CREATE INDEX ix_comp_run_snapshot_tasks_run_id_changed_in ON comp_run_snapshot_tasks (run_id, changed_in);

CREATE TABLE comp_task_attempts (
  run_id bigint NOT NULL REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  task integer NOT NULL,
  attempt integer NOT NULL,
  changed_in bigint NOT NULL,
  job_id varchar NOT NULL,
  why varchar NOT NULL,
  outcome varchar NOT NULL,
  owed varchar NOT NULL,
  cluster_id bigint,
  decided_by varchar NOT NULL DEFAULT '',  -- the version that decided (R19)
  submitted timestamptz,
  start timestamptz,
  "end" timestamptz,
  exit_code integer,
  log varchar NOT NULL DEFAULT '',
  problems json,
  PRIMARY KEY (run_id, task, attempt)
) WITH (fillfactor = 70);
CREATE INDEX ix_comp_task_attempts_run_id_changed_in ON comp_task_attempts (run_id, changed_in) WHERE outcome <> 'open';
CREATE INDEX ix_comp_task_attempts_owing ON comp_task_attempts (run_id) WHERE owed <> 'nothing';
CREATE INDEX ix_comp_task_attempts_job_id ON comp_task_attempts (job_id);

-- The view of each project's newest run.
CREATE TABLE IF NOT EXISTS comp_tasks (
  task_id serial PRIMARY KEY,
  project_id varchar CONSTRAINT fk_comp_tasks_project_id_projects
    REFERENCES projects (uuid) ON UPDATE CASCADE ON DELETE CASCADE,
  node_id varchar,
  node_class nodeclass,
  job_id varchar,
  internal_id integer,
  schema json,
  inputs json,
  outputs json,
  run_hash varchar,
  image json,
  state statetype NOT NULL DEFAULT 'NOT_STARTED',
  errors jsonb,
  progress numeric(3, 2),
  start timestamptz,
  "end" timestamptz,
  last_heartbeat timestamptz,
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now(),
  pricing_info jsonb,
  hardware_info jsonb,
  submit timestamptz DEFAULT '1900-01-01T00:00:00Z',
  CONSTRAINT project_node_uniqueness UNIQUE (project_id, node_id)
) WITH (fillfactor = 70);
ALTER TABLE comp_tasks
  ADD COLUMN position integer,  -- in the document, from 0
  ADD COLUMN run_id bigint,     -- the newest run that had it
  ADD COLUMN success json,      -- its last success
  ADD COLUMN simulated json;    -- its last simulated success

-- ---- replicas and messages -----------------------------------------------------------------------------------------------
-- A replica lives while a session of its own holds the advisory lock of its row.
CREATE TABLE replicas (
  id varchar PRIMARY KEY,
  version varchar NOT NULL,
  seen timestamptz NOT NULL,
  lock_key bigint NOT NULL
);

CREATE TABLE outbox (
  id bigserial PRIMARY KEY,
  run_id bigint NOT NULL REFERENCES comp_runs (run_id) ON DELETE CASCADE,
  fence bigint NOT NULL,
  n integer NOT NULL,
  created timestamptz NOT NULL,
  what varchar NOT NULL,
  task integer,
  node_id varchar NOT NULL,
  state statetype NOT NULL,
  attempt integer NOT NULL,
  platform_ok boolean NOT NULL,
  text varchar NOT NULL,
  level integer NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX ix_outbox_run_id ON outbox (run_id);
