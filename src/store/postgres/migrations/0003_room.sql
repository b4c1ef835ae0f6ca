-- Since when tasks of a run are ready and there is no room in the backend; NULL: none waits for that.
ALTER TABLE comp_runs ADD COLUMN no_room_since timestamptz;
CREATE INDEX ix_comp_runs_no_room ON comp_runs (user_id, no_room_since) WHERE no_room_since IS NOT NULL;
-- What is forgotten is found by it.
CREATE INDEX ix_comp_runs_ended ON comp_runs (ended) WHERE NOT open;
