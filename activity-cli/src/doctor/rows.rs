//! Missing and surplus rows, in words.

use chrono::{DateTime, SecondsFormat, Utc};
use tower_activity::store::{AcceptedChange, Check, CheckCount, InstanceCheck, LastCheck};

use crate::print::human;

/// Instances, and accepted differences, that are listed one by one.
const LISTED: usize = 5;

/// Reports differences between the rows and what was committed.
pub(super) fn problems(check: &Check, last: Option<&LastCheck>) -> Vec<String> {
    let mut problems = Vec::new();
    let total = check.total;
    let missing = list(&total.rows(), |count| count.missing);
    if !missing.is_empty() {
        let since = match last.and_then(|last| last.complete_at) {
            Some(at) => format!("; none was missing at the check of {}", time(at)),
            None => String::from("; no earlier check was complete"),
        };
        problems.push(format!("{missing} missing{since}"));
    }
    let (missing, surplus) = (total.commits.missing, total.commits.surplus);
    if check.central.is_some() {
        if missing > 0 {
            problems.push(format!(
                "{} missing, and the records in {} are not compared: another program deleted rows of the table `batch`",
                human::many(missing, "accepted batch is", "accepted batches are"),
                if missing == 1 { "it" } else { "them" },
            ));
        }
        if surplus > 0 {
            problems.push(format!(
                "{} surplus: inserted by another program, or the row of their log was deleted",
                human::many(surplus, "batch is", "batches are")
            ));
        }
    } else if missing > 0 {
        problems.push(format!(
            "{} missing: counted in the lock files of their processes, but not in the file. A write-ahead log was lost, \
             the machine lost power, or an older copy was put in place",
            human::many(total.commits.missing, "transaction is", "transactions are")
        ));
    }
    if let Some(older) = &check.older {
        let commits = human::many(older.commits.missing, "transaction", "transactions");
        let rows = list(&older.rows(), |count| count.missing);
        let rows = match rows.is_empty() {
            true => String::new(),
            false => format!("; {rows} missing"),
        };
        problems.push(format!(
            "the file lacks {commits} that were committed to it{rows}: an older copy was put in place"
        ));
    }
    if check.unread_commits > 0 {
        problems.push(format!(
            "{} in the write-ahead log cannot be read: a byte before them is damaged, or did not reach the disk. Copy the \
             -wal file before the next write to the log, which overwrites it",
            human::many(check.unread_commits, "transaction", "transactions")
        ));
    }
    let surplus = list(&total.rows(), |count| count.surplus);
    if !surplus.is_empty() {
        problems.push(format!("{surplus} surplus: inserted by another program"));
    }
    let is_central = check.central.is_some();
    let differing = check.differing.iter().take(LISTED);
    problems.extend(differing.map(|one| instance(one, is_central)));
    let others = check.differing.len().saturating_sub(LISTED) as u64;
    if others > 0 {
        problems.push(format!(
            "rows of {} differ, too",
            match is_central {
                true => human::many(others, "other log", "other logs"),
                false => human::many(others, "other process", "other processes"),
            }
        ));
    }
    if let Some(first) = check.differing_quarters.first() {
        problems.push(format!(
            "the statistics of {} differ from their activities, the first {}: another program changed activities or sums; \
             `activity rebuild` recomputes them",
            human::many(
                check.differing_quarters.len() as u64,
                "quarter hour",
                "quarter hours"
            ),
            time(*first)
        ));
    }
    problems
}

/// Reports accepted differences and foreign schema objects, and how to accept differences.
pub(super) fn notes(check: &Check) -> Vec<String> {
    let mut notes = Vec::new();
    if !check.has_ledger {
        notes.push(String::from(
            "a file of schema 1 has no ledger: missing rows cannot be detected. The next process that opens the log adds \
             one",
        ));
    }
    if !check.differing.is_empty() || check.older.is_some() {
        notes.push(String::from(
            "if this was done on purpose, record it in the ledger with `activity doctor --accept`",
        ));
    }
    notes.extend(accepted(check));
    if !check.foreign.is_empty() {
        notes.push(format!(
            "added to the schema by another program: {}",
            check.foreign.join(", ")
        ));
    }
    notes
}

/// Reports differences that were accepted.
pub(super) fn accepted(check: &Check) -> Vec<String> {
    let newest = check.accepted.iter().take(LISTED);
    let one = |accepted: &AcceptedChange| {
        let kind = format!("{:?}", accepted.kind).to_lowercase();
        let mut differences = Vec::new();
        if accepted.missing > 0 {
            differences.push(format!(
                "{} {kind} rows missing",
                human::count(accepted.missing)
            ));
        }
        if accepted.surplus > 0 {
            differences.push(format!(
                "{} {kind} rows surplus",
                human::count(accepted.surplus)
            ));
        }
        format!("accepted {}: {}", time(accepted.at), differences.join(", "))
    };
    newest.map(one).collect()
}

/// Reports the differences of one instance, and when it wrote; or those of one log of a central store.
fn instance(one: &InstanceCheck, is_central: bool) -> String {
    let rows = one.counts.rows();
    let mut differences = Vec::new();
    let missing = list(&rows, |count| count.missing);
    if !missing.is_empty() {
        differences.push(format!("{missing} missing"));
    }
    let surplus = list(&rows, |count| count.surplus);
    if !surplus.is_empty() {
        differences.push(format!("{surplus} surplus"));
    }
    let commits = one.counts.commits;
    let (name, names) = match one.id {
        Some(_) => ("transaction is", "transactions are"),
        None => ("batch is", "batches are"),
    };
    if commits.missing > 0 {
        let count = human::many(commits.missing, name, names);
        differences.push(format!("{count} missing"));
    }
    if commits.surplus > 0 && one.id.is_none() {
        let count = human::many(commits.surplus, name, names);
        differences.push(format!("{count} surplus"));
    }
    let differences = differences.join(", ");
    let process = match (one.id, one.pid.filter(|pid| *pid > 0), &one.host) {
        (Some(id), Some(pid), Some(host)) => format!("process {pid} on {host} ({id})"),
        (Some(id), ..) => format!("a process that is not in the file ({id})"),
        (None, None, Some(host)) => format!("a log of {host}"),
        _ if is_central => String::from("a log whose row was deleted"),
        _ => String::from("an unknown process"),
    };
    let when = match (one.started_at, one.saved_at) {
        (Some(start), Some(last)) => {
            format!(
                "; opened {}, last commit in this file {}",
                time(start),
                time(last)
            )
        }
        (Some(start), None) => format!("; opened {}", time(start)),
        _ => String::new(),
    };
    format!("{process}: {differences}{when}")
}

/// Formats counts: `2,499 of 4,998 activities and 1 of 20 events are`. Empty if all are 0.
fn list(rows: &[(CheckCount, &str, &str)], select: fn(&CheckCount) -> u64) -> String {
    let mut parts = Vec::new();
    let mut sum = 0;
    for (count, one, many) in rows {
        let number = select(count);
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
