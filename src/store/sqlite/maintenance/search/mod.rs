//! The full-text index, built in commit order after the commit, so that the insert pays nothing for it.
//!
//! Each entry covers records that start in one microsecond, and its rowid begins with it: so entries are in the order of lists.
//! A step adds entries for its rows and reads no others, except where a microsecond has too many entries to add one more. A
//! search finds candidates, which are checked against the filter: so the index stores neither positions nor columns.

mod entry;
mod term;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use rusqlite::{Connection, params};

use self::entry::{Dictionary, add_terms};
pub(crate) use self::term::{ACTOR, AGENT, BRAND, PROJECT, dictionary_term};
use super::counted::{self, CountedRows};
use crate::{
    record::{ActivityId, WORDS_VERSION},
    store::sqlite::{columns::unsigned, meta::MetaKey},
};

/// Bytes of terms after which a step ends.
const STEP_BYTES: usize = 4 << 20;
/// The most rows that are counted one by one.
const MOST_COUNTED: i64 = 100_000;
/// The low bits of a rowid, which number the entries of one microsecond. An [`ActivityId`] has 58 bits of microseconds.
const NUMBER_BITS: u32 = 5;

/// The seq and the id of a row.
pub(crate) type RowKey = (i64, [u8; 16]);

/// The full-text index of one table.
pub(crate) struct SearchIndex {
    /// The watermark: the last seq that is indexed.
    watermark: MetaKey,
    /// The number of seqs from the first row after seq ?1 to the last.
    unindexed: &'static str,
    /// Counts the rows after seq ?1.
    count: &'static str,
    /// Rows after seq ?1. The columns are those of [`add_terms`].
    next: &'static str,
    /// Rows with an id from ?1 to before ?2.
    of_start: &'static str,
    last_entry: &'static str,
    insert: &'static str,
    delete: &'static str,
    merge: &'static str,
    purge: &'static str,
    clear: &'static str,
    /// What else follows the rows of the table.
    counted: &'static CountedRows,
}

pub(crate) const ACTIVITIES: SearchIndex = SearchIndex {
    watermark: MetaKey::IndexedActivities,
    unindexed: "SELECT coalesce((SELECT max(seq) FROM activity) \
         - (SELECT min(seq) FROM activity NOT INDEXED WHERE seq > ?1) + 1, 0)",
    count: "SELECT count(*) FROM activity NOT INDEXED WHERE seq > ?1",
    next: "SELECT a.seq, a.id, a.project, a.agent, a.actor, a.brand, a.name, a.session, a.request, \
         a.error_type, a.message, p.input, p.output, a.attributes \
         FROM activity AS a NOT INDEXED LEFT JOIN preview AS p ON p.activity = a.seq WHERE a.seq > ?1 ORDER BY a.seq LIMIT ?2",
    of_start: "SELECT a.seq, a.id, a.project, a.agent, a.actor, a.brand, a.name, a.session, a.request, \
         a.error_type, a.message, p.input, p.output, a.attributes \
         FROM activity AS a INDEXED BY activity_id LEFT JOIN preview AS p ON p.activity = a.seq WHERE a.id >= ?1 AND a.id < ?2",
    last_entry: "SELECT max(id) FROM activity_search_docsize WHERE id BETWEEN ?1 AND ?2",
    insert: "INSERT INTO activity_search (rowid, terms) VALUES (?1, ?2)",
    delete: "DELETE FROM activity_search WHERE rowid BETWEEN ?1 AND ?2",
    merge: "INSERT INTO activity_search (activity_search, rank) VALUES ('merge', 64)",
    purge: "INSERT INTO activity_search (activity_search, rank) VALUES ('merge', -256)",
    clear: "INSERT INTO activity_search (activity_search) VALUES ('delete-all')",
    counted: &counted::ACTIVITIES,
};
pub(crate) const EVENTS: SearchIndex = SearchIndex {
    watermark: MetaKey::IndexedEvents,
    unindexed: "SELECT coalesce((SELECT max(seq) FROM event) \
         - (SELECT min(seq) FROM event NOT INDEXED WHERE seq > ?1) + 1, 0)",
    count: "SELECT count(*) FROM event NOT INDEXED WHERE seq > ?1",
    next: "SELECT seq, id, project, agent, actor, brand, type, session, request, summary, reference, NULL, NULL, data \
         FROM event NOT INDEXED WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    of_start: "SELECT seq, id, project, agent, actor, brand, type, session, request, summary, reference, NULL, NULL, data \
         FROM event INDEXED BY event_id WHERE id >= ?1 AND id < ?2",
    last_entry: "SELECT max(id) FROM event_search_docsize WHERE id BETWEEN ?1 AND ?2",
    insert: "INSERT INTO event_search (rowid, terms) VALUES (?1, ?2)",
    delete: "DELETE FROM event_search WHERE rowid BETWEEN ?1 AND ?2",
    merge: "INSERT INTO event_search (event_search, rank) VALUES ('merge', 64)",
    purge: "INSERT INTO event_search (event_search, rank) VALUES ('merge', -256)",
    clear: "INSERT INTO event_search (event_search) VALUES ('delete-all')",
    counted: &counted::EVENTS,
};

/// The rowids of the entries of records that start within these microseconds.
pub(crate) fn entries(starts: RangeInclusive<i64>) -> RangeInclusive<i64> {
    let first = |us: i64| us.clamp(0, i64::MAX >> NUMBER_BITS) << NUMBER_BITS;
    first(*starts.start())..=first(*starts.end()) | ((1 << NUMBER_BITS) - 1)
}

/// The microsecond in which the records of an entry start.
pub(crate) fn start_of(entry: i64) -> i64 {
    entry >> NUMBER_BITS
}

impl SearchIndex {
    /// The watermark: the last seq that is indexed; 0 before the first, and if the words are those of another version.
    pub(crate) fn indexed_up_to(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let found = match MetaKey::WordsVersion.get(connection)? {
            Some(WORDS_VERSION) => self.watermark.get(connection)?,
            _ => None,
        };
        Ok(found.unwrap_or_default())
    }

    /// Counts the rows that are not indexed yet. Beyond [`MOST_COUNTED`] it returns an upper bound, which includes deleted rows.
    fn lag(&self, connection: &Connection) -> rusqlite::Result<u64> {
        match self.largest_lag(connection)? {
            0 => Ok(0),
            most if most > MOST_COUNTED => Ok(unsigned(most)),
            _ => {
                let mut count = connection.prepare_cached(self.count)?;
                let indexed = self.indexed_up_to(connection)?;
                count.query_row([indexed], |row| row.get(0)).map(unsigned)
            }
        }
    }

    /// How many rows may not be indexed yet: the seqs from the first such row to the last.
    pub(crate) fn largest_lag(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let mut ends = connection.prepare_cached(self.unindexed)?;
        ends.query_row([self.indexed_up_to(connection)?], |row| row.get(0))
    }

    /// Indexes up to `limit` rows after the watermark, and returns their number; 0 once the index is up to date.
    pub(crate) fn index_some(&self, connection: &Connection, limit: i64) -> rusqlite::Result<u64> {
        let mut dictionary = Dictionary::new(connection);
        // Sorted: FTS5 begins a new segment whenever a rowid is smaller than the one before.
        let mut entries = BTreeMap::<i64, String>::new();
        let (mut bytes, mut count, mut last_seq) = (0, 0, 0);
        let mut next = connection.prepare_cached(self.next)?;
        let mut rows = next.query([self.indexed_up_to(connection)?, limit])?;
        while bytes < STEP_BYTES
            && let Some(row) = rows.next()?
        {
            let us = ActivityId::from_bytes(row.get(1)?).started_at_us();
            let terms = entries.entry(us).or_default();
            let before = terms.len();
            add_terms(terms, row, &mut dictionary)?;
            bytes += terms.len() - before;
            (last_seq, count) = (row.get(0)?, count + 1);
        }
        if count > 0 {
            self.add(connection, &entries)?;
            self.watermark.set(connection, last_seq)?;
        }
        Ok(count)
    }

    /// Adds an entry for each of these microseconds.
    fn add(&self, connection: &Connection, terms: &BTreeMap<i64, String>) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached(self.insert)?;
        let mut last_entry = connection.prepare_cached(self.last_entry)?;
        let mut last_of = |starts| -> rusqlite::Result<Option<i64>> {
            let (first, last) = entries(starts).into_inner();
            last_entry.query_row([first, last], |row| row.get(0))
        };
        let newest = last_of(0..=i64::MAX)?.unwrap_or_default();
        let mut full = Vec::new();
        for (us, terms) in terms {
            let all = entries(*us..=*us);
            let last = match *all.start() <= newest {
                true => last_of(*us..=*us)?,
                false => None,
            };
            match last.map_or(*all.start(), |last| last + 1) {
                entry if all.contains(&entry) => drop(insert.execute(params![entry, terms])?),
                _ => full.push(*us),
            }
        }
        full.into_iter()
            .try_for_each(|us| self.rebuild(connection, us))
    }

    /// Replaces the entries of a microsecond by one for all of its rows.
    fn rebuild(&self, connection: &Connection, us: i64) -> rusqlite::Result<()> {
        let (first, last) = entries(us..=us).into_inner();
        connection
            .prepare_cached(self.delete)?
            .execute([first, last])?;
        let mut dictionary = Dictionary::new(connection);
        let mut terms = String::new();
        let mut of_start = connection.prepare_cached(self.of_start)?;
        let [from, to] = [us, us + 1].map(|us| ActivityId::from_parts(us, 0));
        let mut rows = of_start.query(params![from.as_bytes(), to.as_bytes()])?;
        while let Some(row) = rows.next()? {
            add_terms(&mut terms, row, &mut dictionary)?;
        }
        if !terms.is_empty() {
            let mut insert = connection.prepare_cached(self.insert)?;
            insert.execute(params![first, terms])?;
        }
        Ok(())
    }

    /// Runs `work`, which changes or deletes these rows, and updates their entries and the byte counters.
    pub(crate) fn change(
        &self,
        connection: &Connection,
        rows: &[RowKey],
        work: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        self.counted.change(connection, &seqs, work)?;
        let start = |(_, id): &RowKey| ActivityId::from_bytes(*id).started_at_us();
        let starts: BTreeSet<i64> = rows.iter().map(start).collect();
        starts
            .into_iter()
            .try_for_each(|us| self.rebuild(connection, us))
    }

    /// Merges some segments, which removes entries that are so far only marked as deleted. Returns `false` once FTS5 finds
    /// too few of them.
    pub(crate) fn merge(&self, connection: &Connection) -> rusqlite::Result<bool> {
        command(connection, self.merge)
    }

    /// Merges some segments until no deleted entry is left at all. Returns `false` once that is so.
    pub(super) fn purge(&self, connection: &Connection) -> rusqlite::Result<bool> {
        command(connection, self.purge)
    }
}

/// Clears the indexes if an earlier version of this program wrote them. Returns false if a later one did: it is left alone.
pub(crate) fn prepare_indexes(connection: &Connection) -> rusqlite::Result<bool> {
    let version = MetaKey::WordsVersion.get(connection)?.unwrap_or_default();
    if version < WORDS_VERSION {
        for index in [ACTIVITIES, EVENTS] {
            connection.execute(index.clear, ())?;
            index.watermark.set(connection, 0)?;
        }
        MetaKey::WordsVersion.set(connection, WORDS_VERSION)?;
    }
    Ok(version <= WORDS_VERSION)
}

/// Runs an FTS5 command. Returns `false` if there was nothing to do.
fn command(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.execute(sql, ())?;
    // The command itself is one change.
    Ok(connection.total_changes() - before > 1)
}

/// How many rows are not indexed yet.
pub(crate) fn index_lag(connection: &Connection) -> rusqlite::Result<u64> {
    Ok(ACTIVITIES.lag(connection)? + EVENTS.lag(connection)?)
}
