//! The full-text index, built in commit order after the commit, so that the insert pays nothing for it.
//!
//! Each document covers all records that start in one microsecond, and has that microsecond as its rowid: so documents are
//! in the order of lists. A document is always rebuilt from all rows of its microsecond. Adding, pruning and erasing
//! therefore update the index in the same way.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};

use super::followed::{self, Followed};
use crate::{
    record::{ActivityId, WORDS_VERSION, fold, json_texts, normalize_words},
    store::sqlite::{columns::unsigned, meta::MetaKey},
};

/// Rows per step: about ten milliseconds.
const STEP: i64 = 500;
/// Bytes of text after which a step ends.
const STEP_BYTES: usize = 256 << 10;

/// The seq and the id of a row.
pub(crate) type RowKey = (i64, [u8; 16]);

/// The full-text index of one table.
pub(crate) struct SearchIndex {
    /// The watermark: the last seq that is indexed.
    watermark: MetaKey,
    next: &'static str,
    newest: &'static str,
    document: &'static str,
    replace: &'static str,
    delete: &'static str,
    merge: &'static str,
    purge: &'static str,
    clear: &'static str,
    /// What else follows the rows of the table.
    followed: &'static Followed,
}

pub(crate) const ACTIVITIES: SearchIndex = SearchIndex {
    watermark: MetaKey::IndexedActivities,
    next: "SELECT seq, id FROM activity WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    newest: "SELECT coalesce(max(seq), 0) FROM activity",
    document: "SELECT (SELECT value FROM text WHERE id = a.name), a.message, a.error_type, p.input, p.output, \
         (SELECT value FROM text WHERE id = a.project), (SELECT value FROM text WHERE id = a.agent), \
         (SELECT value FROM text WHERE id = a.actor), (SELECT value FROM text WHERE id = a.brand), a.attributes, \
         a.project, a.agent, a.actor, a.brand, a.session, a.request \
         FROM activity AS a INDEXED BY activity_id LEFT JOIN preview AS p ON p.activity = a.seq \
         WHERE a.id >= ?1 AND a.id < ?2",
    replace: "INSERT OR REPLACE INTO activity_search (rowid, words, scopes) VALUES (?1, ?2, ?3)",
    delete: "DELETE FROM activity_search WHERE rowid = ?1",
    merge: "INSERT INTO activity_search (activity_search, rank) VALUES ('merge', 64)",
    purge: "INSERT INTO activity_search (activity_search, rank) VALUES ('merge', -256)",
    clear: "INSERT INTO activity_search (activity_search) VALUES ('delete-all')",
    followed: &followed::ACTIVITIES,
};
pub(crate) const EVENTS: SearchIndex = SearchIndex {
    watermark: MetaKey::IndexedEvents,
    next: "SELECT seq, id FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    newest: "SELECT coalesce(max(seq), 0) FROM event",
    document: "SELECT (SELECT value FROM text WHERE id = a.type), a.summary, a.reference, NULL, NULL, \
         (SELECT value FROM text WHERE id = a.project), (SELECT value FROM text WHERE id = a.agent), \
         (SELECT value FROM text WHERE id = a.actor), (SELECT value FROM text WHERE id = a.brand), a.data, \
         a.project, a.agent, a.actor, a.brand, a.session, a.request \
         FROM event AS a INDEXED BY event_id WHERE a.id >= ?1 AND a.id < ?2",
    replace: "INSERT OR REPLACE INTO event_search (rowid, words, scopes) VALUES (?1, ?2, ?3)",
    delete: "DELETE FROM event_search WHERE rowid = ?1",
    merge: "INSERT INTO event_search (event_search, rank) VALUES ('merge', 64)",
    purge: "INSERT INTO event_search (event_search, rank) VALUES ('merge', -256)",
    clear: "INSERT INTO event_search (event_search) VALUES ('delete-all')",
    followed: &followed::EVENTS,
};

/// Prefixes of the indexed scopes that are dictionary texts: the prefix is followed by the text's number.
pub(crate) const PROJECT: char = 'p';
pub(crate) const AGENT: char = 'g';
pub(crate) const ACTOR: char = 'a';
pub(crate) const BRAND: char = 'b';
const BY_NUMBER: [char; 4] = [PROJECT, AGENT, ACTOR, BRAND];
/// Prefixes of the other indexed scopes: the prefix is followed by the text as a word.
pub(crate) const SESSION: char = 's';
pub(crate) const REQUEST: char = 'r';
const BY_TEXT: [char; 2] = [SESSION, REQUEST];

impl SearchIndex {
    /// The watermark: the last seq that is indexed; 0 before the first, and if the words are those of another version.
    pub(crate) fn indexed_up_to(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let found = match MetaKey::WordsVersion.get(connection)? {
            Some(WORDS_VERSION) => self.watermark.get(connection)?,
            _ => None,
        };
        Ok(found.unwrap_or_default())
    }

    /// How many seqs the index lags behind the commits.
    pub(crate) fn lag(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let newest: i64 = connection.query_row(self.newest, (), |row| row.get(0))?;
        Ok(unsigned(newest - self.indexed_up_to(connection)?))
    }

    /// Indexes some rows after the watermark, and returns their number; 0 once the index is up to date.
    pub(crate) fn index_some(&self, connection: &Connection) -> rusqlite::Result<u64> {
        let mut documents = Vec::<Document>::new();
        let before = self.indexed_up_to(connection)?;
        let (mut bytes, mut count, mut last_seq) = (0, 0, before);
        let mut next = connection.prepare_cached(self.next)?;
        let mut rows = next.query(params![before, STEP])?;
        while let Some(row) = rows.next()?
            && bytes < STEP_BYTES
        {
            let us = ActivityId::from_bytes(row.get(1)?).started_at_us();
            if documents.last().is_none_or(|last| last.us != us) {
                let document = self.document(connection, us)?;
                bytes += document.words.len();
                documents.push(document);
            }
            (last_seq, count) = (row.get(0)?, count + 1);
        }
        if count == 0 {
            return Ok(0);
        }
        self.write(connection, documents)?;
        self.watermark.set(connection, last_seq)?;
        Ok(count)
    }

    /// Runs `work`, which changes or deletes these rows, and updates their documents and the byte counters.
    pub(crate) fn change(
        &self,
        connection: &Connection,
        rows: &[RowKey],
        work: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        self.followed.change(connection, &seqs, work)?;
        let start = |(_, id): &RowKey| ActivityId::from_bytes(*id).started_at_us();
        let starts: BTreeSet<i64> = rows.iter().map(start).collect();
        let documents = starts.into_iter().map(|us| self.document(connection, us));
        let documents = documents.collect::<rusqlite::Result<_>>()?;
        self.write(connection, documents)
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

    fn write(&self, connection: &Connection, mut documents: Vec<Document>) -> rusqlite::Result<()> {
        // Sorted: FTS5 begins a new segment whenever a rowid is smaller than the one before.
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

    /// Builds the document of a microsecond.
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

/// Clears the indexes if an earlier version of this program wrote them. Returns false if a later one did: it is left alone.
pub(crate) fn prepare(connection: &Connection) -> rusqlite::Result<bool> {
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

/// A row of the index. It has no words exactly if its microsecond has no records: every record adds at least a space.
struct Document {
    us: i64,
    words: String,
    scopes: String,
}

impl Document {
    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        // A name may have no letters, and its record must still be found by scope.
        self.words.push(' ');
        for column in 0..9 {
            if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
                self.words.push_str(&normalize_words(text));
            }
        }
        if let Some(json) = row.get_ref(9)?.as_str_or_null()? {
            let json = serde_json::from_str(json).unwrap_or_default();
            let mut texts = Vec::new();
            json_texts(&json, &mut texts);
            for text in texts {
                self.words.push_str(&normalize_words(&text));
            }
        }
        for (column, prefix) in (10..).zip(BY_NUMBER) {
            if let Some(number) = row.get(column)? {
                self.scopes.push_str(&dictionary_scope(prefix, number));
                self.scopes.push(' ');
            }
        }
        for (column, prefix) in (14..).zip(BY_TEXT) {
            if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
                self.scopes.push_str(&text_scope(prefix, text));
                self.scopes.push(' ');
            }
        }
        Ok(())
    }
}

/// The index term of a scope that is a dictionary text.
pub(crate) fn dictionary_scope(prefix: char, number: i64) -> String {
    format!("{prefix}{number}")
}

/// The index term of any other scope: one word, which different texts may share, and texts that differ in case do.
pub(crate) fn text_scope(prefix: char, text: &str) -> String {
    let mut word = normalize_words(&fold(text));
    word.retain(|c| c != ' ');
    word.truncate(word.floor_char_boundary(64));
    word.insert(0, prefix);
    word
}
