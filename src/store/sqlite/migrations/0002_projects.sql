-- Projects that were given as documents, and the requests that began runs.

CREATE TABLE projects (
  uuid TEXT PRIMARY KEY,
  prj_owner INTEGER NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL
) WITHOUT ROWID;

ALTER TABLE comp_runs ADD COLUMN collection_run_id TEXT;  -- NULL: begun by no request that could be repeated
ALTER TABLE comp_runs ADD COLUMN metadata TEXT;
CREATE UNIQUE INDEX uq_comp_runs_project_uuid_collection_run_id ON comp_runs (project_uuid, collection_run_id)
  WHERE collection_run_id IS NOT NULL;
