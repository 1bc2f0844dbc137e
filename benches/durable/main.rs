//! The cost of durable responses: calls in the mode `Durable`, compared with an insert and commit per call, for one, ten and a
//! thousand concurrent callers. Both survive a power loss (`synchronous=FULL`).
#![allow(missing_docs)]

use std::{
    convert::Infallible,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use benches::{is_quick, print_ratio, quantile, setting};
use rusqlite::{Connection, params};
use tokio::{runtime::Runtime, sync::Barrier, task::JoinSet};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneService};
use tower_activity::{ActivityLayer, ActivityLog, Describe, Mode};

/// An error that ends a run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A service that is recorded in one way or the other.
type Recorded = BoxCloneService<u64, u64, Infallible>;

/// The numbers of concurrent callers.
const CALLERS: [usize; 3] = [1, 10, 1000];

const TABLE: &str = "
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE call (id INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL,
                   duration_ns INTEGER NOT NULL);
CREATE INDEX call_started_at ON call (started_at);";
const INSERT: &str =
    "INSERT INTO call (name, status, started_at, duration_ns) VALUES (?1, ?2, ?3, ?4)";

/// The measurements of one way with a number of callers.
#[derive(Default)]
struct Measurement {
    latencies: Vec<Duration>,
    elapsed: Duration,
}

fn main() -> Result<(), Failure> {
    let rounds = if is_quick() {
        1
    } else {
        setting("BENCH_ROUNDS", 10)
    };
    let folder = tempfile::tempdir_in(
        std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into()),
    )?;
    let runtime = Runtime::new()?;
    let log = ActivityLog::builder()
        .mode(Mode::Durable)
        .open(folder.path().join("ours.db"))?;
    let (by_hand, rows) = by_hand(&folder.path().join("by-hand.db"))?;
    let ways: [(&str, Recorded); 2] = [("manual insert", by_hand), ("ours, Durable", ours(&log))];

    println!("callers  way               calls/s         p50         p99");
    let mut calls = 0;
    for callers in CALLERS {
        let each = if is_quick() {
            2
        } else {
            (2000 / callers).clamp(5, 200)
        };
        let mut measured = [Measurement::default(), Measurement::default()];
        for _ in 0..rounds {
            for ((_, service), measured) in ways.iter().zip(&mut measured) {
                runtime.block_on(measured.add(service, callers, each))?;
            }
            calls += (callers * each) as u64;
        }
        for ((name, _), measured) in ways.iter().zip(&mut measured) {
            measured.latencies.sort_unstable();
            println!(
                "{callers:>7}  {name:<14} {:>10.0} {:>11.1?} {:>11.1?}",
                measured.rate(),
                quantile(&measured.latencies, 0.5),
                quantile(&measured.latencies, 0.99)
            );
        }
        let [by_hand, ours] = &measured;
        let ratio = |what: &str, ours: f64, by_hand: f64| {
            print_ratio(
                &format!("durable_{what}_{callers}_vs_by_hand"),
                ours / by_hand,
            );
        };
        for (what, part) in [("p50", 0.5), ("p99", 0.99)] {
            let seconds = |one: &Measurement| quantile(&one.latencies, part).as_secs_f64();
            ratio(what, seconds(ours), seconds(by_hand));
        }
        ratio("rate", ours.rate(), by_hand.rate());
    }

    let counts = log.shutdown().wait()?;
    if counts.activities.committed != calls || counts.not_durable > 0 || !counts.adds_up() {
        return Err(
            format!("not all of {calls} calls were answered from the record: {counts:?}").into(),
        );
    }
    let rows = rows.lock().map_err(|_| "the connection is poisoned")?;
    let count: i64 = rows.query_row("SELECT count(*) FROM call", [], |row| row.get(0))?;
    if count as u64 != calls {
        return Err(format!("{count} of {calls} calls were inserted manually").into());
    }
    Ok(())
}

impl Measurement {
    /// Runs concurrent callers, and collects the time of every call.
    async fn add(
        &mut self,
        service: &Recorded,
        callers: usize,
        each: usize,
    ) -> Result<(), Failure> {
        let barrier = Arc::new(Barrier::new(callers + 1));
        let mut crew = JoinSet::new();
        for _ in 0..callers {
            let (mut service, barrier) = (service.clone(), barrier.clone());
            crew.spawn(async move {
                let mut latencies = Vec::with_capacity(each);
                barrier.wait().await;
                for number in 0..each {
                    let start = Instant::now();
                    let answer = match service.ready().await {
                        Ok(service) => service.call(number as u64).await,
                        Err(never) => match never {},
                    };
                    std::hint::black_box(answer).ok();
                    latencies.push(start.elapsed());
                }
                latencies
            });
        }
        barrier.wait().await;
        let start = Instant::now();
        while let Some(latencies) = crew.join_next().await {
            self.latencies.extend(latencies?);
        }
        self.elapsed += start.elapsed();
        Ok(())
    }

    /// Calls per second.
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

fn ours(log: &ActivityLog) -> Recorded {
    let layer = ActivityLayer::new(log).describe(|_: &u64| Describe::job("search"));
    BoxCloneService::new(layer.layer(service_fn(async |number| Ok(number))))
}

/// An INSERT per call before its response, on tokio's blocking pool.
fn by_hand(path: &Path) -> Result<(Recorded, Arc<Mutex<Connection>>), Failure> {
    let connection = Connection::open(path)?;
    connection.execute_batch(TABLE)?;
    let shared = Arc::new(Mutex::new(connection));
    let rows = shared.clone();
    let service = service_fn(move |number| {
        let shared = shared.clone();
        async move {
            let started_at = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_micros() as i64);
            let start = Instant::now();
            let inserted = tokio::task::spawn_blocking(move || {
                let Ok(connection) = shared.lock() else {
                    return;
                };
                // A missing row fails the run when the rows are counted.
                let _ = connection.prepare_cached(INSERT).and_then(|mut insert| {
                    let duration = start.elapsed().as_nanos() as i64;
                    insert.execute(params!["search", "success", started_at, duration])
                });
            });
            let _ = inserted.await;
            Ok(number)
        }
    });
    Ok((BoxCloneService::new(service), rows))
}
