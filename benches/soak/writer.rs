//! The recording process: this program, run again.

use std::{
    convert::Infallible,
    env,
    future::{Future, Ready, ready},
    io::Read,
    path::Path,
    pin::pin,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use benches::Failure;
use tower::{Layer, Service, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Describe, store::Limit};

use crate::{Plan, STORE};

/// The interval of bursts of calls.
const TICK: Duration = Duration::from_millis(1);

/// A process that records until its standard input is closed.
pub(crate) struct Writer(Child);

impl Writer {
    pub(crate) fn start(path: &Path) -> Result<Self, Failure> {
        let child = Command::new(env::current_exe()?)
            .env(STORE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Writer(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn kill(mut self) -> Result<(), Failure> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Ends it cleanly. Returns the number of recorded calls; fails if one was lost.
    pub(crate) fn end(mut self) -> Result<u64, Failure> {
        drop(self.0.stdin.take());
        let mut output = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_string(&mut output)?;
        }
        let status = self.0.wait()?;
        if !status.success() {
            return Err(format!("the process that records failed: {status}").into());
        }
        Ok(output.trim().parse()?)
    }
}

/// Records calls at a rate per second, and prints their number.
pub(crate) fn record(path: &Path, plan: Plan) -> Result<(), Failure> {
    let log = ActivityLog::builder()
        .keep_activities(Limit::bytes(plan.keep))
        .open(path)?;
    let stop = AtomicBool::new(false);
    let calls = thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            stop.store(true, Relaxed);
        });
        call(&log, plan.rate, &stop)
    });
    let counts = log.shutdown().timeout(Duration::from_secs(30)).wait()?;
    if !counts.adds_up()
        || counts.activities.committed != calls
        || counts.activities.lost() + counts.activities.rejected() > 0
    {
        return Err(format!("{calls} calls, and {counts:?}").into());
    }
    println!("{calls}");
    Ok(())
}

fn call(log: &ActivityLog, rate: usize, stop: &AtomicBool) -> u64 {
    let layer = ActivityLayer::new(log).describe(|_: &()| Describe::tool("search").project("acme"));
    let answer = |()| -> Ready<Result<u32, Infallible>> { ready(Ok(42)) };
    let mut service = layer.layer(service_fn(answer));
    let mut cx = Context::from_waker(Waker::noop());
    let mut calls = 0;
    let start = Instant::now();
    while !stop.load(Relaxed) {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        while calls < due {
            while service.poll_ready(&mut cx).is_pending() {}
            let mut future = pin!(service.call(()));
            while future.as_mut().poll(&mut cx).is_pending() {}
            calls += 1;
        }
        thread::sleep(TICK);
    }
    calls
}
