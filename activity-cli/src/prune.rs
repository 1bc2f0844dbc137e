//! `activity prune`: deletes the oldest records.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::ValueEnum;
use serde_json::json;
use tower_activity::store::{ClockReading, Limit, Maintenance, Prune, PruneCounts, Retention};

use crate::{
    args::{self, DataKind},
    failure::Failure,
    print::{self, human, json, progress::Progress},
    source,
};

pub(crate) fn run(store: &str, args: &args::Prune) -> Result<(), Failure> {
    let mut maintenance = source::maintenance(store)?;
    // Ages are counted from the store's clock, which does not follow a system clock that jumps.
    let wall = Utc::now();
    let now = maintenance.now(ClockReading::new(wall, Duration::ZERO))?;
    let mut limit = Limit::FOREVER;
    limit.bytes = args.larger_than;
    let mut at = now;
    if let Some(text) = &args.older_than {
        at = source::instant("--older-than", text, now)?;
        if at != source::instant("--older-than", text, wall)? {
            note_clock_lag(now, wall);
        }
        limit.age = Some(Duration::ZERO);
    }
    let mut keep = Retention::default();
    for kind in &args.what {
        let limits = match kind {
            DataKind::Activities => &mut keep.activities,
            DataKind::Events => &mut keep.events,
            DataKind::Previews => &mut keep.previews,
            DataKind::Sums => &mut keep.sums,
            DataKind::Recordings => &mut keep.recordings,
        };
        *limits = Some(limit);
    }
    let what = Prune::ByDate(keep, at);
    let prunable = prunable(&mut *maintenance, &keep, what)?;
    if prunable.not_forwarded > 0 {
        print::note(&format!(
            "note: {} kept, because they are not forwarded yet; see `activity doctor`",
            human::many(prunable.not_forwarded, "record is", "records are")
        ));
    }
    if args.dry_run {
        return report(args, &prunable, 0);
    }
    let mut deleted = PruneCounts::default();
    let mut progress = Progress::new("deleting");
    loop {
        let start = Instant::now();
        let step = maintenance.prune(what)?;
        if step == PruneCounts::default() {
            break;
        }
        deleted.add(step);
        progress.set(deleted.total() as f64 / prunable.total().max(1) as f64);
        // SQLite's lock is not fair: taking it again at once would starve processes that record.
        thread::sleep(start.elapsed());
    }
    let mut bytes = 0;
    loop {
        match maintenance.reclaim()? {
            0 => break,
            step => bytes += step,
        }
    }
    drop(progress);
    report(args, &deleted, bytes)
}

/// Prints what was deleted, or would be, and the number of bytes returned to the file system.
fn report(args: &args::Prune, pruned: &PruneCounts, bytes: u64) -> Result<(), Failure> {
    if args.json {
        let counts = args.what.iter().map(|kind| {
            let name = kind
                .to_possible_value()
                .map(|value| value.get_name().to_owned());
            (name.unwrap_or_default(), count(pruned, *kind).0)
        });
        let counts: BTreeMap<_, _> = counts.collect();
        return Ok(json::print(&json!({
            "dry_run": args.dry_run,
            "deleted": counts,
            "freed_bytes": bytes,
        }))?);
    }
    let verb = if args.dry_run {
        "would delete"
    } else {
        "deleted"
    };
    let mut text = summary(verb, pruned, args);
    if bytes > 0 {
        text.push_str(&format!(
            "{} returned to the file system\n",
            human::bytes(bytes)
        ));
    }
    Ok(print::text(&text)?)
}

/// Counts the records beyond these limits.
pub(crate) fn prunable(
    maintenance: &mut dyn Maintenance,
    limits: &Retention,
    what: Prune,
) -> tower_activity::Result<PruneCounts> {
    // Sizes are counted up to the watermark of the index.
    let indexed = [limits.activities, limits.events, limits.previews];
    if indexed
        .into_iter()
        .flatten()
        .any(|limit| limit.bytes.is_some())
    {
        while maintenance.index()? > 0 {}
    }
    maintenance.prunable(what)
}

/// Prints a note that ages are counted by the store's clock, if it lags far behind the system clock.
fn note_clock_lag(now: DateTime<Utc>, wall: DateTime<Utc>) {
    if wall - now < TimeDelta::hours(2) {
        return;
    }
    print::note(&format!(
        "note: ages are counted from {} by the store's own clock; the system clock is {} ahead of it. Use a date to delete \
         by date, and see `activity doctor`",
        now.to_rfc3339_opts(SecondsFormat::Secs, true),
        human::duration(human::since(now, wall))
    ));
}

fn summary(verb: &str, pruned: &PruneCounts, args: &args::Prune) -> String {
    let counts: Vec<_> = args
        .what
        .iter()
        .map(|kind| count(pruned, *kind).1)
        .collect();
    format!("{verb} {}\n", counts.join(", "))
}

/// Returns the count of one kind, as a number and in words.
pub(crate) fn count(pruned: &PruneCounts, kind: DataKind) -> (u64, String) {
    let (number, one, many) = match kind {
        DataKind::Activities => (pruned.activities, "activity", "activities"),
        DataKind::Events => (pruned.events, "event", "events"),
        DataKind::Previews => (pruned.previews, "preview", "previews"),
        DataKind::Sums => (pruned.sums, "sum", "sums"),
        DataKind::Recordings => (pruned.recordings, "recording", "recordings"),
    };
    (number, human::many(number, one, many))
}
