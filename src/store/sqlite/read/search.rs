//! Lists that the index narrows down: what it finds, and what it has not come to yet.

use rusqlite::{Connection, OptionalExtension, types::Value};

use super::failed;
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Choice, EventRecord, Filter, Pattern, looked_for},
    store::{
        Cursor, Record,
        sqlite::{
            columns::TEXT_ID,
            maintenance::search::{
                ACTIVITIES, ACTOR, AGENT, BRAND, EVENTS, PROJECT, REQUEST, SESSION, SearchIndex,
                dictionary_scope, text_scope,
            },
        },
    },
};

/// Rows that the index has not come to and that are looked at one by one: some tens of milliseconds. Where there are more,
/// a list is read as if there was no index.
const LONGEST_TAIL: i64 = 20_000;

/// The condition on the index, which is read under the alias `s`: an expression, and from when to when.
pub(super) const CONDITION: &str = " MATCH ? AND s.rowid BETWEEN ? AND ?";
/// In the order of the index, which is that of lists but for what started in the same microsecond.
pub(super) const NEWEST_FIRST: &str = " ORDER BY s.rowid DESC LIMIT ?";
/// What was committed after the index came by.
pub(super) const TAIL: &str = " AND a.seq > ? ORDER BY a.id DESC LIMIT ?";

/// How the index helps with one list.
pub(super) struct Search {
    expression: String,
    first_us: i64,
    last_us: i64,
    /// The last seq that the index has.
    pub(super) followed: i64,
}

impl Search {
    /// How the index helps to find activities; `None` where it does not.
    pub(super) fn activities(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<ActivityRecord>>,
    ) -> Result<Option<Search>> {
        let search = || {
            if !has_rare(filter) && filter.actor.any_of.is_empty() {
                return Ok(None);
            }
            Search::of(&ACTIVITIES, connection, filter, cursor)
        };
        search().map_err(failed("look into the index of activities"))
    }

    /// How the index helps to find events; `None` where it does not.
    pub(super) fn events(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<EventRecord>>,
    ) -> Result<Option<Search>> {
        let search = || {
            // Those of one actor have an index of their own.
            if !has_rare(filter) && filter.actor.any_of.len() < 2 {
                return Ok(None);
            }
            Search::of(&EVENTS, connection, filter, cursor)
        };
        search().map_err(failed("look into the index of events"))
    }

    fn of<R: Record>(
        index: &SearchIndex,
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
    ) -> rusqlite::Result<Option<Search>> {
        let followed = index.indexed_up_to(connection)?;
        let expression = expression(connection, filter)?;
        if followed == 0 || expression.is_empty() || index.lag(connection)? > LONGEST_TAIL as u64 {
            return Ok(None);
        }
        let us = |bound: chrono::DateTime<chrono::Utc>| bound.timestamp_micros();
        let until = filter.until.map_or(i64::MAX, us);
        let cursor = cursor.map_or(i64::MAX, |cursor| cursor.key().started_at_us());
        Ok(Some(Search {
            expression,
            first_us: filter.since.map_or(0, us),
            last_us: until.min(cursor),
            followed,
        }))
    }

    /// What is bound to [`CONDITION`].
    pub(super) fn values(&self) -> Vec<Value> {
        vec![
            Value::from(self.expression.clone()),
            Value::from(self.first_us),
            Value::from(self.last_us),
        ]
    }
}

/// The same filter for what started in one microsecond.
pub(super) fn within(filter: &Filter, us: i64) -> Filter {
    let mut filter = filter.clone();
    let at = chrono::DateTime::from_timestamp_micros;
    let (first, end) = (at(us), at(us + 1));
    filter.since = filter.since.max(first);
    filter.until = filter
        .until
        .map_or(end, |until| end.map(|end| end.min(until)));
    filter
}

/// The smallest id of what started in a microsecond.
pub(super) fn first_id(us: i64) -> [u8; 16] {
    *ActivityId::from_parts(us, 0).as_bytes()
}

/// Whether it asks for what only the index finds.
fn has_rare(filter: &Filter) -> bool {
    let scopes = [
        &filter.agent,
        &filter.brand,
        &filter.session,
        &filter.request,
    ];
    !filter.words.all_of.is_empty() || scopes.iter().any(|scope| !scope.any_of.is_empty())
}

/// An FTS5 expression that finds all that the filter means, and maybe more. Empty where it would find everything.
///
/// Every word in it is made of letters and digits, so that none means anything to FTS5.
fn expression(connection: &Connection, filter: &Filter) -> rusqlite::Result<String> {
    let mut all = Vec::new();
    for word in filter
        .words
        .all_of
        .iter()
        .filter_map(|word| looked_for(word))
    {
        let open = if word.ends_with(' ') { "" } else { " *" };
        all.push(format!("words : \"{}\"{open}", word.trim()));
    }
    let by_number = [
        (PROJECT, &filter.project),
        (AGENT, &filter.agent),
        (ACTOR, &filter.actor),
        (BRAND, &filter.brand),
    ];
    for (sort, choice) in by_number {
        all.extend(one_of(choice, |text| {
            // No text has the number 0.
            let number = connection.prepare_cached(TEXT_ID)?;
            let number = { number }.query_row([text], |row| row.get(0)).optional()?;
            Ok(dictionary_scope(sort, number.unwrap_or_default()))
        })?);
    }
    for (sort, choice) in [(SESSION, &filter.session), (REQUEST, &filter.request)] {
        all.extend(one_of(choice, |text| Ok(text_scope(sort, text)))?);
    }
    Ok(all.join(" AND "))
}

/// The condition that one of the alternatives holds; `None` where there are none, or one of them has wildcards.
fn one_of(
    choice: &Choice<Pattern>,
    word: impl Fn(&str) -> rusqlite::Result<String>,
) -> rusqlite::Result<Option<String>> {
    let exact: Option<Vec<&str>> = choice.any_of.iter().map(Pattern::as_exact).collect();
    let Some(exact) = exact.filter(|exact| !exact.is_empty()) else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for text in exact {
        words.push(format!("\"{}\"", word(text)?));
    }
    Ok(Some(format!("scopes : ({})", words.join(" OR "))))
}
