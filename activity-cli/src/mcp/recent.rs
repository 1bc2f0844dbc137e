//! `recent_activity`: recent top-level activities and events.

use chrono::{DateTime, TimeDelta, Utc};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use tower_activity::{
    Result,
    query::{ActivityReader, DigestQuery},
    record::{Choice, Filter, Pattern},
};

use super::{
    budget::{self, Budget},
    line,
};
use crate::{short_id, top_level::TopLevel};

const DAYS: u32 = 7;
const LIMIT: u32 = 20;
const MAX: u32 = 200;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Recent {
    /// Only this user. Empty: all.
    actor: String,
    /// Only this project. Empty: all.
    project: String,
    /// Only this agent. Empty: all.
    agent: String,
    /// Number of days to look back, of 24 hours each.
    days: u32,
    /// Maximum number of activities and events, up to 200.
    limit: u32,
    /// Token budget of the answer, up to 10000.
    tokens: u32,
}

impl Default for Recent {
    fn default() -> Self {
        Recent {
            actor: String::new(),
            project: String::new(),
            agent: String::new(),
            days: DAYS,
            limit: LIMIT,
            tokens: budget::DEFAULT,
        }
    }
}

pub(super) fn answer(
    reader: &mut ActivityReader,
    arguments: &Recent,
    now: DateTime<Utc>,
) -> Result<String> {
    let days = arguments.days;
    let limit = arguments.limit.clamp(1, MAX) as usize;
    let mut filter = filter(arguments);
    filter.since = now.checked_sub_signed(TimeDelta::days(days.into()));
    let query = DigestQuery::new(now)
        .filter(filter.clone())
        .days(days)
        .limit(limit);
    let digest = reader.digest(&query)?;
    let mut top_level = TopLevel::new(filter);
    let (records, next) = top_level.page(reader, None, limit)?;
    let is_partial = next.is_some() || top_level.checked_back_to.is_some();
    if digest.events.is_empty() && records.is_empty() {
        return Ok(format!("No matching activity in the last {days} days.\n"));
    }

    let digits = short_id::width(reader, &records)?;
    let activities = records.iter();
    let activities = activities.map(|one| (one.started_at, line::activity(one, digits, now)));
    let events = digest.events.iter().map(|one| (one.at, line::event(one)));
    let mut lines: Vec<_> = activities.chain(events).collect();
    // Newest first. The sort is stable: at the same instant, activities come before events.
    lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));

    let counted: u64 = digest.types.iter().map(|one| one.events).sum();
    let all = counted + records.len() as u64;
    let at_least = if is_partial { "at least " } else { "" };
    Budget::new(arguments.tokens).fit(lines.len().min(limit), |count| {
        let mut text = format!("### Recent activity (last {days} days, UTC)\n");
        text.extend(lines.iter().take(count).map(|(_, line)| line.as_str()));
        match all.saturating_sub(count as u64) {
            0 if !is_partial => {}
            rest => text.push_str(&format!("- {at_least}{rest} more not shown\n")),
        }
        text
    })
}

fn filter(arguments: &Recent) -> Filter {
    let exactly = |text: &String| Choice {
        any_of: Some(text)
            .filter(|text| !text.is_empty())
            .map(Pattern::exact)
            .into_iter()
            .collect(),
        none_of: Vec::new(),
    };
    let mut filter = Filter::default();
    filter.actor = exactly(&arguments.actor);
    filter.project = exactly(&arguments.project);
    filter.agent = exactly(&arguments.agent);
    filter
}
