//! Losses: what was not recorded, and why, summed over all instances.

use chrono::{SecondsFormat, Utc};
use tower_activity::{
    notify::WebhookStatus,
    store::{Accounting, Health, InstanceHealth, RecordCounts, TargetHealth},
};

use crate::{
    print::{human, safe},
    webhooks,
};

type Kind = fn(&Accounting) -> &RecordCounts;
type Count = fn(&RecordCounts) -> u64;

/// The kinds of records, in the singular and the plural, with their counts.
const KINDS: [(&str, &str, Kind); 3] = [
    ("activity", "activities", |of| &of.activities),
    ("event", "events", |of| &of.events),
    ("recording step", "recording steps", |of| &of.recordings),
];

/// Reasons why a record is not in the store.
const REASONS: [(Count, &str); 6] = [
    (
        |of| of.rejected_memory,
        "rejected: the memory limit was reached",
    ),
    (|of| of.rejected_closed, "rejected: the log was shut down"),
    (
        |of| of.rejected_type,
        "rejected: the type is invalid or not on the log's list",
    ),
    (
        |of| of.rejected_limit,
        "rejected: log lines beyond the limit per activity, or after its end",
    ),
    (|of| of.lost_refused, "lost: the store refused them"),
    (
        |of| of.lost_shutdown,
        "lost: not committed before the deadline of a shutdown",
    ),
];

/// Reports losses and activities that were left open. These are not errors of the store, which counts them.
pub(super) fn notes(health: &Health) -> Vec<String> {
    // Another program may have written any number.
    let sum = |count: &dyn Fn(&Accounting) -> u64| {
        let counts = health.instances.iter().map(|one| count(&one.accounting));
        counts.fold(0, u64::saturating_add)
    };
    let losses = KINDS.into_iter().flat_map(|(one, many, kind)| {
        REASONS.map(|(count, what)| (sum(&|of| count(kind(of))), one, many, what))
    });
    let others = [
        (sum(&|of| of.not_durable), "answered before the commit"),
        (
            sum(&|of| of.late_ends),
            "ended after being marked abandoned",
        ),
        (
            sum(&|of| of.redactor_panics),
            "without payload preview: the redactor panicked",
        ),
        (health.abandoned, "abandoned: running when the process died"),
    ];
    let others = others.map(|(count, what)| (count, "activity", "activities", what));
    losses
        .chain(others)
        .filter(|(count, ..): &(u64, _, _, _)| *count > 0)
        .map(|(count, one, many, what)| format!("{} {what}", human::many(count, one, many)))
        .chain(crashed(&health.instances))
        .chain(health.targets.iter().flat_map(of_target))
        .chain(super::clock::notes(health, Utc::now()))
        .collect()
}

/// Reports crashed processes, whose counts are as of their last commit.
pub(super) fn crashed(instances: &[InstanceHealth]) -> Option<String> {
    let mut crashed = instances
        .iter()
        .filter(|one| !one.alive && one.stopped_at.is_none());
    let newest = crashed.next()?;
    let known = match newest.saved_at {
        Some(at) => format!(
            "its counts are as of its last commit ({}); what followed is unknown",
            at.to_rfc3339_opts(SecondsFormat::Millis, true)
        ),
        None => "it committed nothing; what it did is unknown".to_owned(),
    };
    let others = match crashed.count() as u64 {
        0 => String::new(),
        others => format!(
            "; {} before it, too",
            human::many(others, "other", "others")
        ),
    };
    Some(format!("process {} crashed: {known}{others}", newest.pid))
}

/// Reports why a target is behind, and what was deleted before it was forwarded.
fn of_target(target: &TargetHealth) -> impl Iterator<Item = String> {
    let name = &target.name;
    let error = target.error.as_ref().map(|error| {
        let since = target.error_since.map(|at| human::ago(at, Utc::now()));
        let since = since.map(|since| format!(" ({since})"));
        format!(
            "cannot forward to {name}: {error}{} · its records are kept until they are forwarded; if the address is wrong: `activity forward \
             --to {name} --forget`",
            since.unwrap_or_default()
        )
    });
    let lost = (target.lost_not_forwarded > 0).then(|| {
        let count = human::many(target.lost_not_forwarded, "record", "records");
        format!("{count} deleted before they were forwarded to {name}")
    });
    error.into_iter().chain(lost)
}

/// Reports the failure and the dead letters of a webhook.
pub(super) fn of_webhook(webhook: &WebhookStatus) -> impl Iterator<Item = String> {
    let name = safe::line(&webhook.name);
    let failure = webhooks::failure(webhook, Utc::now());
    let failure = failure.map(|what| format!("webhook {name}: {}", safe::line(&what)));
    let dead = (webhook.dead_letters > 0).then(|| {
        let count = human::many(webhook.dead_letters, "dead letter", "dead letters");
        format!("{count} of webhook {name}: see `activity webhooks dead`")
    });
    failure.into_iter().chain(dead)
}
