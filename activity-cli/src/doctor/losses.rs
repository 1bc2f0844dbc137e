//! What was not recorded, and why: the counters of all instances.

use chrono::{SecondsFormat, Utc};
use tower_activity::{
    notify::WebhookStatus,
    store::{Accounting, Health, InstanceHealth, RecordCounts},
};

use crate::{
    print::{human, safe},
    webhooks,
};

type Kind = fn(&Accounting) -> &RecordCounts;
type Count = fn(&RecordCounts) -> u64;

/// The kinds of records, and where those of an instance went.
const KINDS: [(&str, &str, Kind); 3] = [
    ("activity", "activities", |of| &of.activities),
    ("event", "events", |of| &of.events),
    ("step of a recording", "steps of recordings", |of| {
        &of.recordings
    }),
];

/// Why a record of any kind is not in the store.
const REASONS: [(Count, &str); 6] = [
    (
        |of| of.rejected_memory,
        "not recorded: the memory bound was reached",
    ),
    (
        |of| of.rejected_closed,
        "not recorded: the log was shut down already",
    ),
    (
        |of| of.rejected_type,
        "not recorded: the type is none, or not on the log's list",
    ),
    (
        |of| of.rejected_limit,
        "not recorded: log lines beyond what an activity takes, or after its end",
    ),
    (|of| of.lost_refused, "lost: refused by the store"),
    (
        |of| of.lost_shutdown,
        "lost: not in the store before the deadline of a shutdown",
    ),
];

/// What was lost or left open: the store is whole, and tells what it does not have.
pub(super) fn notes(health: &Health) -> Vec<String> {
    let all = || health.instances.iter().map(|one| &one.accounting);
    let lost = KINDS.into_iter().flat_map(|(one, many, kind)| {
        REASONS.map(|(count, what)| (all().map(|of| count(kind(of))).sum(), one, many, what))
    });
    let others = [
        (
            all().map(|of| of.not_durable).sum(),
            "answered before they were committed",
        ),
        (
            all().map(|of| of.late_ends).sum(),
            "ended after being written as abandoned",
        ),
        (
            all().map(|of| of.redactor_panics).sum(),
            "without payload: the redactor panicked",
        ),
        (
            health.abandoned,
            "open when the process died: listed as abandoned",
        ),
    ];
    let others = others.map(|(count, what)| (count, "activity", "activities", what));
    lost.chain(others)
        .filter(|(count, ..): &(u64, _, _, _)| *count > 0)
        .map(|(count, one, many, what)| format!("{} {what}", human::many(count, one, many)))
        .chain(died(&health.instances))
        .chain(crate::clock::notes(health, Utc::now()))
        .collect()
}

/// What nobody knows of those that died: their numbers are as of their last commit.
pub(super) fn died(instances: &[InstanceHealth]) -> Option<String> {
    let mut died = instances
        .iter()
        .filter(|one| !one.alive && one.stopped_at.is_none());
    let newest = died.next()?;
    let known = match newest.saved_at {
        Some(at) => format!(
            "its numbers are as of its last commit ({}), what it did after that is unknown",
            at.to_rfc3339_opts(SecondsFormat::Millis, true)
        ),
        None => "it committed nothing, what it did is unknown".to_owned(),
    };
    let others = match died.count() as u64 {
        0 => String::new(),
        others => format!(
            "; so did {} before it",
            human::many(others, "other", "others")
        ),
    };
    Some(format!("process {} died: {known}{others}", newest.pid))
}

/// What its receiver does not take.
pub(super) fn of_webhook(webhook: &WebhookStatus) -> impl Iterator<Item = String> {
    let name = safe::line(&webhook.name);
    let trouble = webhooks::trouble(webhook, Utc::now());
    let trouble = trouble.map(|what| format!("webhook {name}: {}", safe::line(&what)));
    let aside = (webhook.dead_letters > 0).then(|| {
        let count = human::many(webhook.dead_letters, "record was", "records were");
        format!("{count} set aside for webhook {name}: see `activity webhooks dead`")
    });
    trouble.into_iter().chain(aside)
}
