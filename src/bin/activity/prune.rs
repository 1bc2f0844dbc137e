//! `activity prune`: what is too old or too much goes.

use std::{
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tower_activity::{
    record::Filter,
    store::{ClockReading, Cutoff, Cutoffs, Pruned},
};

use crate::{
    args::{Kept, Prune},
    failure::Failure,
    print::{self, human, progress::Progress},
    source,
};

pub(crate) fn run(store: &str, args: &Prune) -> Result<(), Failure> {
    let mut upkeep = source::upkeep(store)?;
    // An age counts back from where the store's clock and this machine's agree that time has come to.
    let wall = Utc::now();
    let now = upkeep.now(ClockReading::new(wall, Duration::ZERO))?;
    let mut limit = Cutoff::default();
    let older_than = args.older_than.as_deref();
    limit.before = older_than.map(|text| instant(text, now)).transpose()?;
    if limit.before.is_some()
        && limit.before != older_than.map(|text| instant(text, wall)).transpose()?
    {
        behind(now, wall);
    }
    limit.bytes = args.larger_than;
    let mut cutoffs = Cutoffs::default();
    for what in &args.what {
        let cutoff = match what {
            Kept::Activities => &mut cutoffs.activities,
            Kept::Events => &mut cutoffs.events,
            Kept::Previews => &mut cutoffs.previews,
            Kept::Sums => &mut cutoffs.sums,
            Kept::Recordings => &mut cutoffs.recordings,
        };
        *cutoff = limit;
    }
    // What is counted of sizes is what the index has come to.
    while limit.bytes.is_some() && upkeep.index()? > 0 {}
    let all = upkeep.prunable(&cutoffs)?;
    if args.dry_run {
        return Ok(print::text(&said("would delete", &all, args))?);
    }
    let mut deleted = Pruned::default();
    let mut progress = Progress::begin("deleting");
    loop {
        let start = Instant::now();
        let step = upkeep.prune(&cutoffs)?;
        if step == Pruned::default() {
            break;
        }
        deleted.add(step);
        progress.at(deleted.total() as f64 / all.total().max(1) as f64);
        // SQLite's lock is not fair: whoever comes back at once keeps those who record out.
        thread::sleep(start.elapsed());
    }
    let mut bytes = 0;
    loop {
        match upkeep.reclaim()? {
            0 => break,
            step => bytes += step,
        }
    }
    drop(progress);
    let mut text = said("deleted", &deleted, args);
    if bytes > 0 {
        text.push_str(&format!("{} given back\n", human::bytes(bytes)));
    }
    Ok(print::text(&text)?)
}

/// Says that ages are counted by the store's clock, where that makes a difference that somebody may notice.
fn behind(now: DateTime<Utc>, wall: DateTime<Utc>) {
    if wall - now < TimeDelta::hours(2) {
        return;
    }
    anstream::eprintln!(
        "note: ages are counted from {}, as far as the store's own clock has come; this machine's clock is {} ahead of it. \
         Give a date to delete by date, and see `activity doctor`",
        now.to_rfc3339_opts(SecondsFormat::Secs, true),
        human::duration(human::since(now, wall)),
    );
}

/// Reads an age or a date as the filter `until:` does.
fn instant(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let mut filter = Filter::parse(&format!("until:{text}"), now)?;
    match filter.until.take() {
        Some(at) if filter.is_empty() => Ok(at),
        _ => Err(Failure::Usage(format!(
            "{text:?} is not an age: write 30d, 12h or a date"
        ))),
    }
}

fn said(what: &str, pruned: &Pruned, args: &Prune) -> String {
    let counts = args.what.iter().map(|kept| match kept {
        Kept::Activities => human::many(pruned.activities, "activity", "activities"),
        Kept::Events => human::many(pruned.events, "event", "events"),
        Kept::Previews => human::many(pruned.previews, "preview", "previews"),
        Kept::Sums => human::many(pruned.sums, "sum", "sums"),
        Kept::Recordings => human::many(pruned.recordings, "recording", "recordings"),
    });
    let counts: Vec<_> = counts.collect();
    format!("{what} {}\n", counts.join(", "))
}
