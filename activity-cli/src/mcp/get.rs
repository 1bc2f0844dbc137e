//! `get_activity`: everything recorded about one activity.

use chrono::{DateTime, Utc};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use tower_activity::{
    Error, ErrorKind, Result,
    query::{ActivityReader, one_line},
    record::{ActivityRecord, Filter, Preview, TreeLayout},
};

use super::{
    budget::{self, Budget},
    line,
};
use crate::{
    print::{human, status, tree},
    short_id,
};

/// Maximum number of events in an answer.
const EVENTS: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Get {
    /// Activity ID or unique prefix.
    id: String,
    /// Token budget of the answer, up to 10000.
    #[serde(default = "tokens")]
    tokens: u32,
}

fn tokens() -> u32 {
    budget::DEFAULT
}

pub(super) fn answer(
    reader: &mut ActivityReader,
    arguments: &Get,
    now: DateTime<Utc>,
) -> Result<String> {
    let id = short_id::resolve(reader, &arguments.id)?;
    let gone = || Error::new(ErrorKind::NotFound, format!("activity {id} is gone"));
    let activity = reader.activity(id)?.ok_or_else(gone)?;
    let mut tree = reader.tree(activity.root)?;
    let events = reader.events_of(id, EVENTS)?;
    let root_cause = reader.root_cause(&activity, &Filter::default())?;

    let mut lines = details(&activity, now);
    lines.extend(cause(&activity, &root_cause, now));
    lines.extend(payload("input", activity.input.as_ref()));
    lines.extend(payload("output", activity.output.as_ref()));
    lines.extend(events.iter().map(line::event));
    if tree.len() > 1 {
        lines.push("- tree:\n".into());
        let cause = root_cause.last().map(|cause| cause.id);
        let folded = tree::fold(&mut tree, &[Some(id), cause]);
        lines.extend(TreeLayout::new(&tree).map(|branch| {
            let one = branch.activity;
            let this = if one.id == id { " ← this one" } else { "" };
            let name = one_line(&one.name);
            let ended = match folded.repeats.get(&one.id) {
                Some(repeats) => format!("{} like this, {repeats}", repeats.count),
                None => line::ended(one, now),
            };
            format!("    {}{name}: {ended}{this}\n", branch.prefix)
        }));
        if folded.hidden > 0 {
            lines.push(format!(
                "    … {} more, {} failed\n",
                folded.hidden, folded.hidden_failed
            ));
        }
    }
    Budget::new(arguments.tokens).fit(lines.len(), |count| {
        let mut text = format!("### {} {}\n", activity.kind, one_line(&activity.name));
        text.extend(lines.iter().take(count).map(String::as_str));
        match lines.len() - count {
            0 => {}
            rest => text.push_str(&format!("- {rest} more lines not shown\n")),
        }
        text
    })
}

fn details(activity: &ActivityRecord, now: DateTime<Utc>) -> Vec<String> {
    let scope = &activity.scope;
    let attributes = match activity.attributes.is_empty() {
        true => None,
        false => serde_json::to_string(&activity.attributes).ok(),
    };
    let facts = [
        ("id", Some(activity.id.to_string())),
        ("status", Some(line::ended(activity, now))),
        ("error", activity.error_type.as_deref().map(str::to_owned)),
        ("message", activity.message.as_deref().map(str::to_owned)),
        ("started", Some(line::time(activity.started_at) + " UTC")),
        ("parent", activity.parent.map(|parent| parent.to_string())),
        ("project", scope.project.as_deref().map(str::to_owned)),
        ("agent", scope.agent.as_deref().map(str::to_owned)),
        ("actor", scope.actor.as_deref().map(str::to_owned)),
        ("brand", scope.brand.as_deref().map(str::to_owned)),
        (
            "environment",
            scope.environment.as_deref().map(str::to_owned),
        ),
        ("session", scope.session.as_deref().map(str::to_owned)),
        ("request", scope.request.as_deref().map(str::to_owned)),
        ("attributes", attributes),
    ];
    let known = facts.into_iter().filter_map(|(name, text)| {
        let text = text?;
        Some(format!("- {name}: {}\n", one_line(&text)))
    });
    known.collect()
}

/// Formats the root cause, unless it is the activity itself:
/// `- root cause: charge failed after 1.2 s · http_402: declined · ID · within checkout`.
fn cause(activity: &ActivityRecord, path: &[ActivityRecord], now: DateTime<Utc>) -> Option<String> {
    let cause = path.last().filter(|cause| cause.id != activity.id)?;
    let mut parts = vec![
        format!("{} {}", one_line(&cause.name), line::ended(cause, now)),
        one_line(&status::error(cause)),
        cause.id.to_string(),
    ];
    let between = path
        .iter()
        .filter(|one| ![activity.id, cause.id].contains(&one.id));
    let between: Vec<_> = between.map(|one| one_line(&one.name)).collect();
    if !between.is_empty() {
        parts.push(format!("within {}", between.join(" › ")));
    }
    Some(format!("- root cause: {}\n", parts.join(" · ")))
}

fn payload(name: &str, preview: Option<&Preview>) -> Option<String> {
    let preview = preview?;
    let text = one_line(&preview.text);
    Some(format!("- {name} ({}): {text}\n", human::payload(preview)))
}
