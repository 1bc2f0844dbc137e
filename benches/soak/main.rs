//! Resources of a log during a long run: memory, descriptors, threads, the file and its WAL, sampled each second. The run
//! fails if one of them grows.
//!
//! A process records 2,000 calls per second, every hundredth with a recording, and forwards them to PostgreSQL. It is replaced
//! each minute, at least ten times in all, alternately after a clean exit and a kill. Meanwhile this process prunes by the
//! log's retention, and reads: with a reader, and as 20 requests per second of dashboards over HTTP. At the end the central
//! store has every activity that was ever committed.
//!
//! `BENCH_SECONDS` sets the length (default 300), `BENCH_RATE` the calls per second. `BENCH_QUICK=1` takes 20 seconds.
//! `BENCH_CHART` names the file of a chart, `soak.svg` in the folder of temporary files by default.
#![allow(missing_docs)]

mod background;
mod chart;
#[path = "../web/client.rs"]
#[allow(dead_code)]
mod client;
mod sample;
mod table;
mod writer;

use std::{
    env,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use benches::{Failure, central, is_quick, setting};
use rusqlite::Connection;
use tower_activity::{ActivityLog, forward::Forwarder, query::ActivityReader};

use crate::{background::Background, sample::Sample, table::Table, writer::Writer};

/// The environment variable with the file, in the process that records.
const STORE: &str = "BENCH_SOAK_STORE";
/// The environment variable with the address of the central store, there.
const TARGET: &str = "BENCH_SOAK_TARGET";
/// The bytes of a call for the retention: 200, and its texts.
const CALL_BYTES: u64 = 200;
/// The number of parts that the figures are reported for: minutes, in a run of five.
const PARTS: u32 = 5;
/// The least number of successive processes that record.
const PROCESSES: u32 = 10;

/// The length and the load of a run.
#[derive(Clone, Copy)]
struct Plan {
    time: Duration,
    /// The number of successive processes that record.
    processes: u32,
    /// Calls per second.
    rate: usize,
    /// The limit of the retention, in bytes: the calls of a tenth of the time.
    keep: u64,
}

fn main() -> Result<(), Failure> {
    let seconds = setting("BENCH_SECONDS", if is_quick() { 20 } else { 300 });
    let rate = setting("BENCH_RATE", 2_000);
    let plan = Plan {
        time: Duration::from_secs(seconds as u64),
        processes: PROCESSES.max(seconds as u32 / 60),
        rate,
        keep: CALL_BYTES * (rate * seconds) as u64 / u64::from(PROCESSES),
    };
    if let (Some(path), Ok(target)) = (env::var_os(STORE), env::var(TARGET)) {
        return writer::record(Path::new(&path), &target, plan);
    }
    let server = central::start(None);
    let target = central::database(&server)?;
    let folder = env::var_os("BENCH_DIR").unwrap_or_else(|| env::temp_dir().into());
    let folder = tempfile::tempdir_in(folder)?;
    let path = folder.path().join("soak.db");
    ActivityLog::open(&path)?.shutdown().wait()?;
    println!(
        "{seconds} s, {rate} calls/s, {} processes; kept are {:.1} MB of activities",
        plan.processes,
        plan.keep as f64 / 1e6
    );
    let (table, recorded, background) = run(&path, &target, plan)?;
    table.print();
    let chart =
        env::var_os("BENCH_CHART").map_or_else(|| env::temp_dir().join("soak.svg"), PathBuf::from);
    std::fs::write(&chart, chart::draw(&table, plan))?;
    println!("\nchart: {}", chart.display());
    println!(
        "\n{recorded} calls acknowledged by the processes that ended cleanly, {} activities deleted, {} reads, {} requests",
        background.deleted, background.reads, background.requests
    );
    verify(&path)?;
    verify_forwarded(&path, &target, &server)?;
    if background.deleted == 0 || background.reads == 0 || background.requests == 0 {
        return Err("nothing was deleted, or nothing was read".into());
    }
    match table.growing() {
        growing if growing.is_empty() => Ok(()),
        growing => Err(format!("grows: {}", growing.join("; ")).into()),
    }
}

/// Records, reads, prunes and samples for the planned time.
fn run(path: &Path, target: &str, plan: Plan) -> Result<(Table, u64, Background), Failure> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| background::read(path, &stop));
        let dashboards = scope.spawn(|| background::serve(path, &stop));
        let pruner = scope.spawn(|| background::prune(path, &stop));
        let sampled = sample_writers(path, target, plan);
        stop.store(true, Relaxed);
        let panicked = |_| "a background thread panicked";
        let mut background = Background {
            reads: reader.join().map_err(panicked)??,
            requests: dashboards.join().map_err(panicked)??,
            ..Background::default()
        };
        background.deleted = pruner.join().map_err(panicked)??;
        let (table, recorded) = sampled?;
        Ok((table, recorded, background))
    })
}

/// Runs one recording process after the other, and takes a sample each second. Returns the number of calls of those that
/// exited cleanly.
fn sample_writers(path: &Path, target: &str, plan: Plan) -> Result<(Table, u64), Failure> {
    let mut writer = Writer::start(path, target)?;
    let mut table = Table::new(plan.time / PARTS);
    let (mut recorded, mut processes) = (0, 1);
    let start = Instant::now();
    for second in 1.. {
        let at = Duration::from_secs(second);
        if at >= plan.time {
            break;
        }
        thread::sleep((start + at).saturating_duration_since(Instant::now()));
        table.add(at, Sample::new(writer.id(), process::id(), path)?);
        if at >= plan.time / plan.processes * processes {
            if processes % 2 == 0 {
                writer.kill()?;
            } else {
                recorded += writer.end()?;
            }
            writer = Writer::start(path, target)?;
            processes += 1;
        }
    }
    recorded += writer.end()?;
    Ok((table, recorded))
}

/// Fails unless the file is intact, has exactly the rows of its ledger, and no side files.
fn verify(path: &Path) -> Result<(), Failure> {
    let mut reader = ActivityReader::open(path)?;
    let damages = reader.integrity_errors()?;
    let check = reader.check(&mut |_| ())?;
    drop(reader);
    if !damages.is_empty() || !check.differing.is_empty() || !check.differing_quarters.is_empty() {
        return Err(format!("the file is not in order: {damages:?} {check:?}").into());
    }
    let store = Connection::open(path)?;
    let rows: i64 = store.query_row("SELECT count(*) FROM activity", (), |row| row.get(0))?;
    println!(
        "{rows} activities at the end, in {:.1} MB, WAL {:.1} MB; integrity and ledger are in order",
        sample::bytes(path) as f64 / 1e6,
        sample::bytes(&wal(path)) as f64 / 1e6,
    );
    Ok(())
}

/// Forwards what is left, and fails unless the central store has every activity that was ever committed.
fn verify_forwarded(path: &Path, target: &str, server: &central::Server) -> Result<(), Failure> {
    let mut forwarder = Forwarder::open(path, target)?;
    let left = forwarder.forward_all(|_| ())?;
    let verified = forwarder.verify(|_| ())?;
    let store = Connection::open(path)?;
    let committed = "SELECT sum(activities_added) FROM instance";
    let committed: i64 = store.query_row(committed, (), |row| row.get(0))?;
    let central: i64 =
        central::run(server, "SELECT count(*) FROM tower_activity.activity")?.parse()?;
    println!(
        "{committed} activities committed in all, {central} in the central store, {} of them forwarded at the end",
        left.forwarded
    );
    if verified.missing > 0 || central != committed {
        return Err(format!("the central store is not complete: {verified:?}").into());
    }
    Ok(())
}

fn wal(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}
