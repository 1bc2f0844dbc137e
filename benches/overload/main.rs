//! The time of a call while the store hangs and the log's memory is full, compared with normal operation.
//!
//! Both logs run alternating bursts in one process, so that noise of the machine affects both. Every call is timed separately:
//! each figure includes one reading of the clock.
#![allow(missing_docs)]

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    sync::{Arc, Condvar, Mutex},
    task::{Context, Poll, Waker},
    time::Instant,
};

use benches::{is_quick, print_ratio, setting};
use tower::{Layer, Service, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Result,
    store::{
        Accounting, AppendOutcome, Batch, Instance, Reader, Store, Writer, sqlite::SqliteStore,
    },
};

/// Calls per burst.
const BURST: usize = 2_000;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let rounds = setting("BENCH_ROUNDS", if is_quick() { 20 } else { 500 });
    let folder = tempfile::tempdir()?;
    let healthy = ActivityLog::open(folder.path().join("healthy.db"))?;
    let store = Arc::new(StuckStore {
        inner: SqliteStore::new(folder.path().join("stuck.db"))?,
        stuck: Arc::default(),
    });
    let stuck = ActivityLog::builder().open_store(store.clone())?;
    *store
        .stuck
        .0
        .lock()
        .unwrap_or_else(|held| held.into_inner()) = true;
    let mut calls = 0;
    while stuck.accounting().activities.rejected_memory == 0 {
        burst(&stuck);
        calls += BURST;
    }

    let (mut well, mut ill) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ill.extend(burst(&stuck));
        well.extend(burst(&healthy));
        healthy.flush().wait()?;
    }
    *store
        .stuck
        .0
        .lock()
        .unwrap_or_else(|held| held.into_inner()) = false;
    store.stuck.1.notify_all();
    for (log, calls) in [(healthy, rounds * BURST), (stuck, rounds * BURST + calls)] {
        let counts = log.shutdown().wait()?;
        if !counts.adds_up()
            || counts.activities.recorded != calls as u64
            || counts.activities.lost() > 0
        {
            return Err(format!("{calls} calls, and {counts:?}").into());
        }
    }

    println!("nanoseconds per call, {} calls each", rounds * BURST);
    println!("{:<28}{:>8}{:>8}{:>8}", "store", "p50", "p99", "p99.9");
    let well = Quantiles::new(well, "healthy");
    let ill = Quantiles::new(ill, "stuck, memory full");
    print_ratio("call_stuck_vs_healthy", ill.p50 / well.p50);
    print_ratio("call_stuck_vs_healthy_p99", ill.p99 / well.p99);
    Ok(())
}

/// Runs a burst, and returns the nanoseconds of each call.
fn burst(log: &ActivityLog) -> Vec<f64> {
    let layer = ActivityLayer::new(log).describe(|_: &()| Describe::tool("search"));
    let answer = |()| -> Ready<std::result::Result<u32, Infallible>> { ready(Ok(black_box(42))) };
    let mut service = layer.layer(service_fn(answer));
    let mut cx = Context::from_waker(Waker::noop());
    let mut samples = Vec::with_capacity(BURST);
    for _ in 0..BURST {
        let start = Instant::now();
        while service.poll_ready(&mut cx).is_pending() {}
        let mut future = pin!(service.call(()));
        loop {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut cx) {
                let _ = black_box(answer);
                break;
            }
        }
        samples.push(start.elapsed().as_nanos() as f64);
    }
    samples
}

struct Quantiles {
    p50: f64,
    p99: f64,
}

impl Quantiles {
    /// Computes quantiles of samples, and prints a line.
    fn new(mut samples: Vec<f64>, name: &str) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
        println!(
            "{name:<28}{:>8.0}{:>8.0}{:>8.0}",
            at(0.5),
            at(0.99),
            at(0.999)
        );
        Quantiles {
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

/// A store whose commits hang while it is stuck.
#[derive(Debug)]
struct StuckStore {
    inner: SqliteStore,
    stuck: Arc<(Mutex<bool>, Condvar)>,
}

impl Store for StuckStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        Ok(Box::new(StuckWriter {
            inner: self.inner.writer(instance)?,
            stuck: self.stuck.clone(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }
}

struct StuckWriter {
    inner: Box<dyn Writer>,
    stuck: Arc<(Mutex<bool>, Condvar)>,
}

impl tower_activity::store::sealed::WriteSide for StuckWriter {}

impl Writer for StuckWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        let stuck = self.stuck.0.lock().unwrap_or_else(|held| held.into_inner());
        drop(self.stuck.1.wait_while(stuck, |stuck| *stuck));
        self.inner.append(batch)
    }

    fn reap(&mut self) -> Result<u64> {
        self.inner.reap()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        self.inner.close(accounting)
    }
}
