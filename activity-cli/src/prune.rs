//! `activity prune`: what is too old or too much goes.

use std::{
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tower_activity::{
    record::Filter,
    store::{ClockReading, Limit, Maintenance, Prune, PruneCounts, Retention},
};

use crate::{
    args::{self, Kept},
    failure::Failure,
    print::{self, human, progress::Progress},
    source,
};

pub(crate) fn run(store: &str, args: &args::Prune) -> Result<(), Failure> {
    let mut upkeep = source::upkeep(store)?;
    // An age counts back from where the store's clock and this machine's agree that time has come to.
    let wall = Utc::now();
    let now = upkeep.now(ClockReading::new(wall, Duration::ZERO))?;
    let mut limit = Limit::FOREVER;
    limit.bytes = args.larger_than;
    let mut at = now;
    if let Some(text) = &args.older_than {
        at = instant(text, now)?;
        if at != instant(text, wall)? {
            behind(now, wall);
        }
        limit.age = Some(Duration::ZERO);
    }
    let mut keep = Retention::default();
    for kept in &args.what {
        let kind = match kept {
            Kept::Activities => &mut keep.activities,
            Kept::Events => &mut keep.events,
            Kept::Previews => &mut keep.previews,
            Kept::Sums => &mut keep.sums,
            Kept::Recordings => &mut keep.recordings,
        };
        *kind = Some(limit);
    }
    let what = Prune::ByDate(keep, at);
    let all = prunable(&mut *upkeep, &keep, what)?;
    if args.dry_run {
        return Ok(print::text(&said("would delete", &all, args))?);
    }
    let mut deleted = PruneCounts::default();
    let mut progress = Progress::begin("deleting");
    loop {
        let start = Instant::now();
        let step = upkeep.prune(what)?;
        if step == PruneCounts::default() {
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

/// How much goes of what these limits do not keep.
pub(crate) fn prunable(
    upkeep: &mut dyn Maintenance,
    limits: &Retention,
    what: Prune,
) -> tower_activity::Result<PruneCounts> {
    // What is counted of their sizes is what the index has come to.
    let indexed = [limits.activities, limits.events, limits.previews];
    if indexed
        .into_iter()
        .flatten()
        .any(|limit| limit.bytes.is_some())
    {
        while upkeep.index()? > 0 {}
    }
    upkeep.prunable(what)
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

fn said(what: &str, pruned: &PruneCounts, args: &args::Prune) -> String {
    let counts: Vec<_> = args
        .what
        .iter()
        .map(|kept| count(pruned, *kept).1)
        .collect();
    format!("{what} {}\n", counts.join(", "))
}

/// How much of a kind is deleted, as a number and in words.
pub(crate) fn count(pruned: &PruneCounts, kept: Kept) -> (u64, String) {
    let (number, one, many) = match kept {
        Kept::Activities => (pruned.activities, "activity", "activities"),
        Kept::Events => (pruned.events, "event", "events"),
        Kept::Previews => (pruned.previews, "preview", "previews"),
        Kept::Sums => (pruned.sums, "sum", "sums"),
        Kept::Recordings => (pruned.recordings, "recording", "recordings"),
    };
    (number, human::many(number, one, many))
}
