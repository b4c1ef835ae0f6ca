-- Since when a run is in the line for room in the backend (NULL: it is not), and whether it has its turn.
ALTER TABLE comp_runs
  ADD COLUMN no_room_since timestamptz,
  ADD COLUMN has_turn boolean NOT NULL DEFAULT false;
CREATE INDEX ix_comp_runs_no_room ON comp_runs (user_id, no_room_since) WHERE no_room_since IS NOT NULL;
-- What is forgotten is found by it.
CREATE INDEX ix_comp_runs_ended ON comp_runs (ended) WHERE NOT open;
