//! The index for searching: it follows the order of commits, and the insert pays nothing for it.
//!
//! Its rows stand for what started in one microsecond, so that they are in the order of lists, and are written anew from
//! all the rows of that microsecond: whatever is added, pruned or erased, the index is brought up to date in one way.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};

use super::size::{self, Size};
use crate::{
    record::{ActivityId, as_words},
    store::sqlite::{columns::unsigned, meta::MetaKey},
};

/// Rows that one step indexes: about ten milliseconds.
const STEP: i64 = 500;
/// Bytes of text that one step indexes, or little more.
const STEP_BYTES: usize = 256 << 10;

/// A row's place in the order of commits, and its id.
pub(crate) type Place = (i64, [u8; 16]);

/// A table and its index.
pub(crate) struct SearchIndex {
    /// The mark of the last seq that is indexed.
    followed: MetaKey,
    next: &'static str,
    newest: &'static str,
    document: &'static str,
    replace: &'static str,
    delete: &'static str,
    merge: &'static str,
    purge: &'static str,
    /// What is counted of it by the way.
    sizes: &'static [Size],
}

pub(crate) const ACTIVITIES: SearchIndex = SearchIndex {
    followed: MetaKey::IndexedActivities,
    next: "SELECT seq, id FROM activity WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    newest: "SELECT coalesce(max(seq), 0) FROM activity",
    document: "SELECT (SELECT value FROM text WHERE text.id = a.name), a.message, p.input, p.output, \
         a.project, a.agent, a.actor, a.brand, a.session, a.request \
         FROM activity AS a INDEXED BY activity_id LEFT JOIN preview AS p ON p.activity = a.seq \
         WHERE a.id >= ?1 AND a.id < ?2",
    replace: "INSERT OR REPLACE INTO activity_search (rowid, words, scopes) VALUES (?1, ?2, ?3)",
    delete: "DELETE FROM activity_search WHERE rowid = ?1",
    merge: "INSERT INTO activity_search (activity_search, rank) VALUES ('merge', 64)",
    purge: "INSERT INTO activity_search (activity_search, rank) VALUES ('merge', -256)",
    sizes: &[size::ACTIVITIES, size::PREVIEWS],
};
pub(crate) const EVENTS: SearchIndex = SearchIndex {
    followed: MetaKey::IndexedEvents,
    next: "SELECT seq, id FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    newest: "SELECT coalesce(max(seq), 0) FROM event",
    document: "SELECT (SELECT value FROM text WHERE text.id = a.type), a.summary, NULL, NULL, \
         a.project, a.agent, a.actor, a.brand, a.session, a.request \
         FROM event AS a INDEXED BY event_id WHERE a.id >= ?1 AND a.id < ?2",
    replace: "INSERT OR REPLACE INTO event_search (rowid, words, scopes) VALUES (?1, ?2, ?3)",
    delete: "DELETE FROM event_search WHERE rowid = ?1",
    merge: "INSERT INTO event_search (event_search, rank) VALUES ('merge', 64)",
    purge: "INSERT INTO event_search (event_search, rank) VALUES ('merge', -256)",
    sizes: &[size::EVENTS],
};

/// The texts of a dictionary that the index has, each as a letter and its number.
pub(crate) const PROJECT: char = 'p';
pub(crate) const AGENT: char = 'g';
pub(crate) const ACTOR: char = 'a';
pub(crate) const BRAND: char = 'b';
const BY_NUMBER: [char; 4] = [PROJECT, AGENT, ACTOR, BRAND];
/// The other scopes that it has, each as a letter and what is left of it.
pub(crate) const SESSION: char = 's';
pub(crate) const REQUEST: char = 'r';
const BY_TEXT: [char; 2] = [SESSION, REQUEST];

impl SearchIndex {
    /// The last seq that is indexed; 0 before the first.
    pub(crate) fn indexed_up_to(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let found = self.followed.get(connection)?;
        Ok(found.unwrap_or_default())
    }

    /// How far the index is behind the commits.
    pub(crate) fn lag(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let newest: i64 = connection.query_row(self.newest, (), |row| row.get(0))?;
        let behind = newest - self.indexed_up_to(connection)?;
        Ok(unsigned(behind))
    }

    /// Indexes some of what was committed since. Returns how many rows that were; 0 once nothing is left.
    pub(crate) fn index_some(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let mut documents = Vec::<Document>::new();
        let before = self.indexed_up_to(connection)?;
        let (mut bytes, mut count, mut followed) = (0, 0, before);
        let mut next = connection.prepare_cached(self.next)?;
        let mut rows = next.query(params![followed, STEP])?;
        while let Some(row) = rows.next()?
            && bytes < STEP_BYTES
        {
            let us = ActivityId::from_bytes(row.get(1)?).started_at_us();
            if documents.last().is_none_or(|last| last.us != us) {
                let document = self.document(connection, us)?;
                bytes += document.words.len();
                documents.push(document);
            }
            (followed, count) = (row.get(0)?, count + 1);
        }
        if count == 0 {
            return Ok(0);
        }
        self.write(connection, documents)?;
        self.followed.set(connection, followed)?;
        for size in self.sizes {
            size.add(connection, size.between(connection, before, followed)?)?;
        }
        Ok(count)
    }

    /// Changes or deletes rows, and brings the index and what is counted up to date.
    pub(crate) fn change(
        &self,
        connection: &Connection,
        rows: &[Place],
        work: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let before = self.weigh(connection, rows)?;
        work()?;
        let after = self.weigh(connection, rows)?;
        for (size, (before, after)) in self.sizes.iter().zip(before.into_iter().zip(after)) {
            size.add(connection, after - before)?;
        }
        let start = |(_, id): &Place| ActivityId::from_bytes(*id).started_at_us();
        let starts: BTreeSet<i64> = rows.iter().map(start).collect();
        let documents = starts.into_iter().map(|us| self.document(connection, us));
        let documents = documents.collect::<rusqlite::Result<_>>()?;
        self.write(connection, documents)
    }

    /// What rows take, as far as it has been counted.
    fn weigh(&self, connection: &Connection, rows: &[Place]) -> rusqlite::Result<Vec<i64>> {
        let followed = self.indexed_up_to(connection)?;
        let seqs = || {
            rows.iter()
                .map(|(seq, _)| *seq)
                .filter(|seq| *seq <= followed)
        };
        let weigh = |size: &Size| seqs().map(|seq| size.of(connection, seq)).sum();
        self.sizes.iter().map(weigh).collect()
    }

    /// Takes some of what was deleted out of the index, in which it is only marked at first. `false` where little of it
    /// is left.
    pub(crate) fn merge(&self, connection: &Connection) -> rusqlite::Result<bool> {
        command(connection, self.merge)
    }

    /// Takes some of all that was deleted out of the index. `false` where none of it is left.
    pub(super) fn purge(&self, connection: &Connection) -> rusqlite::Result<bool> {
        command(connection, self.purge)
    }

    fn write(&self, connection: &Connection, mut documents: Vec<Document>) -> rusqlite::Result<()> {
        // In their order: FTS5 begins a new segment wherever it has to go back.
        documents.sort_by_key(|document| document.us);
        documents.dedup_by_key(|document| document.us);
        let mut replace = connection.prepare_cached(self.replace)?;
        let mut delete = connection.prepare_cached(self.delete)?;
        for document in documents {
            if document.words.is_empty() {
                delete.execute([document.us])?;
            } else {
                replace.execute(params![document.us, document.words, document.scopes])?;
            }
        }
        Ok(())
    }

    /// What the index has to say of a microsecond.
    fn document(&self, connection: &Connection, us: i64) -> rusqlite::Result<Document> {
        let mut document = Document {
            us,
            words: String::new(),
            scopes: String::new(),
        };
        let mut statement = connection.prepare_cached(self.document)?;
        let (first, end) = (
            ActivityId::from_parts(us, 0),
            ActivityId::from_parts(us + 1, 0),
        );
        let mut rows = statement.query(params![first.as_bytes(), end.as_bytes()])?;
        while let Some(row) = rows.next()? {
            document.add(row)?;
        }
        Ok(document)
    }
}

/// Has FTS5 work on an index. `false` where it had nothing to do.
fn command(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    let before = connection.total_changes();
    connection.execute(sql, ())?;
    // The command itself is one change.
    Ok(connection.total_changes() - before > 1)
}

/// How far the index is behind the commits.
pub(crate) fn index_lag(connection: &Connection) -> rusqlite::Result<u64> {
    Ok(ACTIVITIES.lag(connection)? + EVENTS.lag(connection)?)
}

/// A row of the index. Without words, as no name and no type is empty, there is nothing that it stands for.
struct Document {
    us: i64,
    words: String,
    scopes: String,
}

impl Document {
    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        // A name without letters still is one.
        self.words.push(' ');
        for column in 0..4 {
            if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
                self.words.push_str(&as_words(text));
            }
        }
        for (column, sort) in (4..).zip(BY_NUMBER) {
            if let Some(number) = row.get(column)? {
                self.scopes.push_str(&dictionary_scope(sort, number));
                self.scopes.push(' ');
            }
        }
        for (column, sort) in (8..).zip(BY_TEXT) {
            if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
                self.scopes.push_str(&text_scope(sort, text));
                self.scopes.push(' ');
            }
        }
        Ok(())
    }
}

/// How the index writes a scope whose texts are numbered.
pub(crate) fn dictionary_scope(sort: char, number: i64) -> String {
    format!("{sort}{number}")
}

/// How the index writes any other scope: as one word, which several scopes may have in common.
pub(crate) fn text_scope(sort: char, text: &str) -> String {
    let mut word = as_words(text);
    word.retain(|c| c != ' ');
    word.truncate(word.floor_char_boundary(64));
    word.insert(0, sort);
    word
}
