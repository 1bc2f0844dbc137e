-- Schema 1 of a central store in ClickHouse. Times are microseconds since the Unix epoch (UTC), durations nanoseconds; codes of statuses and
-- codecs are those of a SQLite file. Ids are numbers, most significant byte first: they sort as the ids do, which UUIDs of ClickHouse do not.
--
-- Every statement may run again: it creates what is missing. A row that is inserted twice is one row for readers, who read with `final`:
-- of two with the same key the first is kept (`rank` falls with time), or the last where that is said. A batch that is sent again is
-- not inserted again as long as the engine remembers its token.

-- schema: the version. store: a random number of this store, which positions of followers name. The first value is kept.
CREATE TABLE IF NOT EXISTS mark (
  name  String,
  value Int64,
  rank  UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(now64(6))
) ENGINE = ReplacingMergeTree(rank) ORDER BY name;

-- One log: a file that is forwarded. The last row is kept, which its holder numbers: a clock may be set back.
CREATE TABLE IF NOT EXISTS log (
  id       UInt128,
  host     String,
  -- The last places in its commit order that were accepted, and the id of the batch that they end. NULL: none was.
  activity Int64,
  event    Int64,
  chunk    Int64,
  batch    Nullable(UInt128),
  waiting  UInt64,                -- records that are yet to be forwarded, by its own count
  version  UInt64,
  heard_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(version) ORDER BY id;

-- Who may write: the forwarder of a log, or the one that gives batches their places (name 0). A holder that was silent for ten seconds
-- has lost it.
CREATE TABLE IF NOT EXISTS lease (
  name     UInt128,
  holder   UInt128,
  released Bool,
  heard_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(heard_at) ORDER BY (name, holder) TTL toDateTime(heard_at) + INTERVAL 1 DAY;

-- One process that recorded into a log. What was saved last is kept.
CREATE TABLE IF NOT EXISTS instance (
  id         UInt128,
  log        UInt128,
  host       String,
  pid        UInt32,
  started_at Int64,
  stopped_at Nullable(Int64),
  alive      Bool,
  saved_at   Int64,               -- 0: never
  accounting String               -- JSON
) ENGINE = ReplacingMergeTree(saved_at) ORDER BY id;

-- An accepted batch: records of one log in commit order, after the first places up to the last ones, and the range of their ids.
CREATE TABLE IF NOT EXISTS batch (
  number         UInt64,          -- a hash of its log, its places and its id
  log            UInt128,
  first_activity Int64,
  last_activity  Int64,
  first_event    Int64,
  last_event     Int64,
  min_activity   Nullable(UInt128),
  max_activity   Nullable(UInt128),
  min_event      Nullable(UInt128),
  max_event      Nullable(UInt128),
  accepted_at    DateTime64(6, 'UTC') DEFAULT now64(6),
  rank           UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(now64(6)),
  INDEX by_time accepted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(rank) ORDER BY number
SETTINGS non_replicated_deduplication_window = 10000;

-- The same in the order of all logs, which followers read. One forwarder at a time gives batches their places.
CREATE TABLE IF NOT EXISTS place (
  ordinal        UInt64,
  number         UInt64,
  first_activity Int64,
  last_activity  Int64,
  first_event    Int64,
  last_event     Int64,
  min_activity   Nullable(UInt128),
  max_activity   Nullable(UInt128),
  min_event      Nullable(UInt128),
  max_event      Nullable(UInt128),
  accepted_at    DateTime64(6, 'UTC'),
  PROJECTION by_number (SELECT number, ordinal, first_activity, first_event ORDER BY number)
) ENGINE = MergeTree ORDER BY ordinal
SETTINGS non_replicated_deduplication_window = 10000;

-- Ended activities. A row never changes.
CREATE TABLE IF NOT EXISTS activity (
  id              UInt128 CODEC(ZSTD(3)),
  parent          Nullable(UInt128) CODEC(ZSTD(3)),
  root            UInt128 CODEC(ZSTD(3)),            -- its own id if it has no parent
  started_at      Int64 CODEC(DoubleDelta, ZSTD(3)),
  duration_ns     Nullable(UInt64) CODEC(T64, ZSTD(1)),
  status          UInt8 CODEC(ZSTD(3)),
  kind            LowCardinality(String) CODEC(ZSTD(3)),
  name            LowCardinality(String) CODEC(ZSTD(3)),
  error_type      LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  message         Nullable(String) CODEC(ZSTD(3)),
  fingerprint     Nullable(UInt64) CODEC(ZSTD(3)),
  project         LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  agent           LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  actor           LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  brand           LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  environment     LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  session         Nullable(String) CODEC(ZSTD(3)),
  request         Nullable(String) CODEC(ZSTD(3)),
  instance        UInt128 CODEC(ZSTD(3)),
  trace_id        Nullable(UInt128) CODEC(ZSTD(3)),  -- NULL: its root
  span_id         Nullable(UInt64) CODEC(ZSTD(3)),   -- NULL: the second half of its id
  remote_parent   Nullable(UInt64) CODEC(ZSTD(3)),
  attributes      String CODEC(ZSTD(3)),             -- JSON object; '': none
  truncated       Bool CODEC(ZSTD(3)),
  input           Nullable(String) CODEC(ZSTD(3)),
  input_bytes     UInt64 CODEC(T64, ZSTD(1)),
  input_truncated Bool CODEC(ZSTD(3)),
  output          Nullable(String) CODEC(ZSTD(3)),
  output_bytes    UInt64 CODEC(T64, ZSTD(1)),
  output_truncated Bool CODEC(ZSTD(3)),
  batch           UInt64 CODEC(ZSTD(3)),
  seq             Int64 CODEC(Delta, ZSTD(3)),       -- its place in the commit order of its log
  rank            UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(now64(6)) CODEC(Delta, ZSTD(3)),
  words           String CODEC(ZSTD(3)),             -- those that the index does not find in the other columns
  INDEX by_root root TYPE minmax GRANULARITY 1,
  INDEX words lower(concat(name, ' ', ifNull(project, ''), ' ', ifNull(agent, ''), ' ', ifNull(actor, ''), ' ', ifNull(brand, ''), ' ',
    ifNull(error_type, ''), ' ', ifNull(message, ''), ' ', ifNull(input, ''), ' ', ifNull(output, ''), ' ', attributes, ' ', words))
    TYPE text(tokenizer = splitByNonAlpha, posting_list_codec = 'bitpacking')
) ENGINE = ReplacingMergeTree(rank) ORDER BY id
PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(toInt64(bitShiftRight(id, 80)), 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000;

-- Running activities of a log, as JSON, and their ids. The last row is kept.
CREATE TABLE IF NOT EXISTS open (
  log        UInt128,
  ids        Array(UInt128),
  activities Array(String) CODEC(ZSTD(3)),
  heard_at   DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(heard_at) ORDER BY log;

-- Events. A row never changes.
CREATE TABLE IF NOT EXISTS event (
  id          UInt128 CODEC(ZSTD(3)),
  at          Int64 CODEC(DoubleDelta, ZSTD(3)),
  type        LowCardinality(String) CODEC(ZSTD(3)),
  status      UInt8 CODEC(ZSTD(3)),
  summary     Nullable(String) CODEC(ZSTD(3)),
  count       UInt64 CODEC(T64, ZSTD(1)),
  reference   Nullable(String) CODEC(ZSTD(3)),
  data        Nullable(String) CODEC(ZSTD(3)),       -- JSON
  activity    Nullable(UInt128) CODEC(ZSTD(3)),
  project     LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  agent       LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  actor       LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  brand       LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  environment LowCardinality(Nullable(String)) CODEC(ZSTD(3)),
  session     Nullable(String) CODEC(ZSTD(3)),
  request     Nullable(String) CODEC(ZSTD(3)),
  dedup_key   Nullable(String) CODEC(ZSTD(3)),
  truncated   Bool CODEC(ZSTD(3)),
  instance    UInt128 CODEC(ZSTD(3)),
  batch       UInt64 CODEC(ZSTD(3)),
  seq         Int64 CODEC(Delta, ZSTD(3)),
  rank        UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(now64(6)) CODEC(Delta, ZSTD(3)),
  words       String CODEC(ZSTD(3)),
  INDEX by_activity activity TYPE minmax GRANULARITY 1,
  INDEX words lower(concat(type, ' ', ifNull(project, ''), ' ', ifNull(agent, ''), ' ', ifNull(actor, ''), ' ', ifNull(brand, ''), ' ',
    ifNull(summary, ''), ' ', ifNull(reference, ''), ' ', ifNull(data, ''), ' ', words))
    TYPE text(tokenizer = splitByNonAlpha, posting_list_codec = 'bitpacking')
) ENGINE = ReplacingMergeTree(rank) ORDER BY id
PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(toInt64(bitShiftRight(id, 80)), 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000;

-- Of all events with one key, type, project and actor (as a JSON array) the first that was accepted is kept.
CREATE TABLE IF NOT EXISTS dedup (
  key   String,
  event UInt128,
  rank  UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Micro(now64(6))
) ENGINE = ReplacingMergeTree(rank) ORDER BY key;

-- While a recording continues the last row is kept, then the first that says how it ended.
CREATE TABLE IF NOT EXISTS recording (
  id       UInt128,
  log      UInt128,
  instance UInt128,
  format   LowCardinality(String),
  status   UInt8,
  lost     UInt64,
  ended_at Nullable(Int64),
  rank     UInt64 DEFAULT if(status = 0, toUnixTimestamp64Micro(now64(6)), 18446744073709551615 - toUnixTimestamp64Micro(now64(6)))
) ENGINE = ReplacingMergeTree(rank) ORDER BY id;

-- A link that has ended is kept.
CREATE TABLE IF NOT EXISTS link (
  activity  UInt128,
  recording UInt128,
  from_at   Int64,
  until_at  Nullable(Int64),
  rank      UInt8 DEFAULT until_at IS NOT NULL,
  INDEX by_recording recording TYPE bloom_filter GRANULARITY 1
) ENGINE = ReplacingMergeTree(rank) ORDER BY (activity, recording);

-- Bodies are compressed already.
CREATE TABLE IF NOT EXISTS chunk (
  recording UInt128,
  number    UInt64,
  track     LowCardinality(String),
  events    UInt64,
  from_at   Int64,
  until_at  Int64,
  codec     UInt8,
  bytes     UInt64 DEFAULT length(body),
  body      String CODEC(NONE)
) ENGINE = ReplacingMergeTree ORDER BY (recording, number)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity_bytes = 1048576;

INSERT INTO mark (name, value) SELECT 'store', toInt64(bitShiftRight(rand64(), 2)) + 1 WHERE NOT EXISTS (SELECT 1 FROM mark WHERE name = 'store');
INSERT INTO mark (name, value) SELECT 'schema', 1 WHERE NOT EXISTS (SELECT 1 FROM mark WHERE name = 'schema');
