//! `activity retention`: how long records are kept in a store, shown and set.

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
        table::{Align, Cell, Column, Narrow, Table},
    },
    prune, source,
};

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    /// `null`: no limit by age.
    age_s: Option<u64>,
    /// `null`: no limit by size.
    bytes: Option<u64>,
    /// True where nobody has set a limit.
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
        let mut upkeep = source::upkeep(store)?;
        upkeep.set_retention(&change)?;
        if let Err(error) = warn(&mut *upkeep, &change) {
            anstream::eprintln!("note: could not count what these limits delete: {error}");
        }
    }
    let set = source::open(store)?.retention()?;
    let all = set.or(Retention::DEFAULT).kinds();
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
        Column::new("KIND", Align::Left, Narrow::Stays),
        Column::new("LIMIT", Align::Left, Narrow::Stays),
        Column::new("", Align::Left, Narrow::Stays),
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

/// Says what limits that were set delete of what is there.
fn warn(upkeep: &mut dyn Maintenance, set: &Retention) -> tower_activity::Result<()> {
    let what = Prune::Retention(ClockReading::new(Utc::now(), Duration::ZERO));
    let pruned = prune::prunable(upkeep, set, what)?;
    let counts = args::Kept::value_variants().iter().zip(set.kinds());
    let counts = counts.filter(|(_, (_, limit))| limit.is_some());
    let counts = counts.map(|(kept, _)| prune::count(&pruned, *kept));
    let counts: Vec<_> = counts
        .filter_map(|(number, text)| (number > 0).then_some(text))
        .collect();
    if !counts.is_empty() {
        anstream::eprintln!(
            "note: programs that record here will delete {}: these exceed the limits. Raise the limits now to keep them",
            counts.join(", ")
        );
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
