//! `find_activities`: those that a filter means, page by page.

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
use crate::list::shown_digits;

const LIMIT: u32 = 20;
const MOST: u32 = 200;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Find {
    /// Which ones, such as `status:failed kind:tool name:login* project:acme actor:"Ann B" since:24h duration:>2s free
    /// words`. Different fields all have to hold, values of one field (`status:failed,cancelled`) are alternatives, a `-`
    /// before a field excludes, a `*` stands for any characters. With `type:deployment` or `type:*` events are found
    /// instead of activities. Empty: all activities.
    filter: String,
    /// How many at most, and at most 200.
    limit: u32,
    /// Goes on where an earlier answer ended: the cursor that it gave.
    cursor: String,
    /// How many tokens the answer has at most, and at most 10000.
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

/// A record that was found.
struct Found {
    line: String,
    /// Where the page after it begins.
    after: String,
}

pub(super) fn answer(
    reader: &mut ActivityReader,
    asked: &Find,
    now: DateTime<Utc>,
) -> Result<String> {
    let filter = Filter::parse(&asked.filter, now)?;
    let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let limit = asked.limit.clamp(1, MOST) as usize;
    let (what, found, next) = match filter.event_type.is_empty() {
        true => activities(reader, &filter, cursor, limit, now)?,
        false => events(reader, &filter, cursor, limit)?,
    };
    let asked_for = match one_line(&filter.to_string()) {
        all if all.is_empty() => all,
        filter => format!(" of {filter}"),
    };
    if found.is_empty() {
        return Ok(match cursor {
            Some(_) => format!("There are no more {what}{asked_for}.\n"),
            None => format!("There are no {what}{asked_for}.\n"),
        });
    }
    Budget::new(asked.tokens).fit(found.len(), |count| {
        let mut text = format!("### Newest {what}{asked_for} (times in UTC)\n\n");
        text.extend(found.iter().take(count).map(|one| one.line.as_str()));
        let place = match found.get(..count).and_then(<[Found]>::last) {
            Some(last) if count < found.len() => Some(last.after.as_str()),
            // Without any line of its own an answer begins where the question did.
            None => cursor,
            Some(_) => next.as_deref(),
        };
        match place {
            Some(place) => text.push_str(&format!("- .. more with the cursor {place}\n")),
            None if count < found.len() => text.push_str("- .. more with more tokens\n"),
            None => {}
        }
        text
    })
}

type Page = (&'static str, Vec<Found>, Option<String>);

fn activities(
    reader: &mut ActivityReader,
    filter: &Filter,
    cursor: Option<&str>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Page> {
    let cursor = cursor.map(str::parse).transpose()?;
    let page = reader.page(filter, cursor, limit)?;
    let ids = page.records.iter().map(|one| one.id.to_string());
    let digits = shown_digits(&ids.collect::<Vec<_>>());
    let found = page.records.iter().map(|one| Found {
        line: line::activity(one, digits, now),
        after: Cursor::<ActivityRecord>::after(one.id).to_string(),
    });
    Ok((
        "activities",
        found.collect(),
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
    let found = page.records.iter().map(|one| Found {
        line: line::event(one),
        after: Cursor::<EventRecord>::after(one.id).to_string(),
    });
    Ok((
        "events",
        found.collect(),
        page.next.map(|next| next.to_string()),
    ))
}
