//! Replaces values in any case by the spellings in the dictionary, so that lists are read through the indexes of exact values.

use chrono::DateTime;
use rusqlite::{Connection, params};

use super::{compile::json, failed};
use crate::{
    error::Result,
    record::{Choice, Filter, Pattern, fold},
    store::{RecordKind, sqlite::columns::TEXT_ID},
};

/// A value with more spellings is not replaced: each row is compared with it.
const MAX_SPELLINGS: usize = 16;
/// The most values after the replacement, so that statements stay short.
const MAX_VALUES: usize = 500;

/// Finds the spellings of a text, from the text as written and the folded one.
pub(super) const SPELLINGS: &str = "SELECT value FROM text WHERE value IN (?1, ?2) UNION SELECT value FROM text WHERE folded = ?2 LIMIT ?3";
const IS_FOLDED: &str =
    "SELECT EXISTS (SELECT 1 FROM pragma_table_info('text') WHERE name = 'folded')";
/// The same for a file of schema 1 or 2, which this reader does not migrate.
const UNFOLDED_SPELLINGS: &str =
    "SELECT value FROM text WHERE activity_matches(value, ?1) LIMIT ?2";

/// Returns a filter that matches the same records, in which the values of dictionary columns are exact. If it requires a value that
/// the dictionary does not have, its time range is empty, so that no row is read.
pub(super) fn resolve(
    connection: &Connection,
    filter: &Filter,
    records: RecordKind,
) -> Result<Filter> {
    let mut filter = filter.clone();
    replace(connection, &mut filter, records)
        .map_err(failed("look up the spellings of a value"))?;
    Ok(filter)
}

fn replace(
    connection: &Connection,
    filter: &mut Filter,
    records: RecordKind,
) -> rusqlite::Result<()> {
    let mut values = 0;
    for column in columns(filter) {
        for patterns in [&mut column.any_of, &mut column.none_of] {
            *patterns = exact(connection, std::mem::take(patterns), &mut values)?;
        }
    }
    if !is_possible(connection, filter, records)? {
        filter.until = Some(DateTime::UNIX_EPOCH);
    }
    match &mut filter.and {
        Some(and) => replace(connection, and, records),
        None => Ok(()),
    }
}

/// The columns that are texts of the dictionary. Types have one spelling.
fn columns(filter: &mut Filter) -> [&mut Choice<Pattern>; 6] {
    [
        &mut filter.name,
        &mut filter.project,
        &mut filter.agent,
        &mut filter.actor,
        &mut filter.brand,
        &mut filter.environment,
    ]
}

fn exact(
    connection: &Connection,
    patterns: Vec<Pattern>,
    values: &mut usize,
) -> rusqlite::Result<Vec<Pattern>> {
    let mut exact = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let text = match pattern.as_text() {
            Some(text) if pattern.as_exact().is_none() => text,
            _ => {
                exact.push(pattern);
                continue;
            }
        };
        let mut spellings = spellings(connection, &pattern, text)?;
        // Nothing has this value. An empty list would allow everything, so keep one that matches nothing.
        if spellings.is_empty() {
            spellings.push(text.to_owned());
        }
        *values += spellings.len();
        match spellings.len() > MAX_SPELLINGS || *values > MAX_VALUES {
            true => exact.push(pattern),
            false => exact.extend(spellings.into_iter().map(Pattern::exact)),
        }
    }
    Ok(exact)
}

/// False if the filter requires a value that the dictionary does not have.
fn is_possible(
    connection: &Connection,
    filter: &Filter,
    records: RecordKind,
) -> rusqlite::Result<bool> {
    let scopes = [
        &filter.project,
        &filter.agent,
        &filter.actor,
        &filter.brand,
        &filter.environment,
    ];
    for scope in scopes {
        if !has_any(connection, &scope.any_of, Pattern::as_exact)? {
            return Ok(false);
        }
    }
    match records {
        RecordKind::Activities => Ok(has_any(connection, &filter.name.any_of, Pattern::as_exact)?
            && has_any(connection, &filter.kind.any_of, |kind| Some(kind.as_str()))?),
        RecordKind::Events => {
            let types = filter.event_type.any_of.iter();
            let types: Vec<Pattern> = types.map(Pattern::in_snake_case).collect();
            has_any(connection, &types, Pattern::as_exact)
        }
    }
}

/// True if one of the alternatives may be in the dictionary: there are none, or one has a text in it or no single `text`.
fn has_any<T>(
    connection: &Connection,
    alternatives: &[T],
    text: impl Fn(&T) -> Option<&str>,
) -> rusqlite::Result<bool> {
    let mut find = connection.prepare_cached(TEXT_ID)?;
    for alternative in alternatives {
        match text(alternative) {
            Some(text) if !find.exists([text])? => {}
            _ => return Ok(true),
        }
    }
    Ok(alternatives.is_empty())
}

/// Reads the texts that a pattern matches, up to one more than [`MAX_SPELLINGS`].
fn spellings(
    connection: &Connection,
    pattern: &Pattern,
    text: &str,
) -> rusqlite::Result<Vec<String>> {
    let limit = MAX_SPELLINGS as i64 + 1;
    let mut is_folded = connection.prepare_cached(IS_FOLDED)?;
    if is_folded.query_row((), |row| row.get(0))? {
        let mut statement = connection.prepare_cached(SPELLINGS)?;
        let found = statement.query_map(params![text, fold(text), limit], |row| row.get(0))?;
        return found.collect();
    }
    let mut statement = connection.prepare_cached(UNFOLDED_SPELLINGS)?;
    let found = statement.query_map(params![json(pattern), limit], |row| row.get(0))?;
    found.collect()
}
