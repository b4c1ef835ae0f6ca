-- Where jobs of local processes are kept: the replicas of one database must agree, else a job could begin at two keepers. At most one row.
CREATE TABLE local_keeper (
  the_only boolean PRIMARY KEY DEFAULT true CHECK (the_only),
  id varchar NOT NULL,      -- of the state directory
  host varchar NOT NULL,    -- for people, as `folder`
  folder varchar NOT NULL,
  since timestamptz NOT NULL
);
ALTER TABLE replicas
  ADD COLUMN keeper varchar;  -- the id of its own, and after `@` its host's boot; NULL: it has none
