//! Digests as Markdown, within a token budget.

use super::{Digest, TokenBudget, one_line, phrase::counted};
use crate::{
    error::{Error, Result},
    query::Zone,
    record::{EventRecord, Status},
    store::TypeCount,
};

const HEADING: &str = "### Recent activity\n";

impl Digest {
    /// Replaces a digest in a prompt if the log could not be read. It never reads as "no activity".
    pub const UNAVAILABLE: &str =
        "### Recent activity\n- unavailable: the activity log could not be read\n";

    /// Returns true if no event matched.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.types.is_empty()
    }

    /// Renders the events: the heading `### Recent activity`, on the next lines `- YYYY-MM-DD HH:MM · summary`, newest first, and
    /// if events were left out their number, `- 3 more not shown`. Empty if no event matched.
    ///
    /// The output is deterministic. It has at most `tokens` tokens by [`count_tokens`](crate::query::count_tokens), and no text
    /// breaks out of its line.
    ///
    /// # Errors
    ///
    /// If `tokens` is too small even for the line about left-out events (`is_invalid`).
    pub fn list(&self, tokens: usize) -> Result<String> {
        let zone = self.zone.parse().unwrap_or_default();
        let lines: Vec<_> = self
            .events
            .iter()
            .map(|event| event_line(event, zone))
            .collect();
        let total = self.types.iter().map(|one| one.events).sum();
        fit(&lines, total, tokens)
    }

    /// Renders a line per type, `- 5 endpoints added today, 1 attempt failed`, then the failed events, newest first; the last line
    /// has the number of lines left out. Empty if no event matched.
    ///
    /// The first number is what was done: the [`count`](TypeCount::count) of successful events. The others are numbers of events.
    ///
    /// # Errors
    ///
    /// If `tokens` is too small even for the line about left-out events (`is_invalid`).
    pub fn grouped(&self, tokens: usize) -> Result<String> {
        let zone = self.zone.parse().unwrap_or_default();
        let types = self.types.iter().map(|one| type_line(one, self.today));
        let failures = self.failures.iter().map(|event| event_line(event, zone));
        let lines: Vec<_> = types.chain(failures).collect();
        let failed = self.types.iter().map(|one| one.failed);
        let failed = failed.fold(0, u64::saturating_add);
        let total = (self.types.len() as u64).saturating_add(failed);
        fit(&lines, total, tokens)
    }
}

fn event_line(event: &EventRecord, zone: Zone) -> String {
    let at = zone.clock(event.at).format("%Y-%m-%d %H:%M");
    let status = match event.status {
        Status::Success => String::new(),
        other => format!("{other}: "),
    };
    let summary = event.summary.as_deref().map(one_line).unwrap_or_default();
    let text = match summary.as_str() {
        "" => words(&event.event_type),
        summary => summary.to_owned(),
    };
    format!("- {at} · {status}{text}\n")
}

/// Formats what was done, then the events that did nothing, by status.
fn type_line(one: &TypeCount, today: bool) -> String {
    let today = if today { " today" } else { "" };
    let failed = match one.failed {
        1 => "attempt failed",
        _ => "attempts failed",
    };
    let others = [
        (one.failed, failed),
        (one.running, "in progress"),
        (one.cancelled, "cancelled"),
        (one.skipped, "skipped"),
        (one.abandoned, "abandoned"),
    ];
    let others = others.into_iter().filter(|(events, _)| *events > 0);
    let others: String = others
        .map(|(events, what)| format!(", {events} {what}"))
        .collect();
    let done = counted(one.count, &one.event_type);
    format!("- {done}{today}{others}\n")
}

/// Converts a type to words: `endpoints_added` to `endpoints added`.
fn words(event_type: &str) -> String {
    one_line(&event_type.replace('_', " "))
}

/// Renders the heading, as many of the first lines as fit the budget, and the number of those left out.
fn fit(lines: &[String], total: u64, tokens: usize) -> Result<String> {
    if lines.is_empty() {
        return Ok(String::new());
    }
    let total = total.max(lines.len() as u64);
    let text = |count| {
        let rest = match total - count as u64 {
            0 => String::new(),
            rest => format!("- {rest} more not shown\n"),
        };
        [HEADING, &lines[..count].concat(), &rest].concat()
    };
    TokenBudget::new(tokens)
        .fit(lines.len(), text)
        .ok_or_else(|| {
            Error::invalid(format!(
                "cannot fit a digest into {tokens} tokens · use at least 40"
            ))
        })
}
