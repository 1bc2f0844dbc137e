//! `activity retention`: shows or sets how long a store keeps records.

use std::{io, time::Duration};

use chrono::Utc;
use clap::ValueEnum;
use serde::Serialize;
use tower_activity::store::{ClockReading, Limit, Maintenance, Prune, Retention};

use crate::{
    args,
    failure::Failure,
    print::{
        self, json,
        status::DIM,
        table::{Align, Cell, Column, Shrink, Table},
    },
    prune, source,
};

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    /// Maximum age in seconds; `null` for none.
    age_s: Option<u64>,
    /// Maximum size; `null` for none.
    bytes: Option<u64>,
    /// True if no limit was set.
    default: bool,
}

pub(crate) fn run(store: &str, args: &args::Retention) -> Result<(), Failure> {
    let mut change = Retention::default();
    change.activities = args.activities;
    change.events = args.events;
    change.previews = args.previews;
    change.sums = args.sums;
    change.recordings = args.recordings;
    if change != Retention::default() {
        let mut maintenance = source::maintenance(store)?;
        maintenance.set_retention(&change)?;
        if let Err(error) = note_excess(store, &mut *maintenance, &change) {
            print::note(&format!(
                "note: could not count the records beyond these limits: {error}"
            ));
        }
    }
    let set = source::open(store)?.retention()?;
    let defaults = match source::is_address(store) {
        true => Retention::FOREVER,
        false => Retention::DEFAULT,
    };
    let all = set.or(defaults).kinds();
    let lines = all.into_iter().zip(set.kinds());
    let lines =
        lines.map(|((kind, limit), (_, set))| (kind, limit.unwrap_or_default(), set.is_none()));
    if args.json {
        let mut out = io::stdout().lock();
        for (kind, limit, default) in lines {
            json::line(&mut out, &line(kind, limit, default))?;
        }
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::new("KIND", Align::Left, Shrink::Never),
        Column::new("LIMIT", Align::Left, Shrink::Never),
        Column::new("", Align::Left, Shrink::Never),
    ]);
    for (kind, limit, default) in lines {
        table.row(vec![
            Cell::new(kind),
            Cell::new(&limit.to_string()),
            Cell::new(if default { "default" } else { "" }).style(DIM),
        ]);
    }
    Ok(print::text(&table.render(print::width()))?)
}

/// Prints a note with the number of stored records that new limits delete.
fn note_excess(
    store: &str,
    maintenance: &mut dyn Maintenance,
    set: &Retention,
) -> tower_activity::Result<()> {
    let what = Prune::Retention(ClockReading::new(Utc::now(), Duration::ZERO));
    let pruned = prune::prunable(maintenance, set, what)?;
    let counts = args::DataKind::value_variants().iter().zip(set.kinds());
    let counts = counts.filter(|(_, (_, limit))| limit.is_some());
    let counts = counts.map(|(kind, _)| prune::count(&pruned, *kind));
    let counts: Vec<_> = counts
        .filter_map(|(number, text)| (number > 0).then_some(text))
        .collect();
    if !counts.is_empty() {
        let who = match source::is_address(store) {
            true => "forward to it",
            false => "record here",
        };
        print::note(&format!(
            "note: {} exceed the limits and will be deleted by the processes that {who}. Raise the limits now to keep them",
            counts.join(", ")
        ));
    }
    Ok(())
}

fn line(kind: &'static str, limit: Limit, default: bool) -> Line {
    Line {
        kind,
        age_s: limit.age.map(|age| age.as_secs()),
        bytes: limit.bytes,
        default,
    }
}
