//! Records as lines of Markdown. Recorded text cannot break out of its line.

use chrono::{DateTime, Utc};
use tower_activity::{
    query::one_line,
    record::{ActivityRecord, EventRecord, Scope, Text},
};

use crate::print::status;

/// Formats an activity: `- 2026-02-18 09:30:12 · tool login · failed after 1.2 s · denied: no such user · project acme · ID`.
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

/// Formats an event: `- 2026-02-18 09:30:12 · event deployment · v3 live · project acme`.
pub(super) fn event(event: &EventRecord) -> String {
    let kind = part(&event.event_type);
    let mut parts = vec![time(event.at), format!("event {kind}")];
    if event.status != tower_activity::Status::Success {
        parts.push(event.status.to_string());
    }
    if event.count != 1 {
        parts.push(format!("count {}", event.count));
    }
    let texts = [&event.summary, &event.reference].into_iter().flatten();
    parts.extend(texts.map(|text| part(text)));
    parts.extend(scope(&event.scope));
    format!("- {}\n", parts.join(" · "))
}

/// Formats status and duration: `success after 1.2 s`, `running for 3.4 s`.
pub(super) fn ended(activity: &ActivityRecord, now: DateTime<Utc>) -> String {
    match activity.status {
        tower_activity::Status::Running => {
            format!("running for {}", status::elapsed(activity, now))
        }
        status if activity.duration_ns.is_none() => status.to_string(),
        status => format!("{status} after {}", status::elapsed(activity, now)),
    }
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Makes a text one part of a line. Its separators are replaced, so that it cannot forge another part.
fn part(text: &str) -> String {
    let text = one_line(text);
    let words = text
        .split(' ')
        .map(|word| if word == "·" { "‧" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Formats the known scopes: `project acme, actor ann`.
fn scope(scope: &Scope) -> Option<String> {
    let scopes: Vec<_> = names(scope)
        .filter_map(|(name, text)| Some(format!("{name} {}", part(text.as_deref()?))))
        .collect();
    Some(scopes.join(", ")).filter(|scopes| !scopes.is_empty())
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
