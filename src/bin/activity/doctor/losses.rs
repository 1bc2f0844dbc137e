//! What was not recorded, and why: the counters of all instances.

use chrono::{SecondsFormat, Utc};
use tower_activity::{
    notify::WebhookStatus,
    store::{Health, InstanceHealth},
};

use crate::{
    print::{human, safe},
    webhooks,
};

/// What was lost or left open: the store is whole, and tells what it does not have.
pub(super) fn notes(health: &Health) -> Vec<String> {
    let sum = |of: fn(&InstanceHealth) -> u64| health.instances.iter().map(of).sum::<u64>();
    let counts = [
        (
            sum(|i| i.accounting.rejected_memory),
            "not recorded: the memory bound was reached",
        ),
        (
            sum(|i| i.accounting.rejected_closed),
            "not recorded: the log was shut down already",
        ),
        (
            sum(|i| i.accounting.lost_refused),
            "lost: refused by the store",
        ),
        (
            sum(|i| i.accounting.lost_shutdown),
            "lost: not in the store before the deadline of a shutdown",
        ),
        (
            sum(|i| i.accounting.not_durable),
            "answered before they were committed",
        ),
        (
            sum(|i| i.accounting.late_ends),
            "ended after being written as abandoned",
        ),
        (
            sum(|i| i.accounting.redactor_panics),
            "without payload: the redactor panicked",
        ),
        (
            health.abandoned,
            "open when the process died: listed as abandoned",
        ),
    ];
    let of_events = [
        (
            sum(|i| i.accounting.events.rejected_memory),
            "not recorded: the memory bound was reached",
        ),
        (
            sum(|i| i.accounting.events.rejected_closed),
            "not recorded: the log was shut down already",
        ),
        (
            sum(|i| i.accounting.events.rejected_type),
            "not recorded: the type is none, or not on the log's list",
        ),
        (
            sum(|i| i.accounting.events.rejected_limit),
            "not recorded: log lines beyond what an activity takes, or after its end",
        ),
        (
            sum(|i| i.accounting.events.lost_refused),
            "lost: refused by the store",
        ),
        (
            sum(|i| i.accounting.events.lost_shutdown),
            "lost: not in the store before the deadline of a shutdown",
        ),
    ];
    let died = died(&health.instances);
    let counts = counts.map(|(count, what)| (count, "activity", "activities", what));
    let of_events = of_events.map(|(count, what)| (count, "event", "events", what));
    let told = counts.into_iter().chain(of_events);
    let clocks = crate::clock::notes(health, Utc::now());
    told.filter(|(count, ..)| *count > 0)
        .map(|(count, one, many, what)| format!("{} {what}", human::many(count, one, many)))
        .chain(died)
        .chain(clocks)
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
