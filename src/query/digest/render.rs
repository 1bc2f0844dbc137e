//! A digest as Markdown, within a budget.

use super::{Digest, TokenBudget, one_line};
use crate::{
    error::{Error, Result},
    query::Zone,
    record::{EventRecord, Status},
    store::TypeCount,
};

const HEADING: &str = "### Recent activity\n\n";

impl Digest {
    /// What a prompt says instead of a digest when the log could not be read: no "no activity".
    pub const UNAVAILABLE: &str =
        "### Recent activity\n\n- unavailable: the activity log could not be read\n";

    /// True when nothing happened that was meant.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.types.is_empty()
    }

    /// The events one by one: a heading, then `- YYYY-MM-DD HH:MM · summary`, newest first; the last line says how
    /// many were left out. Empty where nothing happened.
    ///
    /// The same digest gives the same bytes. It is at most `tokens` long by [`count_tokens`](crate::query::count_tokens), whatever the texts are,
    /// and no text leaves its line.
    ///
    /// # Errors
    ///
    /// When there are not even tokens enough to say that something was left out (`is_invalid`).
    pub fn list(&self, tokens: usize) -> Result<String> {
        let zone = self.zone.parse().unwrap_or_default();
        let lines: Vec<_> = self.events.iter().map(|event| one(event, zone)).collect();
        let total = self.types.iter().map(|one| one.events).sum();
        fit(&lines, total, tokens)
    }

    /// A line for each type that says how many, `- 5 endpoints added today, 1 failed`, then what failed, newest first; the
    /// last line says how many lines were left out. Empty where nothing happened.
    ///
    /// # Errors
    ///
    /// When there are not even tokens enough to say that something was left out (`is_invalid`).
    pub fn grouped(&self, tokens: usize) -> Result<String> {
        let zone = self.zone.parse().unwrap_or_default();
        let types = self.types.iter().map(|one| counts(one, self.today));
        let failures = self.failures.iter().map(|event| one(event, zone));
        let lines: Vec<_> = types.chain(failures).collect();
        let failed: u64 = self.types.iter().map(|one| one.failed).sum();
        let total = (self.types.len() as u64).saturating_add(failed);
        fit(&lines, total, tokens)
    }
}

fn one(event: &EventRecord, zone: Zone) -> String {
    let at = zone.clock(event.at).format("%Y-%m-%d %H:%M");
    let status = match event.status {
        Status::Success => String::new(),
        other => format!("{other}: "),
    };
    let summary = event.summary.as_deref().map(one_line).unwrap_or_default();
    let said = match summary.as_str() {
        "" => words(&event.event_type),
        summary => summary.to_owned(),
    };
    format!("- {at} · {status}{said}\n")
}

fn counts(one: &TypeCount, today: bool) -> String {
    let today = if today { " today" } else { "" };
    let failed = match one.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!(
        "- {} {}{today}{failed}\n",
        one.count,
        words(&one.event_type)
    )
}

/// A type as words: `endpoints_added` is `endpoints added`.
fn words(event_type: &str) -> String {
    one_line(&event_type.replace('_', " "))
}

/// The heading, as many of the first lines as the budget has room for, and how many of all are left out.
fn fit(lines: &[String], total: u64, tokens: usize) -> Result<String> {
    if lines.is_empty() {
        return Ok(String::new());
    }
    let total = total.max(lines.len() as u64);
    let text = |count| {
        let rest = match total - count as u64 {
            0 => String::new(),
            rest => format!("- .. {rest} more left out\n"),
        };
        [HEADING, &lines[..count].concat(), &rest].concat()
    };
    TokenBudget::new(tokens).fit(lines.len(), text).ok_or_else(|| {
        Error::invalid(format!(
            "cannot fit a digest into {tokens} tokens: 40 are always enough to say that something was left out"
        ))
    })
}
