//! Estimates how fast the store grows, by a sample of the newest rows.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;

use super::{clock::ahead_from, failed};
use crate::{
    error::Result,
    record::ActivityId,
    store::{FieldGrowth, Growth, sqlite::columns::unsigned},
};

/// Rows from the first of the last day on, in commit order. Ids are in order of start: the activity that started first may
/// have ended last, so the smallest seq of a hundred is taken.
const ACTIVITIES: &str = "SELECT coalesce((SELECT max(seq) FROM activity) + 1 - \
     (SELECT min(seq) FROM (SELECT seq FROM activity WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 100)), 0)";
const EVENTS: &str = "SELECT coalesce((SELECT max(seq) FROM event) + 1 - \
     (SELECT min(seq) FROM (SELECT seq FROM event WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 100)), 0)";
const CHUNKS: &str = "SELECT count(*) FROM chunk WHERE recording IN (SELECT seq FROM recording WHERE id >= ?1 AND id < ?2)";

/// The newest 1,000 rows take a few hundred pages at most.
const OF_ACTIVITIES: &str = "SELECT count(*), sum(octet_length(attributes)), \
     sum(coalesce(octet_length(error_type), 0) + coalesce(octet_length(message), 0)), \
     sum(coalesce(octet_length(session), 0) + coalesce(octet_length(request), 0)), \
     sum(octet_length(input)), sum(octet_length(output)) \
     FROM (SELECT * FROM activity ORDER BY seq DESC LIMIT 1000) AS a LEFT JOIN preview AS p ON p.activity = a.seq";
const OF_EVENTS: &str = "SELECT count(*), sum(octet_length(summary)), sum(octet_length(data)), \
     sum(octet_length(reference)), sum(coalesce(octet_length(session), 0) + coalesce(octet_length(request), 0)) \
     FROM (SELECT * FROM event ORDER BY seq DESC LIMIT 1000)";
/// SQLite reads the length of a body without reading the body.
const OF_CHUNKS: &str = "SELECT count(*), sum(octet_length(body)) FROM (SELECT body FROM chunk ORDER BY seq DESC LIMIT 100)";

/// Estimates the rows and bytes added per day.
pub(super) fn growth(connection: &Connection, now: DateTime<Utc>) -> Result<Growth> {
    let first = ActivityId::lower_bound(now - TimeDelta::days(1));
    let end = ActivityId::lower_bound(ahead_from(now));
    let since = |sql| -> Result<u64> {
        let counted = connection.query_row(sql, [first.as_bytes(), end.as_bytes()], |row| {
            row.get::<_, i64>(0)
        });
        let counted = counted.map_err(failed("count the records of a day"))?;
        Ok(unsigned(counted))
    };
    let mut growth = Growth {
        activities_per_day: since(ACTIVITIES)?,
        events_per_day: since(EVENTS)?,
        chunks_per_day: since(CHUNKS)?,
        fields: Vec::new(),
    };
    let kinds: [(&str, &str, u64, &[&str]); 3] = [
        (
            "activity",
            OF_ACTIVITIES,
            growth.activities_per_day,
            &["attributes", "message", "session", "input", "output"],
        ),
        (
            "event",
            OF_EVENTS,
            growth.events_per_day,
            &["summary", "data", "reference", "session"],
        ),
        ("chunk", OF_CHUNKS, growth.chunks_per_day, &["body"]),
    ];
    for (of, sql, per_day, fields) in kinds {
        let sums = connection
            .query_row(sql, (), |row| {
                let sum = |at| row.get::<_, Option<i64>>(at).map(Option::unwrap_or_default);
                (0..=fields.len())
                    .map(sum)
                    .collect::<rusqlite::Result<Vec<i64>>>()
            })
            .map_err(failed("measure the newest records"))?;
        let rows = sums[0].max(1).cast_unsigned();
        for (field, sum) in fields.iter().zip(&sums[1..]) {
            let sum = sum.max(&0).cast_unsigned();
            if sum > 0 {
                growth.fields.push(FieldGrowth {
                    of,
                    field,
                    mean_bytes: (sum + rows / 2) / rows,
                    bytes_per_day: mean_times(sum, per_day, rows),
                });
            }
        }
    }
    Ok(growth)
}

/// `sum / rows * n`, without intermediate overflow.
fn mean_times(sum: u64, n: u64, rows: u64) -> u64 {
    let product = u128::from(sum) * u128::from(n) / u128::from(rows);
    u64::try_from(product).unwrap_or(u64::MAX)
}
