//! Rows that are missing or too many, in words.

use chrono::{DateTime, SecondsFormat, Utc};
use tower_activity::store::{Check, CheckCount, InstanceCheck, LastCheck};

use crate::print::human;

/// Instances that are told one by one.
const SHOWN: usize = 5;

/// What differs from what was committed.
pub(super) fn problems(check: &Check, last: Option<&LastCheck>) -> Vec<String> {
    let mut problems = Vec::new();
    let total = check.total;
    let missing = list(&total.rows(), |count| count.missing);
    if !missing.is_empty() {
        let since = match last.and_then(|last| last.complete_at) {
            Some(at) => format!("; all were there at the check of {}", time(at)),
            None => String::from("; no check has found all of them before"),
        };
        problems.push(format!("{missing} missing{since}"));
    }
    if total.commits.missing > 0 {
        problems.push(format!(
            "{} missing: the lock files of their processes have them, the file does not. A write-ahead log was lost, \
             or an older copy was put in the file's place",
            human::many(total.commits.missing, "transaction is", "transactions are")
        ));
    }
    if let Some(older) = &check.older {
        let commits = human::many(older.commits.missing, "transaction", "transactions");
        let rows = list(&older.rows(), |count| count.missing);
        let rows = match rows.is_empty() {
            true => String::new(),
            false => format!("; {rows} not in it"),
        };
        problems.push(format!(
            "the file is older than what was committed to it by {commits}{rows}: an older copy was put in its place"
        ));
    }
    if check.unread_commits > 0 {
        problems.push(format!(
            "{} in the write-ahead log cannot be read: a byte before them is damaged. Copy the -wal file before anything \
             writes to the log, which overwrites it",
            human::many(check.unread_commits, "transaction", "transactions")
        ));
    }
    let surplus = list(&total.rows(), |count| count.surplus);
    if !surplus.is_empty() {
        problems.push(format!(
            "{surplus} in the file that no log has committed: inserted by another program"
        ));
    }
    problems.extend(check.differing.iter().take(SHOWN).map(instance));
    let others = check.differing.len().saturating_sub(SHOWN) as u64;
    if others > 0 {
        problems.push(format!(
            "rows of {} differ, too",
            human::many(others, "other process", "other processes")
        ));
    }
    if let Some(first) = check.differing_quarters.first() {
        problems.push(format!(
            "the sums of {} differ from their activities, the first of them {}: activities or sums were changed by \
             another program; `activity rebuild` adds them up again",
            human::many(
                check.differing_quarters.len() as u64,
                "quarter of an hour",
                "quarters of an hour"
            ),
            time(*first)
        ));
    }
    problems
}

/// What was accepted, what others have added, and what to do.
pub(super) fn notes(check: &Check) -> Vec<String> {
    let mut notes = Vec::new();
    if !check.has_ledger {
        notes.push(String::from(
            "a file of schema 1 keeps no ledger: whether rows are missing cannot be told. The next log that opens it \
             begins one",
        ));
    }
    if !check.differing.is_empty() || check.older.is_some() {
        notes.push(String::from(
            "if that was done on purpose: `activity doctor --accept` writes it into the ledger",
        ));
    }
    for accepted in check.accepted.iter().take(SHOWN) {
        let kind = format!("{:?}", accepted.kind).to_lowercase();
        let mut what = Vec::new();
        if accepted.missing > 0 {
            what.push(format!(
                "{} {kind} rows missing",
                human::count(accepted.missing)
            ));
        }
        if accepted.surplus > 0 {
            what.push(format!(
                "{} {kind} rows too many",
                human::count(accepted.surplus)
            ));
        }
        notes.push(format!(
            "accepted {}: {}",
            time(accepted.at),
            what.join(", ")
        ));
    }
    if !check.foreign.is_empty() {
        notes.push(format!(
            "added to the schema by another program: {}",
            check.foreign.join(", ")
        ));
    }
    notes
}

/// What differs of one instance, and when it wrote.
fn instance(one: &InstanceCheck) -> String {
    let rows = one.counts.rows();
    let mut what = Vec::new();
    let missing = list(&rows, |count| count.missing);
    if !missing.is_empty() {
        what.push(format!("{missing} missing"));
    }
    let surplus = list(&rows, |count| count.surplus);
    if !surplus.is_empty() {
        what.push(format!("{surplus} too many"));
    }
    if one.counts.commits.missing > 0 {
        let commits = one.counts.commits.missing;
        what.push(format!(
            "{} missing",
            human::many(commits, "transaction is", "transactions are")
        ));
    }
    let what = what.join(", ");
    let who = match (one.id, one.pid.filter(|pid| *pid > 0), &one.host) {
        (Some(id), Some(pid), Some(host)) => format!("process {pid} on {host} ({id})"),
        (Some(id), ..) => format!("a process that the file does not know ({id})"),
        _ => String::from("no known process"),
    };
    let when = match (one.started_at, one.saved_at) {
        (Some(start), Some(last)) => {
            format!(
                "; it opened the log {}, its last commit here is of {}",
                time(start),
                time(last)
            )
        }
        (Some(start), None) => format!("; it opened the log {}", time(start)),
        _ => String::new(),
    };
    format!("of {who}: {what}{when}")
}

/// `2,499 of 4,998 activities and 1 of 20 events are`; empty where all counts are 0.
fn list(rows: &[(CheckCount, &str, &str)], of: fn(&CheckCount) -> u64) -> String {
    let mut parts = Vec::new();
    let mut sum = 0;
    for (count, one, many) in rows {
        let number = of(count);
        if number == 0 {
            continue;
        }
        sum += number;
        let (number, all) = (human::count(number), human::count(count.expected));
        let name = if count.expected == 1 { one } else { many };
        parts.push(match count.missing > 0 {
            true => format!("{number} of {all} {name}"),
            false => format!("{number} {}", if number == "1" { one } else { many }),
        });
    }
    let verb = if sum == 1 { "is" } else { "are" };
    match parts.pop() {
        None => String::new(),
        Some(last) if parts.is_empty() => format!("{last} {verb}"),
        Some(last) => format!("{} and {last} {verb}", parts.join(", ")),
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
