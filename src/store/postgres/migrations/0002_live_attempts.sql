-- Attempts that have not ended, for the count of jobs by state.
CREATE INDEX ix_comp_task_attempts_live ON comp_task_attempts (run_id, task) WHERE outcome = 'open';
