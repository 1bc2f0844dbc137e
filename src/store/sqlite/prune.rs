//! Pruning: what is too old or too much goes, the oldest first, a short transaction at a time.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, params};

use crate::{
    record::ActivityId,
    store::{
        Cutoffs, KeepRecordings, Limit, Pruned, QUARTER_US,
        sqlite::{
            agents,
            bucket::{AGENT, OVERALL},
            hour, recording,
            search::{self, Indexed, Place},
            size::{self, Size},
        },
    },
};

/// Rows that one step deletes: some tens of milliseconds.
const STEP: i64 = 1_000;
/// All rows, where SQLite takes a limit.
const ALL: i64 = -1;

/// Rows that are deleted in the same way.
struct Sort {
    /// What started before ?1, the oldest first: seq and id.
    find: &'static str,
    delete: &'static [&'static str],
    /// What follows their table.
    index: &'static Indexed,
    size: Size,
}

// Of a deleted row that had the highest seq the number would be given again, to a row that followers then miss.
const ACTIVITIES: Sort = Sort {
    find: "SELECT seq, id FROM activity INDEXED BY activity_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM activity) ORDER BY id LIMIT ?2",
    delete: &[
        "DELETE FROM preview WHERE activity = ?1",
        "DELETE FROM activity WHERE seq = ?1",
    ],
    index: &search::ACTIVITIES,
    size: size::ACTIVITIES,
};
const EVENTS: Sort = Sort {
    find: "SELECT seq, id FROM event INDEXED BY event_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM event) ORDER BY id LIMIT ?2",
    delete: &["DELETE FROM event WHERE seq = ?1"],
    index: &search::EVENTS,
    size: size::EVENTS,
};
const PREVIEWS: Sort = Sort {
    find: "SELECT preview.activity, activity.id FROM preview JOIN activity ON activity.seq = preview.activity \
         WHERE activity.id < ?1 ORDER BY preview.activity LIMIT ?2",
    delete: &["DELETE FROM preview WHERE activity = ?1"],
    index: &search::ACTIVITIES,
    size: size::PREVIEWS,
};

const COUNT_SUMS: &str = "SELECT count(*) FROM bucket";
const NTH_SUM: &str = "SELECT quarter FROM bucket ORDER BY quarter LIMIT 1 OFFSET ?1";
const OLD_SUMS: &str = "SELECT count(*) FROM bucket WHERE quarter < ?1";
const ANY_OLD_SUMS: &str = "SELECT EXISTS (SELECT 1 FROM bucket WHERE quarter < ?1)";
const DELETE_SUMS: &str = "DELETE FROM bucket WHERE (scope, scope_id, quarter) IN \
     (SELECT scope, scope_id, quarter FROM bucket WHERE quarter < ?1 ORDER BY quarter LIMIT ?2) \
     RETURNING scope, scope_id, quarter";

const MARK: &str = "INSERT INTO mark (name, value) VALUES ('complete_from', ?1) \
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
const MARK_SUMS: &str = "INSERT INTO mark (name, value) VALUES ('sums_from', ?1) \
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";

/// How much is to be deleted.
pub(super) fn count(connection: &Connection, cutoffs: &Cutoffs) -> rusqlite::Result<Pruned> {
    let nothing = HashSet::new();
    let count =
        |sort: &Sort, limit: &Limit, gone: &HashSet<i64>| sort.beyond(connection, limit, ALL, gone);
    let activities = count(&ACTIVITIES, &cutoffs.activities, &nothing)?;
    let gone = activities.iter().map(|(seq, _)| *seq).collect();
    let sums = match sums_from(connection, &cutoffs.sums)? {
        None => 0,
        Some(first) => connection.query_row(OLD_SUMS, [first], |row| row.get::<_, i64>(0))?,
    };
    Ok(Pruned {
        activities: activities.len() as u64,
        events: count(&EVENTS, &cutoffs.events, &nothing)?.len() as u64,
        previews: count(&PREVIEWS, &cutoffs.previews, &gone)?.len() as u64,
        sums: sums.max(0).cast_unsigned(),
        ..recording::prunable(connection, keep(&cutoffs.recordings))?
    })
}

/// Whether there is anything to delete: asked first, as a step keeps writers out also where it finds nothing.
pub(super) fn is_due(connection: &Connection, cutoffs: &Cutoffs) -> rusqlite::Result<bool> {
    let sorts = [
        (&ACTIVITIES, &cutoffs.activities),
        (&EVENTS, &cutoffs.events),
        (&PREVIEWS, &cutoffs.previews),
    ];
    for (sort, limit) in sorts {
        let found = sort.beyond(connection, limit, STEP, &HashSet::new())?;
        if !found.is_empty() {
            return Ok(true);
        }
    }
    if let Some(first) = sums_from(connection, &cutoffs.sums)?
        && connection.query_row(ANY_OLD_SUMS, [first], |row| row.get(0))?
    {
        return Ok(true);
    }
    let recording = recording::due(connection, keep(&cutoffs.recordings))?;
    Ok(recording.is_some())
}

/// Deletes a part of it.
pub(super) fn step(transaction: &Transaction<'_>, cutoffs: &Cutoffs) -> rusqlite::Result<Pruned> {
    let activities = ACTIVITIES.prune(transaction, &cutoffs.activities)?;
    if let Some(newest_us) = activities.iter().map(started_us).max() {
        transaction.execute(MARK, [newest_us.div_euclid(QUARTER_US) + 1])?;
    }
    let mut pruned = Pruned {
        activities: activities.len() as u64,
        events: EVENTS.prune(transaction, &cutoffs.events)?.len() as u64,
        ..recording::prune(transaction, keep(&cutoffs.recordings))?
    };
    if activities.is_empty() {
        // Those of activities that go have gone with them.
        let previews = PREVIEWS.prune(transaction, &cutoffs.previews)?;
        pruned.previews = previews.len() as u64;
    }
    if let Some(first) = sums_from(transaction, &cutoffs.sums)? {
        pruned.sums = delete_sums(transaction, first)?;
        if pruned.sums > 0 {
            // What was deleted on purpose is not to come back.
            transaction.execute(MARK, [first])?;
            transaction.execute(MARK_SUMS, [first])?;
        }
    }
    Ok(pruned)
}

impl Sort {
    /// Deletes some of what is beyond a limit. Gives what went.
    fn prune(&self, transaction: &Transaction<'_>, limit: &Limit) -> rusqlite::Result<Vec<Place>> {
        let found = self.beyond(transaction, limit, STEP, &HashSet::new())?;
        self.index.change(transaction, &found, || {
            for sql in self.delete {
                let mut delete = transaction.prepare_cached(sql)?;
                for (seq, _) in &found {
                    delete.execute([seq])?;
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// What is beyond a limit: what is too old, and of the rest the oldest, for as long as there is too much. Without
    /// what is `gone` already.
    fn beyond(
        &self,
        connection: &Connection,
        limit: &Limit,
        at_most: i64,
        gone: &HashSet<i64>,
    ) -> rusqlite::Result<Vec<Place>> {
        let mut over = match limit.bytes {
            Some(bytes) => self.size.total(connection)? - integer(bytes),
            None => 0,
        };
        let old = limit.before.map_or([0; 16], bound);
        let followed = self.index.followed(connection)?;
        if over > 0 {
            for seq in gone.iter().filter(|seq| **seq <= followed) {
                over -= self.size.of(connection, *seq)?;
            }
        }
        let mut statement = connection.prepare_cached(self.find)?;
        let before = if over > 0 { [u8::MAX; 16] } else { old };
        let mut rows = statement.query(params![before, at_most])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let place: Place = (row.get(0)?, row.get(1)?);
            // What is not yet followed is not yet counted.
            let counted = place.0 <= followed;
            if !gone.contains(&place.0) && (place.1 < old || (over > 0 && counted)) {
                if over > 0 && counted {
                    over -= self.size.of(connection, place.0)?;
                }
                found.push(place);
            }
        }
        Ok(found)
    }
}

/// The first quarter whose sums are kept, where there is a limit.
fn sums_from(connection: &Connection, limit: &Limit) -> rusqlite::Result<Option<i64>> {
    let old = limit
        .before
        .map(|before| before.timestamp_micros().div_euclid(QUARTER_US));
    let Some(bytes) = limit.bytes else {
        return Ok(old);
    };
    let count: i64 = connection.query_row(COUNT_SUMS, (), |row| row.get(0))?;
    let beyond = count - integer(bytes) / size::SUM;
    if beyond <= 0 {
        return Ok(old);
    }
    // Half a quarter is none.
    let last: i64 = connection.query_row(NTH_SUM, [beyond - 1], |row| row.get(0))?;
    Ok(old.max(Some(last + 1)))
}

/// Deletes some of the sums before a quarter. Returns how many.
fn delete_sums(transaction: &Transaction<'_>, first_kept: i64) -> rusqlite::Result<u64> {
    let (mut count, mut of_agents, mut overall) = (0, BTreeSet::new(), Vec::new());
    let mut delete = transaction.prepare_cached(DELETE_SUMS)?;
    let mut rows = delete.query(params![first_kept, STEP])?;
    while let Some(row) = rows.next()? {
        count += 1;
        match row.get(0)? {
            OVERALL => overall.push(row.get(2)?),
            AGENT => drop(of_agents.insert((row.get(1)?, row.get(2)?))),
            _ => {}
        }
    }
    agents::forget(transaction, &of_agents)?;
    hour::add_up(transaction, overall)?;
    Ok(count)
}

fn keep(limit: &Limit) -> KeepRecordings {
    KeepRecordings {
        since_us: limit.before.map_or(0, |before| before.timestamp_micros()),
        bytes: limit.bytes.unwrap_or(u64::MAX),
    }
}

/// The smallest id of what started then.
fn bound(before: DateTime<Utc>) -> [u8; 16] {
    *ActivityId::lower_bound(before).as_bytes()
}

fn started_us((_, id): &Place) -> i64 {
    ActivityId::from_bytes(*id).started_at_us()
}

/// SQLite's integers have a sign.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
