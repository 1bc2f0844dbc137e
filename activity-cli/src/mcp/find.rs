//! `find_activities`: a filtered list, page by page.

use chrono::{DateTime, Utc};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use tower_activity::{
    Result,
    query::{ActivityReader, one_line},
    record::{ActivityRecord, EventRecord, Filter},
    store::Cursor,
};

use super::{
    budget::{self, Budget},
    line,
};
use crate::short_id;

/// Default of `limit`.
const LIMIT: u32 = 20;
/// Maximum of `limit`.
const MAX: u32 = 200;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Find {
    /// Filter, such as `status:failed kind:tool name:login* project:acme actor:"Ann B" since:24h duration:>2s free words`.
    /// Fields are combined with AND, the values of one field (`status:failed,cancelled`) with OR, `-` before a field
    /// excludes, `*` matches any characters. `type:deployment` or `type:*` finds events instead of activities. Empty: all
    /// activities.
    filter: String,
    /// Maximum number of results, up to 200.
    limit: u32,
    /// Cursor from an earlier answer, to continue after it.
    cursor: String,
    /// Token budget of the answer, up to 10000.
    tokens: u32,
}

impl Default for Find {
    fn default() -> Self {
        Find {
            filter: String::new(),
            limit: LIMIT,
            cursor: String::new(),
            tokens: budget::DEFAULT,
        }
    }
}

/// A line of the answer.
struct Row {
    line: String,
    /// Cursor that continues after it.
    after: String,
}

pub(super) fn answer(
    reader: &mut ActivityReader,
    arguments: &Find,
    now: DateTime<Utc>,
) -> Result<String> {
    let asked = Filter::parse(&arguments.filter, now)?;
    let cursor = Some(arguments.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let limit = arguments.limit.clamp(1, MAX) as usize;
    let (what, rows, next) = match asked.event_type.is_empty() {
        true => activities(reader, &asked, cursor, limit, now)?,
        false => events(reader, &asked.clone().for_event_list(), cursor, limit)?,
    };
    let suffix = match one_line(&asked.to_string()) {
        all if all.is_empty() => all,
        filter => format!(" matching {filter}"),
    };
    if rows.is_empty() {
        return Ok(match cursor {
            Some(_) => format!("There are no more {what}{suffix}.\n"),
            None => format!("There are no {what}{suffix}.\n"),
        });
    }
    Budget::new(arguments.tokens).fit(rows.len(), |count| {
        let mut text = format!("### Newest {what}{suffix} (times in UTC)\n");
        text.extend(rows.iter().take(count).map(|one| one.line.as_str()));
        let cursor = match rows.get(..count).and_then(<[Row]>::last) {
            Some(last) if count < rows.len() => Some(last.after.as_str()),
            // If no row fits the budget, the cursor stays.
            None => cursor,
            Some(_) => next.as_deref(),
        };
        match cursor {
            Some(cursor) => text.push_str(&format!("- … more with the cursor {cursor}\n")),
            None if count < rows.len() => text.push_str("- … more with more tokens\n"),
            None => {}
        }
        text
    })
}

type Page = (&'static str, Vec<Row>, Option<String>);

fn activities(
    reader: &mut ActivityReader,
    filter: &Filter,
    cursor: Option<&str>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Page> {
    let cursor = cursor.map(str::parse).transpose()?;
    let page = reader.page(filter, cursor, limit)?;
    let digits = short_id::width(reader, &page.records)?;
    let rows = page.records.iter().map(|one| Row {
        line: line::activity(one, digits, now),
        after: Cursor::<ActivityRecord>::after(one.id).to_string(),
    });
    Ok((
        "activities",
        rows.collect(),
        page.next.map(|next| next.to_string()),
    ))
}

fn events(
    reader: &mut ActivityReader,
    filter: &Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page> {
    let cursor = cursor.map(str::parse).transpose()?;
    let page = reader.events(filter, cursor, limit)?;
    let rows = page.records.iter().map(|one| Row {
        line: line::event(one),
        after: Cursor::<EventRecord>::after(one.id).to_string(),
    });
    Ok((
        "events",
        rows.collect(),
        page.next.map(|next| next.to_string()),
    ))
}
