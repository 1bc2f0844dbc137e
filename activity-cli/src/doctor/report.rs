//! What doctor prints for people.

use anstyle::AnsiColor;
use chrono::{DateTime, Utc};
use tower_activity::{
    notify::WebhookStatus,
    store::{Check, Health, InstanceHealth},
};

use super::losses;
use crate::print::{
    self, human, safe,
    status::{BOLD, DIM, styled},
    table::{Align, Cell, Column, Narrow, Table},
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) health: Option<Health>,
    pub(super) check: Option<Check>,
    pub(super) webhooks: Vec<WebhookStatus>,
    /// What is wrong.
    pub(super) problems: Vec<String>,
    /// What is worth knowing and no fault of the store.
    pub(super) notes: Vec<String>,
}

/// The report for people.
pub(super) fn text(store: &str, found: &Found) -> String {
    let mut out = fact("store", &safe::line(store));
    if let Some(health) = &found.health {
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
        let events = match duplicates.sum() {
            0 => human::count(health.events),
            again => format!(
                "{}, {} re-fired and kept once",
                human::count(health.events),
                human::count(again)
            ),
        };
        out.push_str(&fact("events", &events));
        let search = match health.unindexed {
            0 => "everything is indexed".to_owned(),
            some => format!(
                "{} not in the index yet, searched without it",
                human::count(some)
            ),
        };
        out.push_str(&fact("search", &search));
        out.push_str(&fact("checked", &last_check(health)));
        if let Some(stand) = webhooks(&found.webhooks) {
            out.push_str(&fact("webhooks", &stand));
        }
        if !health.instances.is_empty() {
            out.push('\n');
            out.push_str(&instances(&health.instances, Utc::now()).render(print::width()));
        }
    }
    out.push('\n');
    for note in &found.notes {
        let label = styled(AnsiColor::Yellow.on_default(), "note:");
        out.push_str(&format!("{label} {}\n", safe::line(note)));
    }
    for problem in &found.problems {
        let label = styled(AnsiColor::Red.on_default().bold(), "problem:");
        out.push_str(&format!("{label} {}\n", safe::line(problem)));
    }
    if let Some(fine) = verdict(found) {
        let sign = styled(AnsiColor::Green.on_default(), "✓");
        out.push_str(&format!("{sign} {}\n", styled(BOLD, fine)));
    }
    out
}

/// What can be said where nothing is wrong, and everything was compared.
fn verdict(found: &Found) -> Option<&'static str> {
    let compared = found.check.as_ref().is_some_and(Check::is_complete);
    if !found.problems.is_empty() || !compared {
        return None;
    }
    let died = |health: &Health| losses::died(&health.instances).is_some();
    Some(match found.health.as_ref().is_some_and(died) {
        true => "the store is whole, every activity and event up to then is accounted for",
        false => "the store is whole, every activity and event is accounted for",
    })
}

/// What upkeep found when it last compared the ledger with the rows.
fn last_check(health: &Health) -> String {
    let Some(last) = &health.last_check else {
        return "now, and not yet by upkeep".to_owned();
    };
    let ago = human::ago(last.finished_at, Utc::now());
    match (last.missing, last.surplus) {
        (0, 0) => format!("now, and by upkeep {ago}: every row was there"),
        (missing, 0) => format!(
            "now, and by upkeep {ago}: {} missing",
            human::many(missing, "row was", "rows were")
        ),
        (missing, surplus) => format!(
            "now, and by upkeep {ago}: {} missing, {} too many",
            human::many(missing, "row was", "rows were"),
            human::count(surplus)
        ),
    }
}

/// How the webhooks stand; `None` where there are none.
fn webhooks(webhooks: &[WebhookStatus]) -> Option<String> {
    let sum = |of: fn(&WebhookStatus) -> u64| human::count(webhooks.iter().map(of).sum::<u64>());
    (!webhooks.is_empty()).then(|| {
        format!(
            "{}, {} sent, {} behind, {} set aside",
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
        Column::new("PROCESS", Align::Left, Narrow::Stays),
        Column::new("HOST", Align::Left, Narrow::Leaves(8)),
        Column::new("STATE", Align::Left, Narrow::Stays),
        Column::new("OPENED", Align::Right, Narrow::Stays),
    ];
    columns.extend(numbers.map(|title| Column::new(title, Align::Right, Narrow::Stays)));
    let mut table = Table::new(columns);
    for instance in instances {
        let (state, style) = match (instance.alive, instance.stopped_at) {
            (true, _) => ("alive", AnsiColor::Green.on_default()),
            (false, Some(_)) => ("stopped", DIM),
            (false, None) => ("died", AnsiColor::Magenta.on_default()),
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
