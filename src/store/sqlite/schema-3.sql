-- Schema 3: views whose columns hold what their names say, and texts in any case. The columns of earlier schemas keep their names and order, new
-- ones follow them. docs/sql.md documents every column.

DROP VIEW IF EXISTS activities;
CREATE VIEW activities AS
SELECT lower(substr(hex(a.id), 1, 8) || '-' || substr(hex(a.id), 9, 4) || '-' || substr(hex(a.id), 13, 4)
         || '-' || substr(hex(a.id), 17, 4) || '-' || substr(hex(a.id), 21)) AS id,
       brand.value AS brand_id,
       name.value AS name,
       kind.value AS kind,
       CASE a.status WHEN 0 THEN 'running' WHEN 1 THEN 'success' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled'
                     WHEN 4 THEN 'skipped' WHEN 5 THEN 'abandoned' END AS status,
       a.error_type AS error_type,
       strftime('%Y-%m-%dT%H:%M:%S', a.started_at / 1000000, 'unixepoch')
         || printf('.%06dZ', a.started_at % 1000000) AS start_time,
       strftime('%Y-%m-%dT%H:%M:%S', (a.started_at + a.duration_ns / 1000) / 1000000, 'unixepoch')
         || printf('.%06dZ', (a.started_at + a.duration_ns / 1000) % 1000000) AS end_time,
       a.duration_ns / 1e6 AS execution_time_ms,
       project.value AS project_id,
       agent.value AS agent_id,
       actor.value AS user_id,
       environment.value AS environment,
       CASE WHEN a.parent IS NOT NULL THEN
         lower(substr(hex(a.parent), 1, 8) || '-' || substr(hex(a.parent), 9, 4) || '-' || substr(hex(a.parent), 13, 4)
         || '-' || substr(hex(a.parent), 17, 4) || '-' || substr(hex(a.parent), 21)) END AS parent_id,
       strftime('%Y-%m-%dT%H:%M:%S', a.started_at / 1000000, 'unixepoch')
         || printf('.%06dZ', a.started_at % 1000000) AS created_at,
       a.message AS message,
       a.attributes AS attributes,
       a.session AS session_id,
       a.request AS request_id
FROM (SELECT id, parent, kind, name, status, error_type, message, started_at, duration_ns, project, agent, actor, brand,
             environment, session, request, attributes FROM activity
      UNION ALL
      SELECT id, parent, kind, name, 0, NULL, NULL, started_at, NULL, project, agent, actor, brand,
             environment, session, request, attributes FROM open) AS a
JOIN text AS name ON name.id = a.name
JOIN text AS kind ON kind.id = a.kind
LEFT JOIN text AS project ON project.id = a.project
LEFT JOIN text AS agent ON agent.id = a.agent
LEFT JOIN text AS actor ON actor.id = a.actor
LEFT JOIN text AS brand ON brand.id = a.brand
LEFT JOIN text AS environment ON environment.id = a.environment;

-- Events of projects, without log lines (type log). action_details is the summary, action_data the JSON; before, action_details
-- was one or the other.
DROP VIEW IF EXISTS project_actions;
CREATE VIEW project_actions AS
SELECT lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' || substr(hex(e.id), 13, 4)
         || '-' || substr(hex(e.id), 17, 4) || '-' || substr(hex(e.id), 21)) AS action_id,
       project.value AS project_id,
       actor.value AS user_id,
       e.request AS request_id,
       type.value AS action_type,
       e.summary AS action_details,
       CASE e.status WHEN 0 THEN 'running' WHEN 1 THEN 'success' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled'
                     WHEN 4 THEN 'skipped' WHEN 5 THEN 'abandoned' END AS status,
       environment.value AS environment,
       strftime('%Y-%m-%dT%H:%M:%S', e.at / 1000000, 'unixepoch') || printf('.%06dZ', e.at % 1000000) AS created_at,
       e.data AS action_data,
       e.count AS count,
       CASE WHEN e.activity IS NOT NULL THEN
         lower(substr(hex(e.activity), 1, 8) || '-' || substr(hex(e.activity), 9, 4) || '-'
         || substr(hex(e.activity), 13, 4) || '-' || substr(hex(e.activity), 17, 4) || '-'
         || substr(hex(e.activity), 21)) END AS activity_id
FROM event AS e
JOIN text AS type ON type.id = e.type
JOIN text AS project ON project.id = e.project
LEFT JOIN text AS actor ON actor.id = e.actor
LEFT JOIN text AS environment ON environment.id = e.environment
WHERE type.value <> 'log';

-- Events without log lines. A failed event can be told from one that succeeded, which the earlier columns do not say.
DROP VIEW IF EXISTS activity_log;
CREATE VIEW activity_log AS
SELECT lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' || substr(hex(e.id), 13, 4)
         || '-' || substr(hex(e.id), 17, 4) || '-' || substr(hex(e.id), 21)) AS id,
       actor.value AS user_id,
       type.value AS event_type,
       e.reference AS event_ref,
       e.summary AS summary,
       e.data AS metadata,
       strftime('%Y-%m-%dT%H:%M:%S', e.at / 1000000, 'unixepoch') || printf('.%06dZ', e.at % 1000000) AS created_at,
       CASE e.status WHEN 0 THEN 'running' WHEN 1 THEN 'success' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled'
                     WHEN 4 THEN 'skipped' WHEN 5 THEN 'abandoned' END AS status,
       e.count AS count,
       CASE WHEN e.activity IS NOT NULL THEN
         lower(substr(hex(e.activity), 1, 8) || '-' || substr(hex(e.activity), 9, 4) || '-'
         || substr(hex(e.activity), 13, 4) || '-' || substr(hex(e.activity), 17, 4) || '-'
         || substr(hex(e.activity), 21)) END AS activity_id
FROM event AS e
JOIN text AS type ON type.id = e.type
LEFT JOIN text AS actor ON actor.id = e.actor
WHERE type.value <> 'log';

-- Means of several buckets cannot be combined without the number of durations behind each.
DROP VIEW IF EXISTS activity_metrics;
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
       b.max_ns / 1e6 AS max_ms,
       b.timed AS timed,
       b.sum_ns / 1e6 AS total_ms
FROM bucket AS b
LEFT JOIN text AS t ON t.id = b.scope_id;

-- A text in one case, where that differs: see record/fold.rs. Filters look up values in any case by it.
ALTER TABLE text ADD COLUMN folded TEXT;
CREATE INDEX text_folded ON text (folded) WHERE folded IS NOT NULL;

-- The full-text index: words and scopes in one column, without positions. The words of earlier schemas are those of another
-- definition, so it is built anew.
DROP TABLE activity_search;
DROP TABLE event_search;
-- A search only yields candidates: see maintenance/search. A leaf fills a page of the file.
CREATE VIRTUAL TABLE activity_search USING fts5 (
  terms, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '='"
);
CREATE VIRTUAL TABLE event_search USING fts5 (
  terms, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '='"
);
INSERT INTO activity_search (activity_search, rank) VALUES ('pgsz', 8000);
INSERT INTO event_search (event_search, rank) VALUES ('pgsz', 8000);

-- Tokens of the HTTP API.

-- Of a secret only its SHA-256 is stored. A slow hash would add nothing: a secret has 256 random bits, so no one can try them all.
CREATE TABLE token (
  name       TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  filter     TEXT NOT NULL,       -- as typed; empty: everything
  created_at INTEGER NOT NULL,
  expires_at INTEGER              -- NULL: never
) STRICT, WITHOUT ROWID;
