//! `activity retention`: how long records are kept in a store, shown and set.

use std::io;

use serde::Serialize;
use tower_activity::store::{Limit, Retention};

use crate::{
    args,
    failure::Failure,
    print::{
        self, json,
        status::DIM,
        table::{Align, Cell, Column, Narrow, Table},
    },
    source,
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
        source::upkeep(store)?.set_retention(&change)?;
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

fn line(kind: &'static str, limit: Limit, default: bool) -> Line {
    Line {
        kind,
        age_s: limit.age.map(|age| age.as_secs()),
        bytes: limit.bytes,
        default,
    }
}
