-- What the migration of history remembers, in the database that it fills: docs/design/history.md. Each statement may be said again.
CREATE SCHEMA IF NOT EXISTS pgsite_migration;

-- How it is to go on: what an administrator said, and why it waits.
CREATE TABLE IF NOT EXISTS pgsite_migration.control (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  paused boolean NOT NULL DEFAULT false,
  throttle bigint CHECK (throttle > 0),
  source text,
  waits_for text NOT NULL DEFAULT '',
  detail text NOT NULL DEFAULT '',
  since timestamptz NOT NULL DEFAULT now()
);
INSERT INTO pgsite_migration.control (one) SELECT true WHERE NOT EXISTS (SELECT 1 FROM pgsite_migration.control);

-- Tables that had no row when the upgrade was through, and nobody could have written to them yet: what they have later is of new life.
CREATE TABLE IF NOT EXISTS pgsite_migration.prepared (
  nspname text NOT NULL,
  relname text NOT NULL,
  PRIMARY KEY (nspname, relname)
);

-- The source's tables, as its catalogue says: filled anew when they are looked for.
CREATE TABLE IF NOT EXISTS pgsite_migration.sources (
  nspname text NOT NULL,
  relname text NOT NULL,
  unlogged boolean NOT NULL,
  blocks bigint NOT NULL,
  bytes bigint NOT NULL,
  estimate bigint NOT NULL,
  key text NOT NULL,
  key_back text NOT NULL,
  key_literal text NOT NULL,
  columns text[] NOT NULL,
  hashes text[] NOT NULL,
  PRIMARY KEY (nspname, relname)
);

-- status: rows, after, done; refused (it was not begun), failed (it was). `size` and `rate` count rows where there is a key, else blocks.
CREATE TABLE IF NOT EXISTS pgsite_migration.tables (
  number serial PRIMARY KEY,
  nspname text NOT NULL,
  relname text NOT NULL,
  status text NOT NULL,
  reason text NOT NULL DEFAULT '',
  detail text NOT NULL DEFAULT '',
  target text NOT NULL,
  columns text NOT NULL,
  hash text NOT NULL,
  key text NOT NULL,
  key_back text NOT NULL,
  key_literal text NOT NULL,
  has_key boolean NOT NULL DEFAULT false,
  place text NOT NULL DEFAULT '',
  blocks bigint NOT NULL,
  bytes bigint NOT NULL,
  estimate bigint NOT NULL,
  last_key text NOT NULL DEFAULT '',
  next_block bigint NOT NULL DEFAULT 0,
  size bigint NOT NULL,
  rate double precision,
  batches integer NOT NULL DEFAULT 0,
  rows bigint NOT NULL DEFAULT 0,
  checksum numeric NOT NULL DEFAULT 0,
  is_set_aside boolean NOT NULL DEFAULT false,
  began timestamptz,
  ended timestamptz,
  UNIQUE (nspname, relname)
);

-- One row a batch, written in its own transaction: a number that is there twice, or rows that are not those of the source, end it.
CREATE TABLE IF NOT EXISTS pgsite_migration.batches (
  "table" integer NOT NULL,
  number integer NOT NULL,
  units bigint,
  rows bigint,
  checksum numeric,
  found_rows bigint,
  found_checksum numeric,
  seconds double precision,
  ended timestamptz,
  PRIMARY KEY ("table", number),
  CONSTRAINT found_is_sent CHECK (rows = found_rows AND checksum = found_checksum)
);

-- Indexes that would slow the rows down, until these are there.
CREATE TABLE IF NOT EXISTS pgsite_migration.indexes (
  "table" integer NOT NULL,
  nspname text NOT NULL,
  relname text NOT NULL,
  definition text NOT NULL,
  tablespace text NOT NULL DEFAULT '',
  comment text,
  is_made boolean NOT NULL DEFAULT false,
  PRIMARY KEY ("table", relname)
);
