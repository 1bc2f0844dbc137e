//! The effect of pruning on calls: their time, the pauses of the writer, and losses.
//!
//! Old activities are written into a log's tables and indexed. Then a thread calls a recorded service 5,000 times per second,
//! first alone, and then while another thread prunes all old activities as `activity prune` does. `BENCH_ROWS` sets the number
//! of old activities (default 3,000,000), `BENCH_RATE` the calls per second. `BENCH_STORE` names a file that `query` has kept:
//! its oldest rows are pruned.
#![allow(missing_docs)]

use std::{
    convert::Infallible,
    fs,
    future::{Future, Ready, ready},
    path::Path,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use benches::{Failure, fill, is_quick, print_ratio, quantile, setting};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use tower::{Layer, Service, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe,
    store::{Maintenance, Prune, Retention, Store, sqlite::SqliteStore},
};

/// The interval of bursts of calls.
const TICK: Duration = Duration::from_millis(1);

fn main() -> Result<(), Failure> {
    let (rows, alone) = match is_quick() {
        true => (50_000, Duration::from_secs(2)),
        false => (setting("BENCH_ROWS", 3_000_000), Duration::from_secs(30)),
    };
    let rate = setting("BENCH_RATE", 5_000);
    let folder = std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into());
    let folder = tempfile::tempdir_in(folder)?;
    let path = match std::env::var_os("BENCH_STORE") {
        Some(path) => path.into(),
        None => folder.path().join("prune.db"),
    };
    if !path.exists() {
        ActivityLog::open(&path)?.shutdown().wait()?;
        fill::fill(&path, rows, Utc::now() - TimeDelta::days(1))?;
    }
    let mut maintenance = SqliteStore::new(&path)?.maintenance()?;
    while maintenance.index()? > 0 {}
    let (before, cutoff) = (count(&path)?, newest_of(&path, rows)?);
    let full = fs::metadata(&path)?.len();

    let log = ActivityLog::open(&path)?;
    let stop = AtomicBool::new(false);
    let without = thread::scope(|scope| {
        let calls = scope.spawn(|| call(&log, rate, &stop));
        thread::sleep(alone);
        stop.store(true, Relaxed);
        calls.join()
    });
    stop.store(false, Relaxed);
    let start = Instant::now();
    let (with, pruned) = thread::scope(|scope| {
        let calls = scope.spawn(|| call(&log, rate, &stop));
        let mut keep = Retention::default();
        keep.activities = Some(Duration::ZERO.into());
        let pruned = prune(&mut *maintenance, Prune::ByDate(keep, cutoff), &path);
        stop.store(true, Relaxed);
        (calls.join(), pruned)
    });
    let seconds = start.elapsed().as_secs_f64();
    let failed = |_| "a thread of calls panicked";
    let (without, with) = (without.map_err(failed)?, with.map_err(failed)?);
    let pruned = pruned?;

    let counts = log.shutdown().wait()?;
    let calls = (without.took.len() + with.took.len()) as u64;
    if !counts.adds_up()
        || counts.activities.committed != calls
        || counts.activities.lost() + counts.activities.rejected() > 0
    {
        return Err(format!("{calls} calls, and {counts:?}").into());
    }
    let left = count(&path)?;
    if left + pruned.rows != calls + before {
        let deleted = pruned.rows;
        let what = format!("{before} rows and {calls} calls, {deleted} deleted and {left} left");
        return Err(what.into());
    }
    let rows = pruned.rows;

    println!(
        "{rows} rows deleted in {seconds:.1} s, {:.0} rows/s, steps of at most {:.0} ms",
        rows as f64 / seconds,
        milliseconds(pruned.longest),
    );
    println!(
        "the file had {:.0} MB, has {:.0} MB; its write-ahead log had {:.0} MB at most",
        megabytes(full),
        megabytes(fs::metadata(&path)?.len()),
        megabytes(pruned.wal),
    );
    println!(
        "\n  {:<24} {:>9} {:>9} {:>9} {:>9} {:>16}",
        "", "calls", "p50 µs", "p99 µs", "max ms", "writer's pause ms"
    );
    let [without, with] =
        [("alone", without), ("while it is pruned", with)].map(|(name, calls)| calls.print(name));
    println!();
    print_ratio("prune_call_p99", with.p99 / without.p99);
    print_ratio("prune_rows_s", rows as f64 / seconds);
    print_ratio("prune_pause_ms", with.pause_ms);
    print_ratio("prune_pause_alone_ms", without.pause_ms);
    Ok(())
}

/// The timing of calls.
struct Calls {
    took: Vec<Duration>,
    /// The longest time without a commit.
    pause: Duration,
}

/// The printed figures of [`Calls`].
struct CallReport {
    p99: f64,
    pause_ms: f64,
}

/// The figures of pruning.
struct PruneReport {
    rows: u64,
    /// The longest step.
    longest: Duration,
    /// The largest size of the WAL.
    wal: u64,
}

/// Calls at a rate per second until `stop` is set, and watches the log's commits.
fn call(log: &ActivityLog, rate: usize, stop: &AtomicBool) -> Calls {
    let layer = ActivityLayer::new(log).describe(|_: &()| Describe::tool("search").project("acme"));
    let answer = |()| -> Ready<Result<u32, Infallible>> { ready(Ok(42)) };
    let mut service = layer.layer(service_fn(answer));
    let mut cx = Context::from_waker(Waker::noop());
    let mut took = Vec::new();
    let (mut committed, mut since, mut pause) = (0, Instant::now(), Duration::ZERO);
    let start = Instant::now();
    while !stop.load(Relaxed) {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as usize;
        while took.len() < due {
            let begun = Instant::now();
            while service.poll_ready(&mut cx).is_pending() {}
            let mut future = pin!(service.call(()));
            while future.as_mut().poll(&mut cx).is_pending() {}
            took.push(begun.elapsed());
        }
        let now = log.accounting().activities.committed;
        if now != committed {
            pause = pause.max(since.elapsed());
            (committed, since) = (now, Instant::now());
        }
        thread::sleep(TICK);
    }
    Calls { took, pause }
}

fn prune(
    maintenance: &mut dyn Maintenance,
    what: Prune,
    path: &Path,
) -> Result<PruneReport, Failure> {
    let mut deleted = PruneReport {
        rows: 0,
        longest: Duration::ZERO,
        wal: 0,
    };
    let wal = path.with_extension("db-wal");
    loop {
        let start = Instant::now();
        let step = maintenance.prune(what)?;
        let took = start.elapsed();
        deleted.longest = deleted.longest.max(took);
        if step.total() == 0 {
            break;
        }
        deleted.rows += step.activities;
        deleted.wal = deleted.wal.max(fs::metadata(&wal)?.len());
        // As the command does: the lock is not fair, and taking it again at once would starve the writer.
        thread::sleep(took);
    }
    while maintenance.reclaim()? > 0 {}
    Ok(deleted)
}

impl Calls {
    fn print(mut self, name: &str) -> CallReport {
        self.took.sort_unstable();
        let us = |share| quantile(&self.took, share).as_secs_f64() * 1e6;
        let report = CallReport {
            p99: us(0.99),
            pause_ms: milliseconds(self.pause),
        };
        println!(
            "  {name:<24} {:>9} {:>9.2} {:>9.2} {:>9.2} {:>16.0}",
            self.took.len(),
            us(0.5),
            report.p99,
            us(1.0) / 1e3,
            report.pause_ms,
        );
        report
    }
}

/// Returns the time just after the start of the newest of the `rows` oldest activities.
fn newest_of(path: &Path, rows: usize) -> Result<DateTime<Utc>, Failure> {
    let store = Connection::open(path)?;
    let find = "SELECT max(started_at) FROM (SELECT started_at FROM activity ORDER BY id LIMIT ?1)";
    let us: i64 = store.query_row(find, [i64::try_from(rows)?], |row| row.get(0))?;
    Ok(DateTime::from_timestamp_micros(us + 1).ok_or("no such time")?)
}

fn count(path: &Path) -> Result<u64, Failure> {
    let store = Connection::open(path)?;
    let count: i64 = store.query_row("SELECT count(*) FROM activity", (), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
