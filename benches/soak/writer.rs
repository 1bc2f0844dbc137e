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
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Outcome,
    recording::{Chunk, Stream},
    store::Limit,
};

use crate::{Plan, STORE, TARGET};

/// Of so many calls one has a recording.
const RECORDED: u64 = 100;
/// The interval of bursts of calls.
const TICK: Duration = Duration::from_millis(1);

/// A process that records until its standard input is closed.
pub(crate) struct Writer(Child);

impl Writer {
    pub(crate) fn start(path: &Path, target: &str) -> Result<Self, Failure> {
        let child = Command::new(env::current_exe()?)
            .env(STORE, path)
            .env(TARGET, target)
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
pub(crate) fn record(path: &Path, target: &str, plan: Plan) -> Result<(), Failure> {
    // Recordings end in tasks of it.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let log = ActivityLog::builder()
        .keep_activities(Limit::bytes(plan.keep))
        .keep_recordings(Limit::bytes(plan.keep / 10))
        .forward_to(target)
        .open(path)?;
    let stop = AtomicBool::new(false);
    let calls = thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            stop.store(true, Relaxed);
        });
        call(&log, &runtime, plan.rate, &stop)
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

fn call(log: &ActivityLog, runtime: &Runtime, rate: usize, stop: &AtomicBool) -> u64 {
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
            if calls % RECORDED == 0 {
                record_stream(log, runtime, calls);
                calls += 1;
            }
        }
        thread::sleep(TICK);
    }
    calls
}

/// Records a call with a recording of some kilobytes.
fn record_stream(log: &ActivityLog, runtime: &Runtime, number: u64) {
    let call = log.start(Describe::tool("shop").project("acme"));
    let stream = runtime.block_on(call.attach(Stream::new("frames")));
    let lines: String = (0..64_u64)
        .map(|line| format!("{{\"frame\":{number},\"at\":{}}}\n", number ^ (line * 7919)))
        .collect();
    stream.append(Chunk::new(lines).events(64));
    call.end(Outcome::success());
}
