-- Since when the run is in the line for room in the backend (NULL: it is not), and whether it has its turn.
ALTER TABLE comp_runs ADD COLUMN no_room_since INTEGER;
ALTER TABLE comp_runs ADD COLUMN has_turn INTEGER NOT NULL DEFAULT 0;
