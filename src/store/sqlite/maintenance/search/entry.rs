//! The terms of a row.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
};

use rusqlite::{Connection, Row};
use serde_json::Value;

use super::term::{
    ACTOR, AGENT, BRAND, MANY_ATTRIBUTES, PROJECT, REQUEST, SESSION, attribute_term, text_term,
};
use crate::{
    record::{append_words, attribute_terms, json_texts},
    store::sqlite::columns::TEXT_VALUE,
};

/// The most attributes of a row that have terms of their own, each item of a list counted.
const MAX_ATTRIBUTES: usize = 128;

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
            terms.push_str(&text_term(kind, text));
            terms.push(' ');
        }
    }
    for column in 9..13 {
        if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
            append_words(terms, text);
        }
    }
    if let Some(json) = row.get_ref(13)?.as_str_or_null()? {
        // What is not JSON has no texts: a record with it cannot be read.
        let json = serde_json::from_str(json).unwrap_or_default();
        let mut texts = Vec::new();
        json_texts(&json, &mut texts);
        texts.iter().for_each(|text| append_words(terms, text));
        add_attributes(terms, &json);
    }
    Ok(())
}

fn add_attributes(terms: &mut String, json: &Value) {
    let members = json.as_object().into_iter().flatten();
    let mut attributes = members.flat_map(|(key, value)| {
        let values = attribute_terms(value).into_iter();
        values.map(move |value| attribute_term(key, &value))
    });
    for term in attributes.by_ref().take(MAX_ATTRIBUTES) {
        terms.push_str(&term);
        terms.push(' ');
    }
    if attributes.next().is_some() {
        terms.push_str(MANY_ATTRIBUTES);
        terms.push(' ');
    }
}
