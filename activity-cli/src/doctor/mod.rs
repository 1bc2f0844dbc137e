//! `activity doctor`: is the store whole, is everything there that was committed, and where did every activity go.

mod files;
mod losses;
mod report;
mod rows;

use std::io;

use serde::Serialize;
use tower_activity::{
    notify::{WebhookStatus, Webhooks},
    store::{Check, Health, InstanceHealth, sqlite::SqliteStore},
};

use self::{files::Files, report::Found};
use crate::{
    args::Doctor,
    failure::{Failure, complain, with_causes},
    print::{self, json, progress::Progress},
    source,
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// True when nothing is wrong.
    ok: bool,
    /// True when everything could be compared with what was committed.
    compared: bool,
    store: &'a str,
    /// What is wrong.
    problems: &'a [String],
    /// What is worth knowing and no fault of the store.
    notes: &'a [String],
    check: Option<&'a Check>,
    #[serde(flatten)]
    health: Option<&'a Health>,
    webhooks: &'a [WebhookStatus],
}

pub(crate) fn run(store: &str, args: &Doctor) -> Result<(), Failure> {
    let path = source::path(store)?;
    // Before anything is opened, which makes files of its own.
    let files = Files::beside(path);
    if args.accept {
        let mut progress = Progress::begin("accepting");
        source::upkeep(store)?.accept(&mut |done| progress.at(done))?;
    }
    let found = match examine(store, &files) {
        Ok(found) => found,
        Err(failure) => gone(path, failure)?,
    };
    if args.json {
        let report = Report {
            ok: found.problems.is_empty(),
            compared: found.check.as_ref().is_some_and(|check| check.has_ledger),
            store,
            problems: &found.problems,
            notes: &found.notes,
            check: found.check.as_ref(),
            health: found.health.as_ref(),
            webhooks: &found.webhooks,
        };
        json::line(&mut io::stdout().lock(), &report)?;
    } else {
        print::text(&report::text(store, &found))?;
    }
    match found.problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Found),
    }
}

fn examine(store: &str, files: &Files) -> Result<Found, Failure> {
    let mut reader = source::open(store)?;
    let mut found = Found {
        problems: reader.integrity_errors()?,
        ..Found::default()
    };
    // What is damaged may keep the rest from being read; then that is one more problem to tell of.
    match reader.health() {
        Ok(health) => found.health = Some(health),
        Err(error) if found.problems.is_empty() => return Err(error.into()),
        Err(error) => found.problems.push(with_causes(&error)),
    }
    let mut progress = Progress::begin("checking");
    match reader.check(&mut |done| progress.at(done)) {
        Ok(check) => found.check = Some(check),
        Err(error) if found.problems.is_empty() => return Err(error.into()),
        Err(error) => found.problems.push(with_causes(&error)),
    }
    drop(progress);
    if let Some(health) = &found.health {
        found
            .problems
            .extend(health.instances.iter().filter_map(unbalanced));
        found.notes.extend(losses::notes(health));
        found.notes.extend(files.notes(health));
    }
    if let Some(check) = &found.check {
        let last = found
            .health
            .as_ref()
            .and_then(|health| health.last_check.as_ref());
        found.problems.extend(rows::problems(check, last));
        found.notes.extend(rows::notes(check));
    }
    match Webhooks::open(source::path(store)?)?.list() {
        Ok(webhooks) => found.webhooks = webhooks,
        Err(error) => found.problems.push(error.to_string()),
    }
    found
        .notes
        .extend(found.webhooks.iter().flat_map(losses::of_webhook));
    Ok(found)
}

/// Where the store cannot be read: what the lock files beside it say was committed to it, if anything.
fn gone(path: &str, failure: Failure) -> Result<Found, Failure> {
    let (Failure::NoStore(error) | Failure::Library(error)) = failure else {
        return Err(failure);
    };
    let Some(check) = SqliteStore::new(path)?.check_lock_files() else {
        return Err(match error.is_not_found() {
            true => Failure::NoStore(error),
            false => Failure::Library(error),
        });
    };
    complain(&error);
    Ok(Found {
        problems: rows::problems(&check, None),
        check: Some(check),
        ..Found::default()
    })
}

/// The instances whose numbers must add up and do not. Those of a dead one are as of its last commit.
fn unbalanced(instance: &InstanceHealth) -> Option<String> {
    if instance.accounting.adds_up() {
        return None;
    }
    Some(format!(
        "the accounting of instance {} does not add up",
        instance.id
    ))
}
