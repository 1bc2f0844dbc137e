//! `activity show`: one activity, its error first, with its events, recordings and tree.

use std::io;

use anstyle::Style;
use chrono::{DateTime, SecondsFormat, Utc};
use tower_activity::{
    query::ActivityDetails,
    record::{ActivityRecord, EventRecord, Preview, Text},
};

use crate::{
    args::Show,
    failure::Failure,
    newest,
    print::{
        self, human, json, safe,
        status::{self, BOLD, DIM, elapsed, named, styled},
        tree,
    },
    recording, serve, source,
};

pub(crate) fn run(store: &str, args: &Show) -> Result<(), Failure> {
    let mut reader = source::open(store)?;
    let id = newest::activity(&mut reader, &args.id)?;
    if args.web {
        return serve::page(store, &format!("activity?id={id}"));
    }
    // Its process may have ended it between the two queries; that does not delete it.
    let details = reader.details(id)?;
    let details = details.ok_or_else(|| io::Error::other(format!("activity {id} is gone")))?;
    if args.json {
        return Ok(json::line(&mut io::stdout().lock(), &details)?);
    }
    let now = Utc::now();
    let mut text = failure(&details.activity);
    root_cause(&mut text, &details, now);
    facts(&mut text, &details.activity, now);
    events(&mut text, &details.activity, &details.events);
    recording::list(&mut text, &details.activity, &details.recordings);
    if details.tree.len() > 1 {
        text.push_str(&format!("\n{}\n", styled(DIM, "TREE")));
        let cause = details.root_cause.last().map(|cause| cause.id);
        text.push_str(&tree::render(details.tree, id, cause, now, print::width()));
    }
    // Last, because they may be long.
    preview(&mut text, "INPUT", details.activity.input.as_ref());
    preview(&mut text, "OUTPUT", details.activity.output.as_ref());
    Ok(print::text(&text)?)
}

/// Formats the name, the status and what went wrong.
fn failure(activity: &ActivityRecord) -> String {
    let style = status::style(activity.status);
    let mut out = format!(
        "{} {}  {}\n",
        styled(style, status::sign(activity.status)),
        styled(BOLD, &safe::line(&named(&activity.name))),
        styled(style, activity.status.as_str()),
    );
    let texts = [activity.error_type.as_deref(), activity.message.as_deref()];
    for line in texts.into_iter().flatten().flat_map(safe::lines) {
        out.push_str(&indented(2, style, &line));
    }
    out
}

fn facts(out: &mut String, activity: &ActivityRecord, now: DateTime<Utc>) {
    out.push('\n');
    let started = activity
        .started_at
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let scope = &activity.scope;
    let some = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let parent = activity.parent.map(|parent| parent.to_string());
    let facts = [
        ("id", Some(activity.id.to_string())),
        ("kind", Some(activity.kind.to_string())),
        (
            "started",
            Some(format!(
                "{started} ({})",
                human::ago(activity.started_at, now)
            )),
        ),
        ("duration", Some(elapsed(activity, now))),
        ("parent", parent),
        ("project", some(&scope.project)),
        ("agent", some(&scope.agent)),
        ("actor", some(&scope.actor)),
        ("brand", some(&scope.brand)),
        ("environment", some(&scope.environment)),
        ("session", some(&scope.session)),
        ("request", some(&scope.request)),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            out.push_str(&fact(name, &value));
        }
    }
    attributes(out, activity);
}

/// Adds the deepest failure that came first, with the path to it, unless it is the activity itself.
fn root_cause(out: &mut String, details: &ActivityDetails, now: DateTime<Utc>) {
    let path = &details.root_cause;
    let Some(cause) = path.last().filter(|cause| cause.id != details.activity.id) else {
        return;
    };
    let style = status::style(cause.status);
    out.push_str(&format!("\n{}\n", styled(DIM, "ROOT CAUSE")));
    out.push_str(&format!(
        "  {} {}  {} {}\n",
        styled(style, status::sign(cause.status)),
        styled(BOLD, &safe::line(&named(&cause.name))),
        elapsed(cause, now),
        styled(DIM, &cause.id.to_string()),
    ));
    let texts = [cause.error_type.as_deref(), cause.message.as_deref()];
    for line in texts.into_iter().flatten().flat_map(safe::lines) {
        out.push_str(&indented(4, style, &line));
    }
    let above = path.iter().rev().skip(1).rev();
    let above: Vec<_> = above
        .filter(|one| one.id != details.activity.id)
        .map(|one| safe::line(&named(&one.name)))
        .collect();
    if !above.is_empty() {
        out.push_str(&fact("within", &above.join(" › ")));
    }
}

/// Width of the label column: that of `environment`.
const LABEL_WIDTH: usize = 12;
/// Maximum width of the label column of attributes; longer names overflow.
const MAX_LABEL_WIDTH: usize = 32;

fn fact(name: &str, value: &str) -> String {
    labelled(LABEL_WIDTH, name, value)
}

fn labelled(width: usize, name: &str, value: &str) -> String {
    let columns = 2 + width.max(safe::width(name)) + 1;
    let name = styled(DIM, &format!("{name:<width$}"));
    let value = print::wrapped_after(columns, &safe::line(value), 2 + width + 1);
    format!("  {name} {value}\n")
}

/// Formats a line, indented, and broken to the width of the terminal.
fn indented(by: usize, style: Style, line: &str) -> String {
    let line = print::wrapped_after(by, line, by);
    format!("{}{}\n", " ".repeat(by), styled(style, &line))
}

fn attributes(out: &mut String, activity: &ActivityRecord) {
    if activity.attributes.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", styled(DIM, "ATTRIBUTES")));
    let longest = activity
        .attributes
        .keys()
        .map(|key| key.chars().count())
        .max();
    let width = longest.unwrap_or(0).clamp(LABEL_WIDTH, MAX_LABEL_WIDTH);
    for (key, value) in &activity.attributes {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        out.push_str(&labelled(width, &safe::line(key), &value));
    }
    if activity.truncated {
        out.push_str(&fact("…", "more were set than the limit allows"));
    }
}

/// Maximum number of events; `--json` has all of them.
const MAX_EVENTS: usize = 50;
/// Maximum number of characters of an event's data.
const MAX_DATA: usize = 80;

fn events(out: &mut String, activity: &ActivityRecord, events: &[EventRecord]) {
    if events.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", styled(DIM, "EVENTS")));
    let hidden = events.len().saturating_sub(MAX_EVENTS);
    if hidden > 0 {
        let before = format!("  … {hidden} earlier events: use --json to get all of them");
        out.push_str(&format!("{}\n", styled(DIM, &before)));
    }
    for event in &events[hidden..] {
        let after = human::duration(human::since(activity.started_at, event.at));
        let sign = format!(
            "{} {}",
            status::sign(event.status),
            safe::line(&event.event_type)
        );
        let count = match event.count {
            1 => String::new(),
            count => format!(" ({})", human::count(count)),
        };
        let summary = event.summary.as_deref().map(safe::line);
        let summary = summary.map(|text| format!("  {text}")).unwrap_or_default();
        // Behind the time.
        let (at, rest) = (2 + 10 + 2, format!("{count}{summary}{}", data(event)));
        let rest = print::wrapped_after(at + safe::width(&sign), &rest, at);
        out.push_str(&format!(
            "  {}  {}{rest}\n",
            styled(DIM, &format!("{:>10}", format!("+{after}"))),
            styled(status::style(event.status), &sign),
        ));
    }
}

/// Formats the data of an event, truncated; `--json` has all of it. For a log line: its level, unless INFO, and its fields.
fn data(event: &EventRecord) -> String {
    let Some(serde_json::Value::Object(data)) = &event.data else {
        return String::new();
    };
    let line = data.get("fields").and_then(|fields| fields.as_object());
    let level = data.get("level").and_then(|level| level.as_str());
    let level = level.filter(|level| line.is_some() && *level != "INFO");
    let mut text = level.map(|level| format!("  {level}")).unwrap_or_default();
    for (key, value) in line.unwrap_or(data) {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("  {key}={value}"));
    }
    if text.chars().count() > MAX_DATA {
        text = text.chars().take(MAX_DATA).chain(['…']).collect();
    }
    safe::line(&text)
}

fn preview(out: &mut String, title: &str, preview: Option<&Preview>) {
    let Some(preview) = preview else { return };
    let size = format!("{title} ({})", human::payload(preview));
    out.push_str(&format!("\n{}\n", styled(DIM, &size)));
    let json: Option<serde_json::Value> = serde_json::from_str(&preview.text).ok();
    let pretty = json.and_then(|json| serde_json::to_string_pretty(&json).ok());
    for line in safe::lines(pretty.as_ref().unwrap_or(&preview.text)) {
        out.push_str(&format!("  {line}\n"));
    }
}
