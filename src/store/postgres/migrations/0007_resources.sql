-- What the step of a task that has started declares; NULL: nothing is known of it.
ALTER TABLE outbox ADD COLUMN resources json;
