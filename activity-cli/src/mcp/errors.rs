//! `activity_errors`: failures grouped by name, type and message.

use chrono::{DateTime, Utc};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use tower_activity::{
    Result,
    query::{ActivityReader, ErrorGroup, MetricsQuery, Window, Zone, one_line},
    record::Filter,
};

use super::{
    budget::{self, Budget},
    line,
};
use crate::{errors, stats};

/// The most groups of an answer.
const GROUPS: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Errors {
    /// Window: `day`, `week` or `month`: 1, 7 or 30 days that end today.
    window: String,
    /// Filter, such as `project:acme name:login*`. Empty: all failures.
    filter: String,
    /// Time zone, such as `Asia/Kathmandu`.
    tz: String,
    /// Token budget of the answer, up to 10000.
    tokens: u32,
}

impl Default for Errors {
    fn default() -> Self {
        Errors {
            window: Window::default().to_string(),
            filter: String::new(),
            tz: Zone::default().to_string(),
            tokens: budget::DEFAULT,
        }
    }
}

pub(super) fn answer(
    reader: &mut ActivityReader,
    arguments: &Errors,
    now: DateTime<Utc>,
) -> Result<String> {
    let zone: Zone = arguments.tz.parse()?;
    let filter = Filter::parse_in_zone(&arguments.filter, now, zone)?;
    let query = MetricsQuery::new(arguments.window.parse()?, now)
        .zone(zone)
        .filter(filter);
    let errors = reader.errors(&query, GROUPS)?;
    let when = stats::describe_window(errors.window, zone);
    let mut lines = Vec::new();
    lines.extend(
        errors
            .unknown
            .map(|unknown| format!("- {}\n", stats::describe_unknown(&unknown, zone))),
    );
    lines.extend(errors.groups.iter().map(group_line));
    if errors.others > 0 {
        lines.push(format!(
            "- {} errors in other groups: narrow the filter to see them\n",
            errors.others
        ));
    }
    let title = errors::summary(&errors, &when);
    Budget::new(arguments.tokens).fit(lines.len(), |count| {
        let mut text = format!("### {title} (times in UTC)\n");
        text.extend(lines.iter().take(count).map(String::as_str));
        match lines.len() - count {
            0 => {}
            rest => text.push_str(&format!("- {rest} more lines not shown\n")),
        }
        text
    })
}

fn group_line(group: &ErrorGroup) -> String {
    let mut parts = vec![
        format!("{} × {}", group.count, one_line(&group.name)),
        one_line(&errors::describe(group)),
        format!("last {}", line::time(group.last_seen)),
        match group.is_new {
            Some(true) => String::from("new"),
            _ => format!("since {}", line::time(group.first_seen)),
        },
        format!("fingerprint:{}", group.fingerprint),
    ];
    parts.extend(group.example.map(|id| format!("example {id}")));
    format!("- {}\n", parts.join(" · "))
}
