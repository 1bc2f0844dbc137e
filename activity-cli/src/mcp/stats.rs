//! `activity_stats`: counts, durations and failures.

use chrono::{DateTime, NaiveDate, Utc};
use clap::ValueEnum;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use tower_activity::{
    Error, ErrorKind, Result,
    query::{
        ActivityReader, Figures, MetricsQuery, Point, Ranked, Step, Unknown, Window, Zone, one_line,
    },
    store::{Dimension, Subject, TypeCount},
};

use super::budget::{self, Budget};
use crate::{args::By, print::human, stats};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stats {
    /// Window: `day`, `week` or `month`: 1, 7 or 30 days that end today.
    window: String,
    /// Rank by `project`, `agent`, `name`, `brand` or `type` (of events). Empty: a time series.
    by: String,
    /// Only this project. At most one of project, agent, name and brand.
    project: String,
    /// Only this agent.
    agent: String,
    /// Only this name, such as a tool's.
    name: String,
    /// Only this brand.
    brand: String,
    /// Time zone, such as `Asia/Kathmandu`.
    tz: String,
    /// Last day of the window, such as `2026-02-18`. Empty: today.
    at: String,
    /// Token budget of the answer, up to 10000.
    tokens: u32,
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            window: Window::default().to_string(),
            by: String::new(),
            project: String::new(),
            agent: String::new(),
            name: String::new(),
            brand: String::new(),
            tz: Zone::default().to_string(),
            at: String::new(),
            tokens: budget::DEFAULT,
        }
    }
}

pub(super) fn answer(
    reader: &mut ActivityReader,
    arguments: &Stats,
    now: DateTime<Utc>,
) -> Result<String> {
    let window: Window = arguments.window.parse()?;
    let zone: Zone = arguments.tz.parse()?;
    let at = match arguments.at.as_str() {
        "" => now,
        date => zone.start_of_day(date.parse::<NaiveDate>().map_err(|cause| {
            invalid(format!("{date:?} is not a date: write it as 2026-02-18")).with_source(cause)
        })?),
    };
    let by = match arguments.by.as_str() {
        "" => None,
        by => Some(By::from_str(by, false).map_err(|_| {
            invalid(format!(
                "cannot rank by {by:?}: use `project`, `agent`, `name`, `brand` or `type`"
            ))
        })?),
    };
    let subject = subject(arguments)?;
    let query = MetricsQuery::new(window, now).zone(zone).at(at);
    let when = stats::describe_window(window.ending_at(at, zone), zone);
    let budget = Budget::new(arguments.tokens);
    let (title, lines) = match by {
        Some(_) if subject != Subject::Overall => {
            return Err(invalid(format!(
                "cannot rank the activities of {subject}: leave out `by` or the restriction"
            )));
        }
        Some(by) => match stats::dimension(by) {
            Some(dimension) => {
                let ranking = reader.ranking(dimension, &query)?;
                let line =
                    |one: &Ranked| format!("- {}: {}\n", one_line(&one.id), short(&one.figures));
                let unknown = ranking.unknown.as_ref();
                let mut lines = unknown_line(unknown, zone);
                lines.extend(ranking.ranking.iter().map(line));
                (format!("By {}", dimension.as_str()), lines)
            }
            None => {
                let types = reader.event_types(&query)?;
                let mut lines = unknown_line(types.unknown.as_ref(), zone);
                lines.extend(types.types.iter().map(type_line));
                (String::from("Events by type"), lines)
            }
        },
        None => history(reader, query, subject, window, zone)?,
    };
    fit_lines(budget, &format!("{title}, {when}"), &lines)
}

/// Formats the totals of a window and its steps, without those in which nothing happened.
fn history(
    reader: &mut ActivityReader,
    query: MetricsQuery,
    subject: Subject,
    window: Window,
    zone: Zone,
) -> Result<(String, Vec<String>)> {
    let (step, format) = match window {
        Window::Day => (Step::Hour, "%H:%M"),
        _ => (Step::Day, "%a %d %b"),
    };
    let title = match &subject {
        Subject::Overall => "All activities".to_owned(),
        one => one_line(&format!("Activities of {one}")),
    };
    let metrics = reader.metrics(&query.step(step).subject(subject))?;
    // Newest first: the budget leaves out the oldest.
    let steps = metrics.history.iter().rev();
    let busy = steps.filter(|one| one.figures.count.is_some_and(|count| count > 0));
    let line = |one: &Point| {
        let start = zone.clock(one.period.start).format(format);
        format!("- {start}: {}\n", short(&one.figures))
    };
    let mut lines = unknown_line(metrics.unknown.as_ref(), zone);
    if lines.is_empty() {
        lines.push(format!("- total: {}\n", long(&metrics.current)));
    }
    lines.extend(busy.map(line));
    Ok((title, lines))
}

/// Formats the part of a window that is not known, if any.
fn unknown_line(unknown: Option<&Unknown>, zone: Zone) -> Vec<String> {
    let unknown = unknown.into_iter();
    unknown
        .map(|unknown| format!("- {}\n", stats::describe_unknown(unknown, zone)))
        .collect()
}

fn fit_lines(budget: Budget, title: &str, lines: &[String]) -> Result<String> {
    if lines.is_empty() {
        return Ok(format!("{title}: none.\n"));
    }
    budget.fit(lines.len(), |count| {
        let rest = match lines.len() - count {
            0 => String::new(),
            rest => format!("- {rest} more lines not shown\n"),
        };
        format!("### {title}\n{}{rest}", lines[..count].concat())
    })
}

fn subject(arguments: &Stats) -> Result<Subject> {
    let named = [
        (Dimension::Project, &arguments.project),
        (Dimension::Agent, &arguments.agent),
        (Dimension::Name, &arguments.name),
        (Dimension::Brand, &arguments.brand),
    ];
    let mut named = named
        .into_iter()
        .filter(|(_, id)| !id.is_empty())
        .map(|(dimension, id)| Subject::One(dimension, id.into()));
    match (named.next(), named.next()) {
        (one, None) => Ok(one.unwrap_or(Subject::Overall)),
        (Some(one), Some(other)) => Err(invalid(format!(
            "cannot combine {one} and {other}: use one of them"
        ))),
        (None, Some(other)) => Ok(other),
    }
}

/// Formats what the events of a type did, then the events that did nothing, by status.
fn type_line(one: &TypeCount) -> String {
    let others = [
        (one.failed, "failed"),
        (one.running, "in progress"),
        (one.cancelled, "cancelled"),
        (one.skipped, "skipped"),
        (one.abandoned, "abandoned"),
    ];
    let others = others.into_iter().filter(|(events, _)| *events > 0);
    let others: String = others
        .map(|(events, what)| format!(", {} {what}", human::count(events)))
        .collect();
    let name = one_line(&one.event_type);
    let events = human::many(one.events, "event", "events");
    format!(
        "- {name}: {} done, {events}{others}\n",
        human::count(one.count)
    )
}

/// Formats the figures of a step or a ranked item.
fn short(figures: &Figures) -> String {
    let p95 = figures
        .p95_ns
        .map(|ns| format!(", p95 {}", human::duration(ns)));
    let count = match figures.count {
        Some(count) => human::many(count, "activity", "activities"),
        None => String::from("unknown"),
    };
    let failed = counted(figures.failed, "failed");
    format!("{count}{failed}{}", p95.unwrap_or_default())
}

/// Formats the figures of a window.
fn long(figures: &Figures) -> String {
    let mut text = short(figures);
    let more = [
        ("p50", figures.p50_ns),
        ("p99", figures.p99_ns),
        ("mean", figures.mean_ns),
        ("longest", figures.max_ns),
        ("mean gap between turns", figures.mean_turn_ns),
    ];
    for (name, ns) in more {
        text.extend(ns.map(|ns| format!(", {name} {}", human::duration(ns))));
    }
    text.push_str(&counted(figures.cancelled, "cancelled"));
    match (figures.turns, figures.active_agents) {
        (Some(turns), Some(agents)) if turns > 0 => {
            let (turns, agents) = (human::count(turns), human::count(agents));
            text.push_str(&format!(", {turns} turns of {agents} active agents"));
        }
        (None, _) => text.push_str(", turns unknown"),
        _ => {}
    }
    text
}

/// Formats a number other than 0, after a comma.
fn counted(number: Option<u64>, what: &str) -> String {
    match number {
        None | Some(0) => String::new(),
        Some(number) => format!(", {} {what}", human::count(number)),
    }
}

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::Invalid, what)
}
