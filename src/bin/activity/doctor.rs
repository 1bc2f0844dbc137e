//! `activity doctor`: is the store whole, and where did every activity go.

use std::io;

use anstyle::AnsiColor;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use tower_activity::{
    notify::{WebhookStatus, Webhooks},
    store::{Health, InstanceHealth},
};

use crate::{
    args::Doctor,
    failure::Failure,
    print::{
        self, human, json, safe,
        status::{BOLD, DIM, styled},
        table::{Align, Cell, Column, Narrow, Table},
    },
    source, webhooks,
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// True when nothing is wrong.
    ok: bool,
    store: &'a str,
    /// What is wrong.
    problems: &'a [String],
    /// What is worth knowing and no fault of the store.
    notes: &'a [String],
    #[serde(flatten)]
    health: Option<&'a Health>,
    webhooks: &'a [WebhookStatus],
}

pub(crate) fn run(store: &str, args: &Doctor) -> Result<(), Failure> {
    let mut reader = source::open(store)?;
    let mut problems = reader.damages()?;
    // What is damaged may keep the rest from being read; then that is one more problem to tell of.
    let health = match reader.health() {
        Ok(health) => Some(health),
        Err(error) if problems.is_empty() => return Err(error.into()),
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    let instances = health.iter().flat_map(|health| &health.instances);
    problems.extend(instances.filter_map(unbalanced));
    let webhooks = Webhooks::open(source::path(store)?)?.list();
    let webhooks = webhooks.unwrap_or_else(|error| {
        problems.push(error.to_string());
        Vec::new()
    });
    let mut notes = health.as_ref().map(notes).unwrap_or_default();
    notes.extend(webhooks.iter().flat_map(of_webhook));
    if args.json {
        let report = Report {
            ok: problems.is_empty(),
            store,
            problems: &problems,
            notes: &notes,
            health: health.as_ref(),
            webhooks: &webhooks,
        };
        json::line(&mut io::stdout().lock(), &report)?;
    } else {
        print::text(&report(
            store,
            health.as_ref(),
            &webhooks,
            &problems,
            &notes,
        ))?;
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Found),
    }
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

/// What was lost or left open: the store is whole, and tells what it does not have.
fn notes(health: &Health) -> Vec<String> {
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
    told.filter(|(count, ..)| *count > 0)
        .map(|(count, one, many, what)| format!("{} {what}", human::many(count, one, many)))
        .chain(died)
        .collect()
}

/// What nobody knows of those that died: their numbers are as of their last commit.
fn died(instances: &[InstanceHealth]) -> Option<String> {
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
fn of_webhook(webhook: &WebhookStatus) -> impl Iterator<Item = String> {
    let name = safe::line(&webhook.name);
    let trouble = webhooks::trouble(webhook, Utc::now());
    let trouble = trouble.map(|what| format!("webhook {name}: {}", safe::line(&what)));
    let aside = (webhook.dead_letters > 0).then(|| {
        let count = human::many(webhook.dead_letters, "record was", "records were");
        format!("{count} set aside for webhook {name}: see `activity webhooks dead`")
    });
    trouble.into_iter().chain(aside)
}

fn report(
    store: &str,
    health: Option<&Health>,
    webhooks: &[WebhookStatus],
    problems: &[String],
    notes: &[String],
) -> String {
    let mut out = fact("store", &safe::line(store));
    if let Some(health) = health {
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
            some => format!("{} not indexed yet, and found", human::count(some)),
        };
        out.push_str(&fact("search", &search));
        if !webhooks.is_empty() {
            let sum =
                |of: fn(&WebhookStatus) -> u64| human::count(webhooks.iter().map(of).sum::<u64>());
            let stand = format!(
                "{}, {} sent, {} behind, {} set aside",
                webhooks.len(),
                sum(|one| one.delivered),
                sum(|one| one.behind),
                sum(|one| one.dead_letters),
            );
            out.push_str(&fact("webhooks", &stand));
        }
        if !health.instances.is_empty() {
            out.push('\n');
            out.push_str(&instances(&health.instances, Utc::now()).render(print::width()));
        }
    }
    out.push('\n');
    for note in notes {
        out.push_str(&format!(
            "{} {note}\n",
            styled(AnsiColor::Yellow.on_default(), "note:")
        ));
    }
    for problem in problems {
        let label = styled(AnsiColor::Red.on_default().bold(), "problem:");
        out.push_str(&format!("{label} {}\n", safe::line(problem)));
    }
    if problems.is_empty() {
        let died = |health: &Health| died(&health.instances).is_some();
        let fine = match health.is_some_and(died) {
            true => "the store is whole, every activity and event up to then is accounted for",
            false => "the store is whole, every activity and event is accounted for",
        };
        let sign = styled(AnsiColor::Green.on_default(), "✓");
        out.push_str(&format!("{sign} {}\n", styled(BOLD, fine)));
    }
    out
}

fn fact(name: &str, value: &str) -> String {
    format!("{} {value}\n", styled(DIM, &format!("{name:<11}")))
}

fn instances(instances: &[InstanceHealth], now: DateTime<Utc>) -> Table {
    let numbers = ["CALLS", "COMMITTED", "WAITING", "OPEN", "REJECTED", "LOST"];
    let mut columns = vec![
        Column::new("PROCESS", Align::Left, Narrow::Stays),
        Column::new("HOST", Align::Left, Narrow::Cut(8)),
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
        let of = &instance.accounting;
        let mut cells = vec![
            Cell::new(&instance.pid.to_string()),
            Cell::new(&instance.host),
            Cell::new(state).style(style),
            Cell::new(&human::ago(instance.started_at, now)),
        ];
        let counts = [
            of.started,
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
