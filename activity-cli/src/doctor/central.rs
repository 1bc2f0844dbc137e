//! A central store: its rows are compared with what each log has forwarded, and its sums with the activities.

use chrono::{TimeDelta, Utc};
use tower_activity::{
    notify::Webhooks,
    store::{CentralCheck, Check},
};

use super::{losses, report::Findings, rows};
use crate::{
    failure::Failure,
    print::{human, progress::Progress},
    source,
};

/// How long an accepted batch may wait until it is counted, while logs are forwarded.
const SOON: TimeDelta = TimeDelta::minutes(2);

pub(super) fn examine(store: &str) -> Result<Findings, Failure> {
    let mut reader = source::open(store)?;
    let health = reader.health()?;
    let mut progress = Progress::new("checking");
    let check = reader.check(&mut |done| progress.set(done))?;
    drop(progress);
    let mut findings = Findings {
        problems: rows::problems(&check, None),
        notes: losses::notes(&health),
        ..Findings::default()
    };
    if let Some(central) = check.central.as_ref().filter(|one| one.strays > 0) {
        findings.problems.push(format!(
            "{} in no batch, or outside the ids of theirs: another program inserted or changed records, or deleted rows of the table \
             `batch`. `activity doctor --accept` records what is there",
            human::many(central.strays, "record is", "records are")
        ));
    }
    if has_missing(&check) {
        findings.notes.push(String::from(
            "`activity forward --to URL --again` forwards what the files still have, as new logs; the batches that are missing stay so \
             until `activity doctor --accept` records what is there",
        ));
    }
    findings.notes.extend(rows::accepted(&check));
    if let Some(central) = &check.central {
        findings.notes.extend(notes(central));
    }
    // Not every role may read them.
    if let Ok(webhooks) = Webhooks::open(store).and_then(|webhooks| webhooks.list()) {
        let losses = webhooks.iter().flat_map(losses::of_webhook);
        findings.notes.extend(losses);
        findings.webhooks = webhooks;
    }
    findings.health = Some(health);
    findings.check = Some(check);
    Ok(findings)
}

fn has_missing(check: &Check) -> bool {
    let total = &check.total;
    total.activities.missing > 0 || total.events.missing > 0 || total.commits.missing > 0
}

/// Reports what waits for the next forwarder.
fn notes(central: &CentralCheck) -> Vec<String> {
    let mut notes = Vec::new();
    if central
        .uncounted_since
        .is_some_and(|since| Utc::now() - since > SOON)
    {
        notes.push(format!(
            "{} not counted in the statistics yet: the next forwarder counts them",
            human::many(central.uncounted, "batch is", "batches are")
        ));
    }
    if central.accepted_batches > 0 {
        notes.push(format!(
            "accepted: {} missing",
            human::many(central.accepted_batches, "batch", "batches"),
        ));
    }
    let accepted = central.not_compared.saturating_sub(central.strays);
    if accepted > 0 {
        notes.push(format!(
            "accepted: {} in no batch, and not compared",
            human::many(accepted, "record is", "records are")
        ));
    }
    if central.surplus_batches > 0 {
        notes.push(format!(
            "accepted: {} surplus",
            human::many(central.surplus_batches, "batch", "batches")
        ));
    }
    if central.days_ahead < 1 {
        notes.push(String::from(
            "tomorrow has no partition yet: the next forwarder creates those of a week",
        ));
    }
    notes
}
