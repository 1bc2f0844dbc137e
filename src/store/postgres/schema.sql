-- Schema 1 of a central store. Times are microseconds since the Unix epoch (UTC), durations nanoseconds. Codes of statuses, codecs and
-- scopes are those of a SQLite file. One row that could not be read would hide the others of its page: codes are checked here, and a reader
-- accepts any other value.

CREATE SCHEMA IF NOT EXISTS tower_activity;

-- schema: the version. store: a random number of this store, which positions of followers name. ordinal: the last ordinal that was
-- given to a batch; a transaction that folds batches locks this row. ordinal_at: when that was. server: the run of the server that gave it,
-- and the transaction, so that a row which another program has written is noticed.
-- ahead: the first day, counted from the Unix epoch, whose records are in the
-- partition of what is dated ahead. activity_horizon, event_horizon: the first day that is kept. sums_from: the first quarter hour whose
-- sums are kept. erased: changes when an actor is erased; 0: none was. retained_at: when the limits were last applied, which locks
-- this row.
CREATE TABLE tower_activity.mark (
  name  text PRIMARY KEY,
  value bigint NOT NULL
);

-- Repeated texts, stored once.
CREATE TABLE tower_activity.text (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- A text has up to 512 bytes before a NUL becomes three; a longer one has a hash at its end here.
  value  text NOT NULL UNIQUE CHECK (octet_length(value) <= 512),
  folded text CHECK (octet_length(folded) <= 1536) -- in one case, where that differs
);
CREATE INDEX text_folded ON tower_activity.text (folded) WHERE folded IS NOT NULL;

-- One log: a file that is forwarded. A clone of a file is another log.
CREATE TABLE tower_activity.log (
  number      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id          uuid NOT NULL UNIQUE,
  host        text NOT NULL,
  holder      uuid,               -- the forwarder that holds it; NULL: none
  heard_at    timestamptz NOT NULL DEFAULT now(),
  -- The last places in its commit order that were accepted, and the id of the batch that they end. NULL: none was.
  activity    bigint NOT NULL DEFAULT 0,
  event       bigint NOT NULL DEFAULT 0,
  chunk       bigint NOT NULL DEFAULT 0,
  batch       uuid,
  batches     bigint NOT NULL DEFAULT 0, -- rows of batch: accepted, and not deleted by the retention
  waiting     bigint NOT NULL DEFAULT 0, -- records that are yet to be forwarded, by its own count
  -- Records that were not inserted: refused by the server, and dated before the horizon.
  refused     bigint NOT NULL DEFAULT 0,
  outdated    bigint NOT NULL DEFAULT 0
);

-- One process that recorded into a log.
CREATE TABLE tower_activity.instance (
  number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uuid       uuid NOT NULL UNIQUE,
  log        integer NOT NULL,
  host       text NOT NULL CHECK (octet_length(host) <= 255),
  pid        bigint NOT NULL,
  started_at bigint NOT NULL,
  stopped_at bigint,
  alive      boolean NOT NULL,
  saved_at   bigint,
  accounting text NOT NULL DEFAULT '{}' CHECK (octet_length(accounting) <= 4096),
  -- Whether records were lost, or are incomplete.
  losses     boolean NOT NULL GENERATED ALWAYS AS (accounting ~ '"(rejected|lost|late|not_durable|redactor)[a-z_]*":[1-9]') STORED
);

-- An accepted batch: records of one log in commit order, after the first places up to the last ones.
CREATE TABLE tower_activity.batch (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  log            integer NOT NULL,
  first_activity bigint NOT NULL,
  last_activity  bigint NOT NULL,
  first_event    bigint NOT NULL,
  last_event     bigint NOT NULL,
  first_chunk    bigint NOT NULL,
  last_chunk     bigint NOT NULL,
  -- The range of its ids, so that few partitions are read. NULL: it has none.
  min_activity   uuid,
  max_activity   uuid,
  min_event      uuid,
  max_event      uuid,
  accepted_at    timestamptz NOT NULL DEFAULT now(),
  -- The transaction that accepts it: only this one adds records to it.
  accepted_in    xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- The place in the order of all logs, given once its records are counted in the sums. NULL: not yet.
  ordinal        bigint UNIQUE,
  -- The rows that it has inserted, set with the ordinal.
  activities     bigint,
  events         bigint,
  UNIQUE (log, first_activity, first_event, first_chunk)
);
CREATE INDEX batch_unfolded ON tower_activity.batch (id) WHERE ordinal IS NULL;
CREATE INDEX batch_accepting ON tower_activity.batch (accepted_in) WHERE ordinal IS NULL;

-- Changes by other programs that were accepted: what was missing of a log. Negative: what was surplus.
CREATE TABLE tower_activity.accepted (
  at         bigint NOT NULL,
  log        integer NOT NULL,
  batches    bigint NOT NULL DEFAULT 0,
  activities bigint NOT NULL DEFAULT 0,
  events     bigint NOT NULL DEFAULT 0
);

-- Ended activities. A row never changes. Partitions are days, all before the year 2000, and all that is dated ahead.
CREATE TABLE tower_activity.activity (
  id               uuid NOT NULL,
  -- Distances between any two can be added up.
  started_at       bigint NOT NULL CHECK (started_at BETWEEN -1000000000000000000 AND 1000000000000000000),
  duration_ns      bigint,
  batch            bigint NOT NULL,
  seq              bigint NOT NULL CHECK (seq BETWEEN 0 AND 9007199254740992), -- in the commit order of its log
  kind             bigint NOT NULL,
  name             bigint NOT NULL,
  project          bigint,
  agent            bigint,
  actor            bigint,
  brand            bigint,
  environment      bigint,
  fingerprint      bigint,             -- of a failed one
  input_bytes      bigint,
  output_bytes     bigint,
  instance         integer NOT NULL,
  status           smallint NOT NULL CHECK (status BETWEEN 0 AND 5),
  truncated        boolean NOT NULL,
  input_truncated  boolean,
  output_truncated boolean,
  parent           uuid,
  root             uuid,               -- NULL: itself
  trace_id         bytea,              -- NULL: the root's id
  span_id          bytea,              -- NULL: the second half of its id
  remote_parent    bytea,
  session          text,
  request          text,
  error_type       text,
  message          text,
  attributes       text,               -- JSON object; NULL: none. A byte of its values is up to six here
  input            text,
  output           text,
  terms            text,               -- words and attributes for the index, separated by spaces
  CONSTRAINT texts CHECK (greatest(octet_length(session), octet_length(request), octet_length(error_type)) <= 1536
    AND octet_length(message) <= 6153 AND octet_length(attributes) <= 2000000),
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX activity_project ON tower_activity.activity (project, id) WHERE project IS NOT NULL;
CREATE INDEX activity_root ON tower_activity.activity (root, status) WHERE root IS NOT NULL;
CREATE INDEX activity_top ON tower_activity.activity (id) WHERE parent IS NULL;
CREATE INDEX activity_unsuccessful ON tower_activity.activity (status, id) WHERE status > 1;
CREATE INDEX activity_batch ON tower_activity.activity (batch, seq);
CREATE INDEX activity_terms ON tower_activity.activity
  USING gin (array_to_tsvector(string_to_array(terms, ' '))) WITH (gin_pending_list_limit = 512);

-- Running activities of all logs.
CREATE TABLE tower_activity.open (
  id              uuid PRIMARY KEY,
  log             integer NOT NULL,
  started_at      bigint NOT NULL,
  kind            bigint NOT NULL,
  name            bigint NOT NULL,
  project         bigint,
  agent           bigint,
  actor           bigint,
  brand           bigint,
  environment     bigint,
  input_bytes     bigint,
  instance        integer NOT NULL,
  truncated       boolean NOT NULL,
  input_truncated boolean,
  parent          uuid,
  root            uuid,
  trace_id        bytea,
  span_id         bytea,
  remote_parent   bytea,
  session         text,
  request         text,
  attributes      text,
  input           text,
  CONSTRAINT texts CHECK (greatest(octet_length(session), octet_length(request)) <= 1536 AND octet_length(attributes) <= 2000000)
);
CREATE INDEX open_log ON tower_activity.open (log);

-- Events. A row never changes. Partitions are like those of activities.
CREATE TABLE tower_activity.event (
  id          uuid NOT NULL,
  at          bigint NOT NULL CHECK (at BETWEEN -1000000000000000000 AND 1000000000000000000),
  batch       bigint NOT NULL,
  seq         bigint NOT NULL CHECK (seq BETWEEN 0 AND 9007199254740992),
  type        bigint NOT NULL,
  count       bigint NOT NULL,
  project     bigint,
  agent       bigint,
  actor       bigint,
  brand       bigint,
  environment bigint,
  instance    integer NOT NULL,
  status      smallint NOT NULL CHECK (status BETWEEN 0 AND 5),
  truncated   boolean NOT NULL,
  activity    uuid,
  summary     text,
  reference   text,
  data        text,                    -- JSON
  session     text,
  request     text,
  dedup_key   text,
  terms       text,
  CONSTRAINT texts CHECK (greatest(octet_length(session), octet_length(request)) <= 1536 AND octet_length(summary) <= 6153
    AND octet_length(reference) <= 3081 AND octet_length(data) <= 65536),
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX event_project ON tower_activity.event (project, id) WHERE project IS NOT NULL;
CREATE INDEX event_actor ON tower_activity.event (actor, id) WHERE actor IS NOT NULL;
CREATE INDEX event_activity ON tower_activity.event (activity, id) WHERE activity IS NOT NULL;
CREATE INDEX event_batch ON tower_activity.event (batch, seq);
CREATE INDEX event_terms ON tower_activity.event
  USING gin (array_to_tsvector(string_to_array(terms, ' '))) WITH (gin_pending_list_limit = 512);

-- Of all events with one key, type, project and actor the first that was accepted is kept: a unique index of a partitioned table
-- would need the id.
CREATE TABLE tower_activity.dedup (
  key     text NOT NULL,
  type    bigint NOT NULL,
  project bigint NOT NULL,             -- 0: none
  actor   bigint NOT NULL,
  event   uuid NOT NULL,
  PRIMARY KEY (key, type, project, actor)
);

CREATE TABLE tower_activity.recording (
  id       uuid PRIMARY KEY,
  log      integer NOT NULL,
  instance integer NOT NULL,
  format   bigint NOT NULL,
  status   smallint NOT NULL CHECK (status BETWEEN 0 AND 7),
  lost     bigint NOT NULL,
  ended_at bigint
);

-- Bodies are compressed already.
CREATE TABLE tower_activity.chunk (
  recording uuid NOT NULL,
  number    bigint NOT NULL,
  track     text NOT NULL CHECK (octet_length(track) <= 512),
  events    bigint NOT NULL,
  from_at   bigint NOT NULL,
  until_at  bigint NOT NULL,
  bytes     bigint NOT NULL,
  codec     smallint NOT NULL CHECK (codec = 1),
  body      bytea NOT NULL,
  PRIMARY KEY (recording, number)
);
ALTER TABLE tower_activity.chunk ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE tower_activity.link (
  activity  uuid NOT NULL,
  recording uuid NOT NULL,
  from_at   bigint NOT NULL,
  until_at  bigint,
  PRIMARY KEY (activity, recording)
);
CREATE INDEX link_recording ON tower_activity.link (recording);

-- Forwarders write the sums. Numbers have bounds, so that those of one forwarder cannot make a sum of them overflow, which all read:
-- counts of which thousands can be added up, and the quarter hours and starts that activities can have.

-- Sums of a quarter hour for one scope, over all logs. Those of the present one change with each batch: pages have room for it.
CREATE TABLE tower_activity.bucket (
  scope     smallint NOT NULL,
  scope_id  bigint NOT NULL,           -- text.id; 0 for overall
  quarter   bigint NOT NULL,
  count     bigint NOT NULL,
  failed    bigint NOT NULL,
  cancelled bigint NOT NULL,
  timed     bigint NOT NULL,
  sum_ns    bigint NOT NULL,
  min_ns    bigint,
  max_ns    bigint,
  sketch    bytea,
  CONSTRAINT bounds CHECK (quarter BETWEEN -1111111200 AND 1111111200 AND octet_length(sketch) <= 16384
    AND least(count, failed, cancelled, timed, sum_ns, min_ns, max_ns) >= 0
    AND greatest(count, failed, cancelled, timed) <= 1000000000000000),
  PRIMARY KEY (scope, scope_id, quarter)
) WITH (fillfactor = 80);
CREATE INDEX bucket_quarter ON tower_activity.bucket (quarter);

-- The same of a day of UTC, whose first quarter hour is the key; not overall. A ranking of a month adds up days.
CREATE TABLE tower_activity.bucket_day (LIKE tower_activity.bucket INCLUDING CONSTRAINTS, PRIMARY KEY (scope, quarter, scope_id)) WITH (fillfactor = 80);
CREATE INDEX bucket_day_quarter ON tower_activity.bucket_day (quarter);

-- Sums of one agent in a quarter hour, per project (scope_id) and over all projects (0).
CREATE TABLE tower_activity.agent_quarter (
  agent      bigint NOT NULL,
  quarter    bigint NOT NULL,
  scope_id   bigint NOT NULL,
  active     bigint NOT NULL,
  turns      bigint NOT NULL,
  first_turn bigint,
  last_turn  bigint,
  roots      bigint NOT NULL,
  first_root bigint,
  last_root  bigint,
  CONSTRAINT bounds CHECK (quarter BETWEEN -1111111200 AND 1111111200 AND least(active, turns, roots) >= 0
    AND greatest(active, turns, roots) <= 1000000000000000
    AND least(first_turn, last_turn, first_root, last_root) >= -1000000000000000000
    AND greatest(first_turn, last_turn, first_root, last_root) <= 1000000000000000000),
  PRIMARY KEY (agent, quarter, scope_id)
) WITH (fillfactor = 80);
CREATE INDEX agent_quarter_quarter ON tower_activity.agent_quarter (quarter);

-- The same of a day of UTC, whose first quarter hour is the key.
CREATE TABLE tower_activity.agent_day (LIKE tower_activity.agent_quarter INCLUDING CONSTRAINTS, PRIMARY KEY (quarter, scope_id, agent))
  WITH (fillfactor = 80);

CREATE TABLE tower_activity.turning_agent (
  agent bigint PRIMARY KEY
);

-- Turn sums of all agents per quarter hour, which can be added up over any span.
CREATE TABLE tower_activity.turn_bucket (
  scope_id  bigint NOT NULL,
  quarter   bigint NOT NULL,
  turns     bigint NOT NULL,
  within_us bigint NOT NULL,
  after     bytea NOT NULL,
  CONSTRAINT bounds CHECK (quarter BETWEEN -1111111200 AND 1111111200
    AND turns BETWEEN -1000000000000000000 AND 1000000000000000000
    AND within_us BETWEEN -1000000000000000000 AND 1000000000000000000 AND octet_length(after) <= 4194304),
  PRIMARY KEY (scope_id, quarter)
) WITH (fillfactor = 80);
CREATE INDEX turn_bucket_quarter ON tower_activity.turn_bucket (quarter);

-- Failed activities of a quarter hour by fingerprint.
CREATE TABLE tower_activity.failure (
  quarter     bigint NOT NULL,
  fingerprint bigint NOT NULL,
  name        bigint,
  error_type  text,
  count       bigint NOT NULL,
  first       uuid NOT NULL,
  example     uuid NOT NULL,
  CONSTRAINT bounds CHECK (quarter BETWEEN -1111111200 AND 1111111200 AND count BETWEEN 0 AND 1000000000000000),
  PRIMARY KEY (quarter, fingerprint)
);
CREATE INDEX failure_fingerprint ON tower_activity.failure (fingerprint, quarter);

-- Limits by kind of record. NULL: none.
CREATE TABLE tower_activity.retention (
  kind  text PRIMARY KEY,
  age   bigint,                        -- microseconds
  bytes bigint
);

-- Tokens of the HTTP API: the SHA-256 of each secret.
CREATE TABLE tower_activity.token (
  name       text PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  filter     text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint
);

-- Webhooks, as in the file beside a log. Only the owner may read them: they hold secrets.
CREATE TABLE tower_activity.webhook (
  name         text PRIMARY KEY,
  url          text NOT NULL,
  what         text NOT NULL,         -- JSON of RecordKind
  filter       text NOT NULL,         -- the filter grammar
  secret       text NOT NULL,
  reach        text NOT NULL,         -- JSON of Reach
  log          bigint NOT NULL,       -- mark store, or 0
  seq          bigint NOT NULL,       -- the position up to which records were sent, or do not match
  delivered    bigint NOT NULL DEFAULT 0,
  delivered_at bigint,
  trouble      text,                  -- the last error since the last delivery, and when the first one was
  since        bigint,
  again_at     bigint,
  stopped_at   bigint
);
CREATE TABLE tower_activity.dead_letter (
  webhook  text NOT NULL,
  id       text NOT NULL,
  seq      bigint NOT NULL,
  at       bigint NOT NULL,
  attempts bigint NOT NULL,
  error    text NOT NULL,
  PRIMARY KEY (webhook, id)
);
-- One row: the process that delivers, until this time of the server.
CREATE TABLE tower_activity.webhook_lease (
  id     bigint PRIMARY KEY,
  holder text NOT NULL,
  until  timestamptz NOT NULL
);

-- Actors that were erased: the SHA-256 of each, and the date of the last record that is erased when it is accepted.
CREATE TABLE tower_activity.tombstone (
  actor bytea PRIMARY KEY,
  until bigint NOT NULL
);

-- Activities of erased actors, and recordings of these: no content of theirs is accepted any more.
CREATE TABLE tower_activity.erased (
  id uuid PRIMARY KEY
);

-- Returns the smallest id of a day.
CREATE FUNCTION tower_activity.first_id(day bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  $$ SELECT (lpad(to_hex(day * 86400000), 12, '0') || repeat('0', 20))::uuid $$;

-- Returns the day of an id, which may have any bits.
CREATE FUNCTION tower_activity.day_of(id uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  $$ SELECT ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 86400000 $$;

-- Names this run of the server, this database and the transaction that wrote the last ordinal: another one after a restart, at a standby
-- that took over, and once another program has written that row, as it does when it puts back a database, a schema or rows.
CREATE FUNCTION tower_activity.server_run() RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
  $$ SELECT hashtextextended(concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), oid,
       (SELECT xmin FROM tower_activity.mark WHERE name = 'ordinal')), 0) FROM pg_database WHERE datname = current_database() $$;

-- Creates a table that can become a partition. Unlike PARTITION OF, this and ATTACH do not wait for readers.
CREATE FUNCTION tower_activity.add_table(kind text, name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE TABLE tower_activity.%I (LIKE tower_activity.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
    name, kind);
END $$;

-- Attaches it. NULL: without a bound.
CREATE FUNCTION tower_activity.attach(kind text, name text, first bigint, until bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE tower_activity.%I ATTACH PARTITION tower_activity.%I FOR VALUES FROM (%s) TO (%s)', kind, name,
    coalesce(quote_literal(tower_activity.first_id(first)), 'MINVALUE'),
    coalesce(quote_literal(tower_activity.first_id(until)), 'MAXVALUE'));
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tower_activity FROM PUBLIC;

INSERT INTO tower_activity.mark (name, value) VALUES
  ('schema', 1), ('ordinal', 0), ('ordinal_at', 0), ('store', (random() * 4611686018427387903)::bigint + 1), ('activity_horizon', 0),
  ('event_horizon', 0), ('sums_from', 0), ('erased', 0), ('retained_at', 0),
  ('ahead', floor(extract(epoch FROM now()) / 86400));
INSERT INTO tower_activity.mark (name, value) VALUES ('server', tower_activity.server_run());

-- Records before the year 2000 (day 10957) have clocks that were never set.
DO $$
DECLARE
  kind text;
BEGIN
  FOREACH kind IN ARRAY ARRAY['activity', 'event'] LOOP
    PERFORM tower_activity.add_table(kind, kind || '_early');
    PERFORM tower_activity.attach(kind, kind || '_early', NULL, 10957);
    PERFORM tower_activity.add_table(kind, kind || '_ahead');
    PERFORM tower_activity.attach(kind, kind || '_ahead', (SELECT value FROM tower_activity.mark WHERE name = 'ahead'), NULL);
  END LOOP;
END $$;
