-- Collections of runs, which the reference's web server writes, and its indexes of the columns that its tools look for.
CREATE TABLE IF NOT EXISTS comp_runs_collections (
  collection_run_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  client_or_system_generated_id varchar NOT NULL CONSTRAINT client_or_system_generated_id_uniqueness UNIQUE,
  client_or_system_generated_display_name varchar NOT NULL,
  is_generated_by_system boolean NOT NULL,
  created timestamptz NOT NULL DEFAULT now(),
  modified timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_comp_runs_collection_run_id ON comp_runs (collection_run_id);
CREATE INDEX IF NOT EXISTS ix_comp_tasks_project_id ON comp_tasks (project_id);
