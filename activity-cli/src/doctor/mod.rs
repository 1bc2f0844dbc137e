//! `activity doctor`: checks the store, compares it with what was committed, and accounts for every record.

mod central;
mod clock;
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

use self::{files::SideFiles, report::Findings};
use crate::{
    args::Doctor,
    failure::{Failure, print_error},
    print::{self, json, progress::Progress},
    source,
};

/// The object that `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// True if there is no problem.
    ok: bool,
    /// True if the rows could be compared with the ledger.
    compared: bool,
    store: &'a str,
    problems: &'a [String],
    /// Facts that are not errors of the store.
    notes: &'a [String],
    check: Option<&'a Check>,
    #[serde(flatten)]
    health: Option<&'a Health>,
    webhooks: &'a [WebhookStatus],
}

pub(crate) fn run(store: &str, args: &Doctor) -> Result<(), Failure> {
    if args.accept {
        let mut progress = Progress::new("accepting");
        source::maintenance(store)?.accept(&mut |done| progress.set(done))?;
    }
    let findings = match source::is_address(store) {
        true => central::examine(store)?,
        false => {
            // Before the store is opened, which creates side files.
            let files = SideFiles::list(store);
            examine(store, &files).or_else(|failure| unreadable(store, failure))?
        }
    };
    let store = &source::shown(store);
    if args.json {
        let report = Report {
            ok: findings.problems.is_empty(),
            compared: findings
                .check
                .as_ref()
                .is_some_and(|check| check.has_ledger),
            store,
            problems: &findings.problems,
            notes: &findings.notes,
            check: findings.check.as_ref(),
            health: findings.health.as_ref(),
            webhooks: &findings.webhooks,
        };
        json::line(&mut io::stdout().lock(), &report)?;
    } else {
        print::text(&report::text(store, &findings))?;
    }
    match findings.problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Reported),
    }
}

fn examine(store: &str, files: &SideFiles) -> Result<Findings, Failure> {
    let mut reader = source::open(store)?;
    let mut findings = Findings {
        problems: reader.integrity_errors()?,
        ..Findings::default()
    };
    // Damage may make the rest unreadable, which is then one more problem.
    match reader.health() {
        Ok(health) => findings.health = Some(health),
        Err(error) if findings.problems.is_empty() => return Err(error.into()),
        Err(error) => findings.problems.push(format!("{error:#}")),
    }
    let mut progress = Progress::new("checking");
    match reader.check(&mut |done| progress.set(done)) {
        Ok(check) => findings.check = Some(check),
        Err(error) if findings.problems.is_empty() => return Err(error.into()),
        Err(error) => findings.problems.push(format!("{error:#}")),
    }
    drop(progress);
    if let Some(health) = &findings.health {
        findings
            .problems
            .extend(health.instances.iter().filter_map(unbalanced));
        findings.notes.extend(losses::notes(health));
        findings.notes.extend(files.notes(health));
    }
    if let Some(check) = &findings.check {
        let last = findings
            .health
            .as_ref()
            .and_then(|health| health.last_check.as_ref());
        findings.problems.extend(rows::problems(check, last));
        findings.notes.extend(rows::notes(check));
    }
    match Webhooks::open(source::path(store)?)?.list() {
        Ok(webhooks) => findings.webhooks = webhooks,
        Err(error) => findings.problems.push(error.to_string()),
    }
    findings
        .notes
        .extend(findings.webhooks.iter().flat_map(losses::of_webhook));
    Ok(findings)
}

/// Reports, for a store that cannot be read, what was committed to it according to its lock files, if they say so.
fn unreadable(path: &str, failure: Failure) -> Result<Findings, Failure> {
    let (Failure::NoStore(error, _) | Failure::Library(error)) = failure else {
        return Err(failure);
    };
    let Some(check) = SqliteStore::new(path)?.check_lock_files() else {
        return Err(source::with_hint(path, error));
    };
    print_error(&error);
    Ok(Findings {
        problems: rows::problems(&check, None),
        check: Some(check),
        ..Findings::default()
    })
}

/// Reports an instance whose counts do not add up. Those of a dead one are as of its last commit.
fn unbalanced(instance: &InstanceHealth) -> Option<String> {
    if instance.accounting.adds_up() {
        return None;
    }
    Some(format!(
        "the accounting of instance {} does not add up",
        instance.id
    ))
}
