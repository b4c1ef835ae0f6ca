-- Since when tasks of the run are ready and there is no room in the backend; NULL: none waits for that.
ALTER TABLE comp_runs ADD COLUMN no_room_since INTEGER;
