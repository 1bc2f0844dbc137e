//! Records as lines of Markdown, out of which nothing that stands in them can break.

use chrono::{DateTime, Utc};
use tower_activity::{
    query::one_line,
    record::{ActivityRecord, EventRecord, Scope, Text},
};

use crate::print::status;

/// An activity: `- 2026-02-18 09:30:12 · tool login · failed after 1.2 s · denied: no such user · project acme · ID`.
pub(super) fn activity(activity: &ActivityRecord, digits: usize, now: DateTime<Utc>) -> String {
    let mut parts = vec![
        time(activity.started_at),
        format!("{} {}", activity.kind, part(&activity.name)),
        ended(activity, now),
    ];
    parts.extend(Some(part(&status::error(activity))).filter(|error| !error.is_empty()));
    parts.extend(scope(&activity.scope));
    let id = activity.id.to_string();
    parts.push(id.get(..digits).unwrap_or(&id).to_owned());
    format!("- {}\n", parts.join(" · "))
}

/// An event: `- 2026-02-18 09:30:12 · event deployment · v3 live · project acme`.
pub(super) fn event(event: &EventRecord) -> String {
    let kind = part(&event.event_type);
    let mut parts = vec![time(event.at), format!("event {kind}")];
    if event.status != tower_activity::Status::Success {
        parts.push(event.status.to_string());
    }
    if event.count != 1 {
        parts.push(format!("{} of them", event.count));
    }
    let texts = [&event.summary, &event.reference].into_iter().flatten();
    parts.extend(texts.map(|text| part(text)));
    parts.extend(scope(&event.scope));
    format!("- {}\n", parts.join(" · "))
}

/// How it stands or ended: `success after 1.2 s`.
pub(super) fn ended(activity: &ActivityRecord, now: DateTime<Utc>) -> String {
    match activity.status {
        tower_activity::Status::Running => {
            format!("running for {}", status::took(activity, now))
        }
        ended if activity.duration_ns.is_none() => ended.to_string(),
        ended => format!("{ended} after {}", status::took(activity, now)),
    }
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A text as one part of a line: what stands between parts is no word of it, so that nobody makes up another part.
fn part(text: &str) -> String {
    let text = one_line(text);
    let words = text
        .split(' ')
        .map(|word| if word == "·" { "‧" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// For whom it was, where that is known.
fn scope(scope: &Scope) -> Option<String> {
    let named: Vec<_> = names(scope)
        .filter_map(|(name, text)| Some(format!("{name} {}", part(text.as_deref()?))))
        .collect();
    Some(named.join(", ")).filter(|named| !named.is_empty())
}

fn names(scope: &Scope) -> impl Iterator<Item = (&'static str, &Option<Text>)> {
    [
        ("project", &scope.project),
        ("agent", &scope.agent),
        ("actor", &scope.actor),
        ("brand", &scope.brand),
    ]
    .into_iter()
}
