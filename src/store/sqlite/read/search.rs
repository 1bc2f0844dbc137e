//! Lists that the full-text index narrows down: the rows that it finds, and those it has not reached yet.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, functions::Context, types::Value};

use super::failed;
use crate::{
    error::Result,
    record::{
        ActivityId, ActivityRecord, Choice, EventRecord, Filter, Needle, Pattern, Status,
        json_texts,
    },
    store::{
        Cursor, Record, RecordKind,
        sqlite::{
            columns::TEXT_ID,
            maintenance::search::{
                ACTIVITIES, ACTOR, AGENT, BRAND, EVENTS, PROJECT, SearchIndex, dictionary_term,
                entries,
            },
        },
        terms::{MANY_ATTRIBUTES, REQUEST, SESSION, attribute_term, text_term},
    },
};

/// The largest index lag with which the index is used. The unindexed rows are read one by one, which takes some tens of
/// milliseconds; with more of them, a list is read without the index.
const MAX_LAG: i64 = 20_000;

/// The rows beyond the watermark of the index.
pub(super) const UNINDEXED: &str = " AND a.seq > ? ORDER BY a.id DESC LIMIT ?";

/// A query of the index for one list.
pub(super) struct Search {
    expression: String,
    first_us: i64,
    last_us: i64,
    /// The watermark of the index.
    pub(super) indexed_up_to: i64,
}

impl Search {
    /// A search for activities; `None` if the index does not help with this filter.
    pub(super) fn activities(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<ActivityRecord>>,
    ) -> Result<Option<Search>> {
        let search = || {
            if !has_rare(filter) && filter.actor.any_of.is_empty() && !is_named(filter) {
                return Ok(None);
            }
            Search::new(&ACTIVITIES, connection, filter, cursor)
        };
        search().map_err(failed("search the index of activities"))
    }

    /// A search for events; `None` if the index does not help with this filter.
    pub(super) fn events(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<EventRecord>>,
    ) -> Result<Option<Search>> {
        let search = || {
            // A list of one actor has an index of its own.
            if !has_rare(filter) && filter.actor.any_of.len() < 2 {
                return Ok(None);
            }
            Search::new(&EVENTS, connection, filter, cursor)
        };
        search().map_err(failed("search the index of events"))
    }

    fn new<R: Record>(
        index: &SearchIndex,
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
    ) -> rusqlite::Result<Option<Search>> {
        let indexed_up_to = index.indexed_up_to(connection)?;
        let expression = expression(connection, filter, R::KIND)?;
        if indexed_up_to == 0 || expression.is_empty() || index.largest_lag(connection)? > MAX_LAG {
            return Ok(None);
        }
        let us = |bound: chrono::DateTime<chrono::Utc>| bound.timestamp_micros();
        let until = filter.until.map_or(i64::MAX, us);
        let cursor = cursor.map_or(i64::MAX, |cursor| cursor.key().started_at_us());
        Ok(Some(Search {
            expression,
            first_us: filter.since.map_or(0, us),
            last_us: until.min(cursor),
            indexed_up_to,
        }))
    }

    /// The parameters of the search: an FTS5 expression, the first and the last rowid.
    pub(super) fn values(&self) -> Vec<Value> {
        let (first, last) = entries(self.first_us..=self.last_us).into_inner();
        vec![self.expression.clone().into(), first.into(), last.into()]
    }
}

/// The SQL function `activity_has_word`: whether a needle is found in any of the texts. Its arguments are the needle, JSON or
/// NULL, and texts or NULL.
pub(super) fn has_word(context: &Context<'_>) -> rusqlite::Result<bool> {
    let needle = Needle::from_sql(context.get_raw(0).as_str()?);
    for argument in 2..context.len() {
        let text = context.get_raw(argument).as_str_or_null()?;
        if text.is_some_and(|text| needle.is_in(text)) {
            return Ok(true);
        }
    }
    let json = context.get_raw(1).as_str_or_null()?;
    Ok(json.is_some_and(|json| {
        // What is not JSON has no texts: a record with it cannot be read.
        let json = serde_json::from_str(json).unwrap_or_default();
        let mut texts = Vec::new();
        json_texts(&json, &mut texts);
        texts.iter().any(|text| needle.is_in(text))
    }))
}

/// The first id of a record that starts in this microsecond, and the first after them.
pub(super) fn ids_of_start(us: i64) -> [Value; 2] {
    let first = |us| Value::from(ActivityId::from_parts(us, 0).as_bytes().to_vec());
    [first(us), first(us + 1)]
}

/// True if the filter has a condition with which only the full-text index helps.
fn has_rare(filter: &Filter) -> bool {
    let scopes = [
        &filter.agent,
        &filter.brand,
        &filter.session,
        &filter.request,
    ];
    let is_phrase = |word: &String| matches!(Needle::new(word), Needle::Phrase(_));
    filter.words.all_of.iter().any(is_phrase)
        || scopes.iter().any(|scope| !scope.any_of.is_empty())
        || filter.attribute_terms().next().is_some()
}

/// True if the filter names activities or their errors, and no index on the status is in the list's order.
fn is_named(filter: &Filter) -> bool {
    let has_index = matches!(filter.status.any_of[..], [status] if status != Status::Success);
    !has_index && (!filter.name.any_of.is_empty() || !filter.error.any_of.is_empty())
}

/// An FTS5 expression that finds everything the filter matches, and maybe more. Empty if it would find everything.
///
/// All terms in it are quoted and contain no quotes, so that none is FTS5 syntax.
fn expression(
    connection: &Connection,
    filter: &Filter,
    records: RecordKind,
) -> rusqlite::Result<String> {
    let mut all = Vec::new();
    for word in &filter.words.all_of {
        all.extend(words(word));
    }
    // Names and error types are in the index as words. Events have none.
    if records == RecordKind::Activities {
        for choice in [&filter.name, &filter.error] {
            all.extend(one_of(choice, with_known_words, |text| Ok(words(text)))?);
        }
    }
    let by_number = [
        (PROJECT, &filter.project),
        (AGENT, &filter.agent),
        (ACTOR, &filter.actor),
        (BRAND, &filter.brand),
    ];
    for (prefix, choice) in by_number {
        all.extend(one_of(choice, Pattern::as_exact, |text| {
            // No text has the id 0.
            let number = connection.prepare_cached(TEXT_ID)?;
            let number = { number }.query_row([text], |row| row.get(0)).optional()?;
            let term = dictionary_term(prefix, number.unwrap_or_default());
            Ok(Some(format!("\"{term}\"")))
        })?);
    }
    for (prefix, choice) in [(SESSION, &filter.session), (REQUEST, &filter.request)] {
        all.extend(one_of(choice, Pattern::as_text, |text| {
            Ok(Some(format!("\"{}\"", text_term(prefix, text))))
        })?);
    }
    for (key, values) in filter.attribute_terms() {
        let mut terms = vec![format!("\"{MANY_ATTRIBUTES}\"")];
        terms.extend(
            values
                .iter()
                .map(|value| format!("\"{}\"", attribute_term(key, value))),
        );
        all.push(format!("({})", terms.join(" OR ")));
    }
    Ok(all.join(" AND "))
}

/// Returns the text of a pattern if all texts that it matches have the same words. Spellings in ASCII have, but not all others: `ᾳ`
/// and `ΑΙ` are the same text in any case, and not the same word.
fn with_known_words(pattern: &Pattern) -> Option<&str> {
    let text = pattern.as_text();
    text.filter(|text| pattern.as_exact().is_some() || text.is_ascii())
}

/// The expression for the words of a text. `None` if it has no words: it is only found in the records themselves.
fn words(text: &str) -> Option<String> {
    let Needle::Phrase(phrase) = Needle::new(text) else {
        return None;
    };
    let words: BTreeSet<&str> = phrase.split_whitespace().collect();
    let last = phrase.rsplit(' ').next().unwrap_or_default();
    // Without a space at its end, the last word is a prefix.
    let words = words.into_iter().map(|word| match word == last {
        true => format!("\"{word}\" *"),
        false => format!("\"{word}\""),
    });
    Some(words.collect::<Vec<_>>().join(" AND "))
}

/// The expression for one of several texts; `None` without alternatives, or if one of them has no `text` or no expression.
fn one_of(
    choice: &Choice<Pattern>,
    text: impl Fn(&Pattern) -> Option<&str>,
    expression: impl Fn(&str) -> rusqlite::Result<Option<String>>,
) -> rusqlite::Result<Option<String>> {
    let mut alternatives = Vec::new();
    for pattern in &choice.any_of {
        let Some(text) = text(pattern) else {
            return Ok(None);
        };
        match expression(text)? {
            Some(expression) => alternatives.push(format!("({expression})")),
            None => return Ok(None),
        }
    }
    let any = || format!("({})", alternatives.join(" OR "));
    Ok((!alternatives.is_empty()).then(any))
}
