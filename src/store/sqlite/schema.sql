-- Schema 1. Times are microseconds since the Unix epoch (UTC), durations nanoseconds, ids 16 bytes.

-- Repeated texts, stored once.
CREATE TABLE text (
  id    INTEGER PRIMARY KEY,
  value TEXT NOT NULL UNIQUE
) STRICT;

-- One open log: a process from open to close. Alive while it holds <store>-instances/<uuid>.lock.
CREATE TABLE instance (
  id         INTEGER PRIMARY KEY,
  uuid       BLOB NOT NULL UNIQUE,
  host       TEXT NOT NULL,
  pid        INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER,
  accounting TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Ended activities. A row never changes; seq is the order of commits.
-- kind, name, project, agent, actor, brand, environment: text.id.
CREATE TABLE activity (
  seq         INTEGER PRIMARY KEY,
  id          BLOB NOT NULL,
  parent      BLOB,               -- NULL: it has none
  root        BLOB,               -- NULL: itself
  kind        INTEGER NOT NULL,
  name        INTEGER NOT NULL,
  status      INTEGER NOT NULL,   -- 1 success 2 failed 3 cancelled 4 skipped 5 abandoned
  started_at  INTEGER NOT NULL,
  duration_ns INTEGER,            -- NULL: not known (abandoned)
  instance    INTEGER NOT NULL,
  project     INTEGER,
  agent       INTEGER,
  actor       INTEGER,
  brand       INTEGER,
  environment INTEGER,
  session     TEXT,
  request     TEXT,
  error_type  TEXT,
  message     TEXT,
  attributes  TEXT,               -- JSON object; NULL: none
  truncated   INTEGER,            -- 1: an attribute was refused because a limit was reached
  trace_id    BLOB,               -- NULL: the root's id
  span_id     BLOB,               -- NULL: the second half of its id
  remote_parent BLOB              -- the span of another program that it comes from
) STRICT;

CREATE UNIQUE INDEX activity_id ON activity (id);
CREATE INDEX activity_project ON activity (project, id) WHERE project IS NOT NULL;
CREATE INDEX activity_root ON activity (root) WHERE root IS NOT NULL;

-- Redacted payloads of ended activities, in a table of their own so that they can be pruned and erased separately.
CREATE TABLE preview (
  activity         INTEGER PRIMARY KEY,  -- activity.seq
  input            TEXT,
  input_bytes      INTEGER,
  input_truncated  INTEGER,
  output           TEXT,
  output_bytes     INTEGER,
  output_truncated INTEGER
) STRICT;

-- Activities that have been open for longer than a flush interval.
CREATE TABLE open (
  id              BLOB PRIMARY KEY,
  parent          BLOB,
  root            BLOB,
  kind            INTEGER NOT NULL,
  name            INTEGER NOT NULL,
  started_at      INTEGER NOT NULL,
  instance        INTEGER NOT NULL,
  project         INTEGER,
  agent           INTEGER,
  actor           INTEGER,
  brand           INTEGER,
  environment     INTEGER,
  session         TEXT,
  request         TEXT,
  attributes      TEXT,
  truncated       INTEGER,
  input           TEXT,
  input_bytes     INTEGER,
  input_truncated INTEGER,
  trace_id        BLOB,
  span_id         BLOB,
  remote_parent   BLOB
) STRICT, WITHOUT ROWID;

-- Events: one fact at one instant. A row never changes; seq is the order of commits.
-- type, project, agent, actor, brand, environment: text.id.
CREATE TABLE event (
  seq         INTEGER PRIMARY KEY,
  id          BLOB NOT NULL,
  at          INTEGER NOT NULL,
  type        INTEGER NOT NULL,
  status      INTEGER NOT NULL,   -- as in activity; 0 running
  summary     TEXT,
  count       INTEGER NOT NULL,
  reference   TEXT,
  data        TEXT,               -- JSON
  activity    BLOB,               -- activity.id; NULL: it happened outside of any
  instance    INTEGER NOT NULL,
  project     INTEGER,
  agent       INTEGER,
  actor       INTEGER,
  brand       INTEGER,
  environment INTEGER,
  session     TEXT,
  request     TEXT,
  dedup_key   TEXT,               -- of all events with one key the first is kept
  truncated   INTEGER             -- 1: data or key were refused because of a limit
) STRICT;

CREATE UNIQUE INDEX event_id ON event (id);
CREATE UNIQUE INDEX event_dedup_key ON event (dedup_key) WHERE dedup_key IS NOT NULL;
CREATE INDEX event_project ON event (project, id) WHERE project IS NOT NULL;
CREATE INDEX event_actor ON event (actor, id) WHERE actor IS NOT NULL;
CREATE INDEX event_activity ON event (activity, id) WHERE activity IS NOT NULL;

-- Additive sums of a quarter hour for one scope, keyed by the activity's start.
CREATE TABLE bucket (
  scope     INTEGER NOT NULL,   -- 0 overall 1 project 2 name 3 brand 4 agent (up to followed_activities)
  scope_id  INTEGER NOT NULL,   -- text.id; 0 for overall
  quarter   INTEGER NOT NULL,   -- quarters of an hour since the Unix epoch
  count     INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  timed     INTEGER NOT NULL,   -- how many have a duration
  sum_ns    INTEGER NOT NULL,
  min_ns    INTEGER,
  max_ns    INTEGER,
  sketch    BLOB,               -- latency sketch, see record/sketch.rs
  PRIMARY KEY (scope, scope_id, quarter)
) STRICT, WITHOUT ROWID;

CREATE INDEX bucket_quarter ON bucket (quarter);

-- Sums of one agent in a quarter hour, per project (scope_id: text.id) and over all projects (0): activities, turns, and
-- root activities that are not turns, the latter two with their first and last start. Derived, up to followed_activities.
CREATE TABLE agent_stretch (
  agent      INTEGER NOT NULL,
  quarter    INTEGER NOT NULL,
  scope_id   INTEGER NOT NULL,
  active     INTEGER NOT NULL,
  turns      INTEGER NOT NULL,
  first_turn INTEGER,
  last_turn  INTEGER,
  roots      INTEGER NOT NULL,
  first_root INTEGER,
  last_root  INTEGER,
  PRIMARY KEY (agent, quarter, scope_id)
) STRICT, WITHOUT ROWID;

-- Agents that have recorded an activity of kind turn.
CREATE TABLE turning_agent (
  agent INTEGER PRIMARY KEY
) STRICT;

-- Turn sums of all agents per quarter hour, which can be added up over any span: see store/sums/turns.rs.
CREATE TABLE pace (
  scope_id  INTEGER NOT NULL,
  quarter   INTEGER NOT NULL,
  turns     INTEGER NOT NULL,
  within_us INTEGER NOT NULL,   -- from the first turn of each agent to its last, together
  after     BLOB NOT NULL,      -- by quarters since then: agents, agents that took turns, the pauses between these
  PRIMARY KEY (scope_id, quarter)
) STRICT, WITHOUT ROWID;

-- Hourly roll-up of the overall rows of bucket and pace, for queries over long spans. Derived: see write/sums/hours.rs.
CREATE TABLE hour (
  quarter   INTEGER PRIMARY KEY, -- the first of the hour's
  count     INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  timed     INTEGER NOT NULL,
  sum_ns    INTEGER NOT NULL,
  min_ns    INTEGER,
  max_ns    INTEGER,
  sketch    BLOB,
  turns     INTEGER NOT NULL,
  within_us INTEGER NOT NULL,
  after     BLOB NOT NULL
) STRICT;

-- Recordings of browser sessions, terminals and other resources. Chunks are append-only.
-- format: text.id.
CREATE TABLE recording (
  seq      INTEGER PRIMARY KEY,
  id       BLOB NOT NULL UNIQUE,  -- also its begin
  format   INTEGER NOT NULL,
  instance INTEGER NOT NULL,
  status   INTEGER NOT NULL DEFAULT 0, -- 0 recording 1 complete 2 lost 3 crashed 4 gone 5 timed out 6 truncated 7 abandoned
  lost     INTEGER NOT NULL DEFAULT 0, -- events that are known to be missing
  ended_at INTEGER                -- NULL: it goes on, or was abandoned
) STRICT;

CREATE INDEX recording_going_on ON recording (instance) WHERE status = 0;

CREATE TABLE chunk (
  seq        INTEGER PRIMARY KEY,
  recording  INTEGER NOT NULL,    -- recording.seq
  number     INTEGER NOT NULL,    -- from 0
  track      TEXT NOT NULL,
  events     INTEGER NOT NULL,
  from_at    INTEGER NOT NULL,
  until_at   INTEGER NOT NULL,
  codec      INTEGER NOT NULL,    -- 1 a zstd frame with its checksum
  bytes      INTEGER NOT NULL AS (length(body)) VIRTUAL,
  body       BLOB NOT NULL
) STRICT;

-- A covering index for sums, so that bodies are not read.
CREATE INDEX chunk_place ON chunk (recording, number, track, events, bytes);

-- The time range of a recording that belongs to an activity. until_at NULL: still running, or pending.
CREATE TABLE link (
  activity  BLOB NOT NULL,        -- activity.id
  recording INTEGER NOT NULL,     -- recording.seq
  from_at   INTEGER NOT NULL,
  until_at  INTEGER,
  PRIMARY KEY (activity, recording)
) STRICT, WITHOUT ROWID;

CREATE INDEX link_recording ON link (recording);

-- Full-text index of words and rare scopes. A row covers all records that started in the microsecond of its rowid, and
-- only yields candidates: the filter is checked against the records themselves.
-- words: of all texts of a record, as record/filter/words writes them. scopes: see maintenance/search.rs.
CREATE VIRTUAL TABLE activity_search USING fts5 (
  words, scopes, content = '', contentless_delete = 1, tokenize = 'ascii'
);
CREATE VIRTUAL TABLE event_search USING fts5 (
  words, scopes, content = '', contentless_delete = 1, tokenize = 'ascii'
);

-- Counters and watermarks of the store.
-- complete_from: no activity that started in this quarter hour since the Unix epoch, or later, was pruned.
-- sums_from: the first quarter whose sums were not deleted.
-- erased: the erase epoch, incremented when texts are deleted; writers then drop their cached text ids.
-- recording_bytes: the total size of all chunk bodies, maintained by the triggers below.
-- indexed_activities, indexed_events: watermarks, the last seq in activity_search and event_search.
-- words: the version of the words in them (WORDS_VERSION).
-- followed_activities, followed_events: watermarks, the last seq in the sums of agents and the bytes below.
-- activity_bytes, event_bytes, preview_bytes: the size of the rows up to the watermark, as maintenance/size.rs counts it.
CREATE TABLE mark (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO mark (name, value) VALUES ('recording_bytes', 0);

CREATE TRIGGER chunk_added AFTER INSERT ON chunk BEGIN
  UPDATE mark SET value = value + new.bytes WHERE name = 'recording_bytes';
END;

CREATE TRIGGER chunk_deleted AFTER DELETE ON chunk BEGIN
  UPDATE mark SET value = value - old.bytes WHERE name = 'recording_bytes';
END;

-- Views: the stable interface for other SQLite clients.
CREATE VIEW activities AS
SELECT lower(substr(hex(a.id), 1, 8) || '-' || substr(hex(a.id), 9, 4) || '-' || substr(hex(a.id), 13, 4)
         || '-' || substr(hex(a.id), 17, 4) || '-' || substr(hex(a.id), 21)) AS id,
       brand.value AS brand_id,
       name.value AS name,
       kind.value AS kind,
       CASE a.status WHEN 0 THEN 'running' WHEN 1 THEN 'success' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled'
                     WHEN 4 THEN 'skipped' WHEN 5 THEN 'abandoned' END AS status,
       a.error_type AS error_type,
       strftime('%Y-%m-%dT%H:%M:', a.started_at / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', a.started_at / 1000000 % 60, a.started_at % 1000000) AS start_time,
       CASE WHEN a.duration_ns IS NOT NULL THEN
         strftime('%Y-%m-%dT%H:%M:', (a.started_at + a.duration_ns / 1000) / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', (a.started_at + a.duration_ns / 1000) / 1000000 % 60,
                   (a.started_at + a.duration_ns / 1000) % 1000000) END AS end_time,
       a.duration_ns / 1e6 AS execution_time_ms,
       project.value AS project_id,
       agent.value AS agent_id,
       actor.value AS user_id,
       environment.value AS environment,
       CASE WHEN a.parent IS NOT NULL THEN
         lower(substr(hex(a.parent), 1, 8) || '-' || substr(hex(a.parent), 9, 4) || '-' || substr(hex(a.parent), 13, 4)
         || '-' || substr(hex(a.parent), 17, 4) || '-' || substr(hex(a.parent), 21)) END AS parent_id,
       strftime('%Y-%m-%dT%H:%M:', a.started_at / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', a.started_at / 1000000 % 60, a.started_at % 1000000) AS created_at
FROM (SELECT id, parent, kind, name, status, error_type, started_at, duration_ns, project, agent, actor, brand,
             environment FROM activity
      UNION ALL
      SELECT id, parent, kind, name, 0, NULL, started_at, NULL, project, agent, actor, brand, environment FROM open) AS a
JOIN text AS name ON name.id = a.name
JOIN text AS kind ON kind.id = a.kind
LEFT JOIN text AS project ON project.id = a.project
LEFT JOIN text AS agent ON agent.id = a.agent
LEFT JOIN text AS actor ON actor.id = a.actor
LEFT JOIN text AS brand ON brand.id = a.brand
LEFT JOIN text AS environment ON environment.id = a.environment;

-- Events of projects and users, without log lines (type log).
CREATE VIEW project_actions AS
SELECT lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' || substr(hex(e.id), 13, 4)
         || '-' || substr(hex(e.id), 17, 4) || '-' || substr(hex(e.id), 21)) AS action_id,
       project.value AS project_id,
       actor.value AS user_id,
       e.request AS request_id,
       type.value AS action_type,
       coalesce(e.data, CASE WHEN e.summary IS NOT NULL THEN json_object('summary', e.summary) END) AS action_details,
       CASE e.status WHEN 0 THEN 'running' WHEN 1 THEN 'success' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled'
                     WHEN 4 THEN 'skipped' WHEN 5 THEN 'abandoned' END AS status,
       environment.value AS environment,
       strftime('%Y-%m-%dT%H:%M:', e.at / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', e.at / 1000000 % 60, e.at % 1000000) AS created_at
FROM event AS e
JOIN text AS type ON type.id = e.type
JOIN text AS project ON project.id = e.project
LEFT JOIN text AS actor ON actor.id = e.actor
LEFT JOIN text AS environment ON environment.id = e.environment
WHERE type.value <> 'log';

CREATE VIEW activity_log AS
SELECT lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' || substr(hex(e.id), 13, 4)
         || '-' || substr(hex(e.id), 17, 4) || '-' || substr(hex(e.id), 21)) AS id,
       actor.value AS user_id,
       type.value AS event_type,
       e.reference AS event_ref,
       e.summary AS summary,
       e.data AS metadata,
       strftime('%Y-%m-%dT%H:%M:', e.at / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', e.at / 1000000 % 60, e.at % 1000000) AS created_at
FROM event AS e
JOIN text AS type ON type.id = e.type
LEFT JOIN text AS actor ON actor.id = e.actor
WHERE type.value <> 'log';

CREATE VIEW activity_metrics AS
SELECT strftime('%Y-%m-%dT%H:%M:00Z', b.quarter * 900, 'unixepoch') AS bucket_start,
       CASE b.scope WHEN 0 THEN 'overall' WHEN 1 THEN 'project' WHEN 2 THEN 'name' WHEN 3 THEN 'brand'
                    WHEN 4 THEN 'agent' END AS scope,
       coalesce(t.value, '') AS scope_id,
       b.count AS count,
       b.failed AS failed,
       b.cancelled AS cancelled,
       CASE WHEN b.timed > 0 THEN b.sum_ns / 1e6 / b.timed END AS mean_ms,
       b.min_ns / 1e6 AS min_ms,
       b.max_ns / 1e6 AS max_ms
FROM bucket AS b
LEFT JOIN text AS t ON t.id = b.scope_id;

CREATE VIEW recordings AS
SELECT lower(substr(hex(r.id), 1, 8) || '-' || substr(hex(r.id), 9, 4) || '-' || substr(hex(r.id), 13, 4)
         || '-' || substr(hex(r.id), 17, 4) || '-' || substr(hex(r.id), 21)) AS id,
       lower(substr(hex(l.activity), 1, 8) || '-' || substr(hex(l.activity), 9, 4) || '-' || substr(hex(l.activity), 13, 4)
         || '-' || substr(hex(l.activity), 17, 4) || '-' || substr(hex(l.activity), 21)) AS activity_id,
       format.value AS format,
       (SELECT coalesce(sum(events), 0) FROM chunk WHERE recording = r.seq) AS event_count,
       strftime('%Y-%m-%dT%H:%M:', l.from_at / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', l.from_at / 1000000 % 60, l.from_at % 1000000) AS start_time,
       CASE WHEN l.until_at IS NOT NULL THEN
         strftime('%Y-%m-%dT%H:%M:', l.until_at / 1000000, 'unixepoch')
         || printf('%02d.%06dZ', l.until_at / 1000000 % 60, l.until_at % 1000000) END AS end_time,
       CASE r.status WHEN 0 THEN 'recording' WHEN 1 THEN 'complete' WHEN 2 THEN 'lost' WHEN 3 THEN 'crashed'
                     WHEN 4 THEN 'gone' WHEN 5 THEN 'timed_out' WHEN 6 THEN 'truncated' WHEN 7 THEN 'abandoned'
                     END AS status,
       (SELECT coalesce(sum(bytes), 0) FROM chunk WHERE recording = r.seq) AS bytes
FROM link AS l
JOIN recording AS r ON r.seq = l.recording
JOIN text AS format ON format.id = r.format;
