//! The tables that are copied, and how their rows are selected and inserted.

use rusqlite::{
    Connection, params,
    types::{ToSqlOutput, Value},
};

use super::{STEP, TableRows};

/// How a column is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// Unchanged.
    Plain,
    /// As the id of a text.
    Text,
    /// As the row id of an instance.
    Instance,
    /// As the seq of a recording.
    Recording,
    /// As the seq of an activity.
    Activity,
    /// As the row's own seq, kept if it is the highest of the table.
    Seq,
}

use ColumnKind::{Activity, Instance, Plain, Recording, Seq, Text};

/// A table, and how its rows are selected and inserted.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, ColumnKind)],
    /// Selects the rows after ?1, at most ?2.
    rows: &'static str,
    /// Filters the inserted rows, and resolves conflicts with existing ones.
    kept: &'static str,
}

pub(super) const INSTANCES: Table = Table {
    name: "instance",
    columns: &[
        ("uuid", Plain),
        ("host", Plain),
        ("pid", Plain),
        ("started_at", Plain),
        ("stopped_at", Plain),
        ("accounting", Plain),
    ],
    rows: "FROM instance AS t WHERE uuid = ?1 AND ?2 > 0",
    kept: "WHERE true ON CONFLICT DO NOTHING",
};
/// Retention of each kind for which the new file has none.
pub(super) const RETENTION: Table = Table {
    name: "retention",
    columns: &[("kind", Plain), ("age_us", Plain), ("bytes", Plain)],
    rows: "FROM retention AS t WHERE ?1 = 0 AND ?2 > 0",
    kept: "WHERE true ON CONFLICT DO NOTHING",
};
pub(super) const RENAMED: Table = Table {
    name: "renamed",
    columns: &[("old", Plain), ("new", Plain)],
    rows: "FROM renamed AS t WHERE ?1 = 0 AND ?2 > 0",
    kept: "WHERE true ON CONFLICT DO NOTHING",
};
/// Recordings after a seq.
pub(super) const RECORDINGS: Table = Table {
    name: "recording",
    columns: &[
        ("id", Plain),
        ("format", Text),
        ("instance", Instance),
        ("status", Plain),
        ("lost", Plain),
        ("ended_at", Plain),
        ("handle", Plain),
    ],
    rows: "FROM recording AS t WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    kept: "WHERE true ON CONFLICT (id) DO UPDATE SET status = excluded.status, lost = excluded.lost, \
         ended_at = excluded.ended_at WHERE recording.status = 0",
};
/// Recordings that have chunks after a seq.
pub(super) const CONTINUED: Table = Table {
    rows: "FROM recording AS t WHERE seq IN (SELECT recording FROM chunk WHERE seq > ?1) AND ?2 > 0",
    ..RECORDINGS
};
pub(super) const LINKS: Table = Table {
    name: "link",
    columns: &[
        ("activity", Plain),
        ("recording", Recording),
        ("from_at", Plain),
        ("until_at", Plain),
    ],
    rows: "FROM link AS t WHERE recording IN (SELECT seq FROM recording WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
    kept: "WHERE true ON CONFLICT (activity, recording) DO UPDATE SET until_at = coalesce(excluded.until_at, link.until_at)",
};
pub(super) const CHUNKS: Table = Table {
    name: "chunk",
    columns: &[
        ("recording", Recording),
        ("number", Plain),
        ("track", Plain),
        ("events", Plain),
        ("from_at", Plain),
        ("until_at", Plain),
        ("codec", Plain),
        ("body", Plain),
    ],
    rows: "FROM chunk AS t WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    kept: "WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE number = ?2 \
         AND recording = (SELECT seq FROM recording WHERE id = ?1))",
};
pub(super) const ACTIVITIES: Table = Table {
    name: "activity",
    columns: &[
        ("id", Plain),
        ("parent", Plain),
        ("root", Plain),
        ("kind", Text),
        ("name", Text),
        ("status", Plain),
        ("started_at", Plain),
        ("duration_ns", Plain),
        ("instance", Instance),
        ("project", Text),
        ("agent", Text),
        ("actor", Text),
        ("brand", Text),
        ("environment", Text),
        ("session", Plain),
        ("request", Plain),
        ("error_type", Plain),
        ("message", Plain),
        ("attributes", Plain),
        ("truncated", Plain),
        ("trace_id", Plain),
        ("span_id", Plain),
        ("remote_parent", Plain),
        ("seq", Seq),
    ],
    rows: "FROM activity AS t WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    kept: "WHERE true ON CONFLICT DO NOTHING",
};
pub(super) const PREVIEWS: Table = Table {
    name: "preview",
    columns: &[
        ("activity", Activity),
        ("input", Plain),
        ("input_bytes", Plain),
        ("input_truncated", Plain),
        ("output", Plain),
        ("output_bytes", Plain),
        ("output_truncated", Plain),
    ],
    rows: "FROM preview AS t WHERE activity IN (SELECT seq FROM activity WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
    kept: "WHERE true ON CONFLICT DO NOTHING",
};
pub(super) const EVENTS: Table = Table {
    name: "event",
    columns: &[
        ("id", Plain),
        ("at", Plain),
        ("type", Text),
        ("status", Plain),
        ("summary", Plain),
        ("count", Plain),
        ("reference", Plain),
        ("data", Plain),
        ("activity", Plain),
        ("instance", Instance),
        ("project", Text),
        ("agent", Text),
        ("actor", Text),
        ("brand", Text),
        ("environment", Text),
        ("session", Plain),
        ("request", Plain),
        ("dedup_key", Plain),
        ("truncated", Plain),
        ("seq", Seq),
    ],
    rows: "FROM event AS t WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    kept: "WHERE true ON CONFLICT DO NOTHING",
};
pub(super) const OPEN: Table = Table {
    name: "open",
    columns: &[
        ("id", Plain),
        ("parent", Plain),
        ("root", Plain),
        ("kind", Text),
        ("name", Text),
        ("started_at", Plain),
        ("instance", Instance),
        ("project", Text),
        ("agent", Text),
        ("actor", Text),
        ("brand", Text),
        ("environment", Text),
        ("session", Plain),
        ("request", Plain),
        ("attributes", Plain),
        ("truncated", Plain),
        ("input", Plain),
        ("input_bytes", Plain),
        ("input_truncated", Plain),
        ("trace_id", Plain),
        ("span_id", Plain),
        ("remote_parent", Plain),
        ("handle", Plain),
    ],
    rows: "FROM open AS t WHERE ?1 = 0 AND ?2 > 0",
    kept: "WHERE NOT EXISTS (SELECT 1 FROM activity WHERE id = ?1) ON CONFLICT DO NOTHING",
};

/// Rows that each instance should have, for another state of the same file: that may have the missing ones.
pub(super) const LEDGER: Table = Table {
    name: "instance",
    columns: COUNTED,
    rows: "FROM (SELECT uuid, host, pid, started_at, stopped_at, accounting, \
             activities_added - activities_removed AS activities_added, events_added - events_removed AS events_added, \
             recordings_added - recordings_removed AS recordings_added, chunks_added - chunks_removed AS chunks_added \
           FROM instance) AS t WHERE ?1 = 0 AND ?2 > 0",
    kept: "WHERE true ON CONFLICT (uuid) DO UPDATE SET \
             activities_added = max(activities_added, activities_removed + excluded.activities_added), \
             events_added = max(events_added, events_removed + excluded.events_added), \
             recordings_added = max(recordings_added, recordings_removed + excluded.recordings_added), \
             chunks_added = max(chunks_added, chunks_removed + excluded.chunks_added)",
};
/// Missing rows of each instance, for another file: that has none of them.
pub(super) const MISSING: Table = Table {
    name: "instance",
    columns: COUNTED,
    rows: "FROM (SELECT uuid, host, pid, started_at, stopped_at, accounting, \
             max(activities_added - activities_removed - coalesce(a.rows, 0), 0) AS activities_added, \
             max(events_added - events_removed - coalesce(e.rows, 0), 0) AS events_added, \
             max(recordings_added - recordings_removed - coalesce(r.rows, 0), 0) AS recordings_added, \
             max(chunks_added - chunks_removed - coalesce(c.rows, 0), 0) AS chunks_added FROM instance AS i \
           LEFT JOIN (SELECT instance, count(*) AS rows FROM activity GROUP BY instance) AS a ON a.instance = i.id \
           LEFT JOIN (SELECT instance, count(*) AS rows FROM event GROUP BY instance) AS e ON e.instance = i.id \
           LEFT JOIN (SELECT instance, count(*) AS rows FROM recording GROUP BY instance) AS r ON r.instance = i.id \
           LEFT JOIN (SELECT recording.instance, count(*) AS rows FROM chunk \
                        JOIN recording ON recording.seq = chunk.recording GROUP BY recording.instance) AS c \
                  ON c.instance = i.id) AS t \
           WHERE ?1 = 0 AND ?2 > 0 AND activities_added + events_added + recordings_added + chunks_added > 0",
    kept: "WHERE true ON CONFLICT (uuid) DO UPDATE SET \
             activities_added = activities_added + excluded.activities_added, \
             events_added = events_added + excluded.events_added, \
             recordings_added = recordings_added + excluded.recordings_added, \
             chunks_added = chunks_added + excluded.chunks_added",
};
const COUNTED: &[(&str, ColumnKind)] = &[
    ("uuid", Plain),
    ("host", Plain),
    ("pid", Plain),
    ("started_at", Plain),
    ("stopped_at", Plain),
    ("accounting", Plain),
    ("activities_added", Plain),
    ("events_added", Plain),
    ("recordings_added", Plain),
    ("chunks_added", Plain),
];

impl Table {
    pub(super) fn read(
        &'static self,
        connection: &Connection,
        after: &Value,
    ) -> rusqlite::Result<TableRows> {
        let columns = self.columns.iter().map(|(name, kind)| match kind {
            Plain | Seq => format!("t.{name}"),
            Text => format!("(SELECT value FROM text WHERE id = t.{name})"),
            Instance => format!("(SELECT uuid FROM instance WHERE id = t.{name})"),
            Recording => format!("(SELECT id FROM recording WHERE seq = t.{name})"),
            Activity => format!("(SELECT id FROM activity WHERE seq = t.{name})"),
        });
        let columns: Vec<_> = columns.collect();
        let sql = format!("SELECT {} {}", columns.join(", "), self.rows);
        let mut select = connection.prepare_cached(&sql)?;
        let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|n| row.get(n)).collect();
        let rows = select.query_map(params![after, STEP], read)?;
        Ok(TableRows {
            table: self,
            rows: rows.collect::<rusqlite::Result<_>>()?,
        })
    }

    /// Returns the values to bind for a row, the offset added to its seq.
    pub(super) fn bind_values<'a>(
        &self,
        row: &'a [Value],
        offset: &dyn Fn(&str) -> i64,
    ) -> impl Iterator<Item = ToSqlOutput<'a>> {
        let seq = self.seq(row, offset);
        let columns = self.columns.iter().zip(row);
        columns.map(move |((_, kind), value)| match (kind, seq) {
            (Seq, Some(seq)) => ToSqlOutput::Owned(Value::Integer(seq)),
            _ => ToSqlOutput::Borrowed(value.into()),
        })
    }

    /// Returns the seq that a row is meant to have; `None` for a table without.
    pub(super) fn seq(&self, row: &[Value], offset: &dyn Fn(&str) -> i64) -> Option<i64> {
        let mut columns = self.columns.iter().zip(row);
        columns.find_map(|((_, kind), value)| match (kind, value) {
            (Seq, Value::Integer(seq)) => Some(seq.saturating_add(offset(self.name))),
            _ => None,
        })
    }

    pub(super) fn insert(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let values = self.columns.iter().enumerate().map(|(n, (_, kind))| {
            let n = n + 1;
            match kind {
                Plain => format!("?{n}"),
                Text => format!("(SELECT id FROM text WHERE value = ?{n})"),
                Instance => format!("(SELECT id FROM instance WHERE uuid = ?{n})"),
                Recording => format!("(SELECT seq FROM recording WHERE id = ?{n})"),
                Activity => format!("(SELECT seq FROM activity WHERE id = ?{n})"),
                Seq => format!(
                    "CASE WHEN ?{n} > (SELECT coalesce(max(seq), 0) FROM {}) THEN ?{n} END",
                    self.name
                ),
            }
        });
        let values: Vec<_> = values.collect();
        format!(
            "INSERT OR IGNORE INTO {} ({}) SELECT {} {}",
            self.name,
            names.join(", "),
            values.join(", "),
            self.kept
        )
    }
}
