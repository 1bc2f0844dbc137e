//! The terms of a row.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
};

use rusqlite::{Connection, Row};

use super::term::{ACTOR, AGENT, BRAND, PROJECT};
use crate::{
    record::append_words,
    store::{
        sqlite::columns::TEXT_VALUE,
        terms::{REQUEST, SESSION, append_json, append_text_term},
    },
};

/// The words of dictionary texts that have been met in a step.
pub(super) struct Dictionary<'a> {
    connection: &'a Connection,
    words: HashMap<i64, String>,
}

impl<'a> Dictionary<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Dictionary {
            connection,
            words: HashMap::new(),
        }
    }

    fn words(&mut self, id: i64) -> rusqlite::Result<&str> {
        match self.words.entry(id) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(vacant) => {
                let mut statement = self.connection.prepare_cached(TEXT_VALUE)?;
                let mut rows = statement.query([id])?;
                let mut words = String::new();
                if let Some(row) = rows.next()? {
                    append_words(&mut words, row.get_ref(0)?.as_str()?);
                }
                Ok(vacant.insert(words))
            }
        }
    }
}

/// Appends the terms of a row, with a space after each. Its columns are, after seq and id: project, agent, actor, brand and name
/// or type as numbers of the dictionary, session, request, four other texts, and JSON.
pub(super) fn add_terms(
    terms: &mut String,
    row: &Row<'_>,
    dictionary: &mut Dictionary<'_>,
) -> rusqlite::Result<()> {
    for (column, kind) in (2..).zip([PROJECT, AGENT, ACTOR, BRAND]) {
        if let Some(id) = row.get(column)? {
            terms.push_str(dictionary.words(id)?);
            // Writing to a string does not fail.
            let _ = write!(terms, "={kind}{id} ");
        }
    }
    terms.push_str(dictionary.words(row.get(6)?)?);
    for (column, kind) in (7..).zip([SESSION, REQUEST]) {
        if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
            append_text_term(terms, kind, text);
        }
    }
    for column in 9..13 {
        if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
            append_words(terms, text);
        }
    }
    if let Some(json) = row.get_ref(13)?.as_str_or_null()? {
        // What is not JSON has no texts: a record with it cannot be read.
        append_json(terms, &serde_json::from_str(json).unwrap_or_default());
    }
    Ok(())
}
