-- Runs that others inserted and that nobody has begun, for the manager's look: nearly always none.
CREATE INDEX ix_comp_runs_foreign ON comp_runs (run_id) WHERE uuid IS NULL AND result = 'PUBLISHED';
