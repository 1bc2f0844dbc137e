//! The report of `activity doctor` for people.

use anstyle::AnsiColor;
use chrono::{DateTime, Utc};
use tower_activity::{
    notify::WebhookStatus,
    store::{CentralCheck, Check, Health, InstanceHealth, LogHealth, LogsHealth, TargetHealth},
};

use super::losses;
use crate::print::{
    self, human, safe,
    status::{BOLD, DIM, styled},
    table::{Align, Cell, Column, Shrink, Table},
};

/// Logs of a central store that are listed.
const LISTED: usize = 50;

/// The result of an examination.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) health: Option<Health>,
    pub(super) check: Option<Check>,
    pub(super) webhooks: Vec<WebhookStatus>,
    pub(super) problems: Vec<String>,
    /// Facts that are not errors of the store.
    pub(super) notes: Vec<String>,
}

/// Formats the report.
pub(super) fn text(store: &str, findings: &Findings) -> String {
    let mut out = fact("store", &safe::line(store));
    if let Some(health) = &findings.health {
        let size = human::bytes(health.bytes);
        out.push_str(&fact("schema", &format!("{}, {size}", health.schema)));
        let activities = format!(
            "{} ended, {} running, {} abandoned",
            human::count(health.activities),
            human::count(health.running),
            human::count(health.abandoned),
        );
        out.push_str(&fact("activities", &activities));
        let duplicates = health
            .instances
            .iter()
            .map(|i| i.accounting.events.duplicates);
        let events = match duplicates.fold(0, u64::saturating_add) {
            0 => human::count(health.events),
            duplicates => format!(
                "{}, {} duplicates ignored",
                human::count(health.events),
                human::count(duplicates)
            ),
        };
        out.push_str(&fact("events", &events));
        let search = match health.unindexed {
            0 => "all records indexed".to_owned(),
            some => format!("{} not indexed yet: searches scan them", human::count(some)),
        };
        out.push_str(&fact("search", &search));
        let sizes = &health.sizes;
        let kinds = [
            ("activities", sizes.activities),
            ("events", sizes.events),
            ("previews", sizes.previews),
            ("sums", sizes.sums),
            ("recordings", sizes.recordings),
        ];
        let kinds = kinds.map(|(kind, bytes)| format!("{kind} {}", human::bytes(bytes)));
        // They are counted while indexing.
        let rest = match health.unindexed {
            0 => "",
            _ => ", without records that are not indexed yet",
        };
        out.push_str(&fact("sizes", &(kinds.join(", ") + rest)));
        if let Some(check) = &findings.check {
            let checked = match check.central {
                Some(_) => checked_now(check),
                None => last_check(health),
            };
            out.push_str(&fact("checked", &checked));
        }
        if let Some(all) = &health.logs {
            out.push_str(&fact("logs", &logs(all)));
        }
        if let Some(central) = findings.check.as_ref().and_then(|it| it.central.as_ref()) {
            out.push_str(&fact("counted", &counted(central)));
            out.push_str(&fact("days", &days(central)));
        }
        for target in &health.targets {
            out.push_str(&fact("forwarded", &forwarded(target)));
        }
        if let Some(summary) = webhooks(&findings.webhooks) {
            out.push_str(&fact("webhooks", &summary));
        }
        if let Some(all) = &health.logs
            && !all.list.is_empty()
        {
            out.push('\n');
            out.push_str(&log_table(all, &health.instances, Utc::now()).render(print::width()));
        }
        if !health.instances.is_empty() {
            out.push('\n');
            out.push_str(&instances(&health.instances, Utc::now()).render(print::width()));
        }
    }
    out.push('\n');
    for note in &findings.notes {
        let label = styled(AnsiColor::Yellow.on_default(), "note:");
        out.push_str(&format!("{label} {}\n", safe::line(note)));
    }
    for problem in &findings.problems {
        let label = styled(AnsiColor::Red.on_default().bold(), "problem:");
        out.push_str(&format!("{label} {}\n", safe::line(problem)));
    }
    if let Some(verdict) = verdict(findings) {
        let sign = styled(AnsiColor::Green.on_default(), "✓");
        out.push_str(&format!("{sign} {}\n", styled(BOLD, &verdict)));
    }
    out
}

/// Returns the verdict if there is no problem and everything was compared.
fn verdict(findings: &Findings) -> Option<String> {
    let compared = findings.check.as_ref().is_some_and(Check::is_complete);
    if !findings.problems.is_empty() || !compared {
        return None;
    }
    let crashed = |health: &Health| losses::crashed(&health.instances).is_some();
    let up_to = match findings.health.as_ref().is_some_and(crashed) {
        true => " up to then",
        false => "",
    };
    let central = findings.check.as_ref().and_then(|it| it.central.as_ref());
    let except = match central.map_or(0, |central| central.accepted_batches) {
        0 => String::new(),
        batches => format!(
            ", except those of {}",
            human::many(batches, "accepted batch", "accepted batches")
        ),
    };
    Some(format!(
        "the store is intact, every activity and event{up_to} is accounted for{except}"
    ))
}

/// Describes the last comparison of the ledger with the rows by background maintenance.
fn last_check(health: &Health) -> String {
    let Some(last) = &health.last_check else {
        return "now; the daily check has not run yet".to_owned();
    };
    let ago = human::ago(last.finished_at, Utc::now());
    match (last.missing, last.surplus) {
        (0, 0) => format!("now; the daily check {ago}: no row missing"),
        (missing, 0) => format!(
            "now; the daily check {ago}: {} missing",
            human::many(missing, "row", "rows")
        ),
        (missing, surplus) => format!(
            "now; the daily check {ago}: {} missing, {} surplus",
            human::many(missing, "row", "rows"),
            human::count(surplus)
        ),
    }
}

/// Describes what was compared in a central store.
fn checked_now(check: &Check) -> String {
    let total = &check.total;
    format!(
        "now: {} and {} of days that are kept, and the statistics of {}",
        human::many(total.activities.expected, "activity", "activities"),
        human::many(total.events.expected, "event", "events"),
        human::many(check.quarters, "quarter hour", "quarter hours"),
    )
}

/// Counts the logs of a central store.
fn logs(all: &LogsHealth) -> String {
    let counts = &all.counts;
    format!(
        "{}, {} heard of now, {} retired; {} waiting, {} refused, {} outdated",
        human::count(counts.known),
        human::count(counts.alive),
        human::count(counts.retired),
        human::count(all.waiting),
        human::count(all.refused),
        human::count(all.outdated),
    )
}

/// Lists logs that are not retired: those with something to look at first, then those that were heard of last.
fn log_table(all: &LogsHealth, instances: &[InstanceHealth], now: DateTime<Utc>) -> Table {
    let mut table = Table::new(vec![
        Column::new("LOG", Align::Left, Shrink::Truncate(8)),
        Column::new("STATE", Align::Left, Shrink::Never),
        Column::new("HEARD", Align::Right, Shrink::Never),
        Column::new("WAITING", Align::Right, Shrink::Never),
        Column::new("REFUSED", Align::Right, Shrink::Never),
        Column::new("OUTDATED", Align::Right, Shrink::Never),
        Column::new("LOST", Align::Right, Shrink::Never),
    ]);
    let lost = |log: &LogHealth| {
        let own = instances.iter().filter(|one| one.log == Some(log.id));
        let of = own.map(|one| &one.accounting);
        let kinds = of.flat_map(|of| [&of.activities, &of.events, &of.recordings]);
        kinds.fold(0_u64, |sum, kind| {
            sum.saturating_add(kind.lost())
                .saturating_add(kind.rejected())
        })
    };
    let mut list: Vec<_> = all.list.iter().map(|log| (log, lost(log))).collect();
    list.sort_by_key(|(log, lost)| [log.refused, log.outdated, *lost] == [0; 3]);
    for (log, lost) in list.iter().take(LISTED) {
        let (state, style) = match log.alive {
            true => ("alive", AnsiColor::Green.on_default()),
            false => ("silent", AnsiColor::Magenta.on_default()),
        };
        let mut cells = vec![
            Cell::new(&log.host),
            Cell::new(state).style(style),
            Cell::new(&human::ago(log.heard_at, now)),
        ];
        let counts = [log.waiting, log.refused, log.outdated, *lost];
        cells.extend(counts.map(|count| Cell::new(&human::count(count))));
        table.row(cells);
    }
    table
}

/// Describes which batches are counted in the sums.
fn counted(central: &CentralCheck) -> String {
    match central.uncounted_since {
        None => "all that was forwarded".to_owned(),
        Some(since) => format!(
            "{} not yet, the oldest accepted {}",
            human::many(central.uncounted, "batch", "batches"),
            human::ago(since, Utc::now())
        ),
    }
}

/// Describes from when on records are kept, and for how long partitions are there.
fn days(central: &CentralCheck) -> String {
    let from = |kind: &str, at: Option<DateTime<Utc>>| match at {
        None => format!("all {kind}"),
        Some(at) => format!("{kind} from {}", at.format("%Y-%m-%d")),
    };
    let mut days = vec![
        from("activities", central.activities_from),
        from("events", central.events_from),
        from("sums", central.sums_from),
    ];
    let is_limited = [
        central.activities_from,
        central.events_from,
        central.sums_from,
    ];
    if let Some(at) = central.retained_at
        && is_limited.iter().any(Option::is_some)
    {
        days.push(format!("limits applied {}", human::ago(at, Utc::now())));
    }
    days.push(format!(
        "partitions for {} days ahead",
        central.days_ahead.max(0)
    ));
    days.join(", ")
}

/// Describes how far the store was forwarded.
fn forwarded(target: &TargetHealth) -> String {
    let name = safe::line(&target.name);
    match target.behind_since {
        Some(since) if target.behind > 0 => format!(
            "to {name}, {} behind, the oldest from {}",
            human::many(target.behind, "record", "records"),
            human::ago(since, Utc::now())
        ),
        _ => format!("to {name}, nothing waits"),
    }
}

/// Summarizes the webhooks; `None` if there are none.
fn webhooks(webhooks: &[WebhookStatus]) -> Option<String> {
    let sum = |of: fn(&WebhookStatus) -> u64| human::count(webhooks.iter().map(of).sum::<u64>());
    (!webhooks.is_empty()).then(|| {
        format!(
            "{}, {} sent, {} behind, {} dead letters",
            webhooks.len(),
            sum(|one| one.delivered),
            sum(|one| one.behind),
            sum(|one| one.dead_letters),
        )
    })
}

fn fact(name: &str, value: &str) -> String {
    format!("{} {value}\n", styled(DIM, &format!("{name:<11}")))
}

fn instances(instances: &[InstanceHealth], now: DateTime<Utc>) -> Table {
    let numbers = ["CALLS", "COMMITTED", "WAITING", "OPEN", "REJECTED", "LOST"];
    let mut columns = vec![
        Column::new("PROCESS", Align::Left, Shrink::Never),
        Column::new("HOST", Align::Left, Shrink::Hide(8)),
        Column::new("STATE", Align::Left, Shrink::Never),
        Column::new("OPENED", Align::Right, Shrink::Never),
    ];
    columns.extend(numbers.map(|title| {
        let shrink = match title {
            "WAITING" | "OPEN" => Shrink::Drop,
            _ => Shrink::Never,
        };
        Column::new(title, Align::Right, shrink)
    }));
    let mut table = Table::new(columns);
    for instance in instances {
        let (state, style) = match (instance.alive, instance.stopped_at) {
            (true, _) => ("alive", AnsiColor::Green.on_default()),
            (false, Some(_)) => ("stopped", DIM),
            (false, None) => ("crashed", AnsiColor::Magenta.on_default()),
        };
        let of = &instance.accounting.activities;
        let mut cells = vec![
            Cell::new(&instance.pid.to_string()),
            Cell::new(&instance.host),
            Cell::new(state).style(style),
            Cell::new(&human::ago(instance.started_at, now)),
        ];
        let counts = [
            of.recorded,
            of.committed,
            of.waiting,
            of.open,
            of.rejected(),
            of.lost(),
        ];
        cells.extend(counts.map(|count| Cell::new(&human::count(count))));
        table.row(cells);
    }
    table
}
