//! The calls: spread over a part of a day by a manual clock, or made at a rate.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use benches::Failure;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Capture,
    recording::{Chunk, Stream},
    store::{Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use crate::size;

/// The interval of bursts of calls at a rate.
const TICK: Duration = Duration::from_millis(1);
/// The length of the output of a call in bytes.
const OUTPUT: usize = 2_000;
/// Of so many calls one has a recording.
const RECORDED: u64 = 100;
/// Calls between two flushes, so that nothing is rejected.
const FLUSHED: u64 = 2_000;

/// What is recorded of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Previews,
    Recordings,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Plain, Kind::Previews, Kind::Recordings];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::Previews => "previews",
            Kind::Recordings => "recordings",
        }
    }

    /// The words in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Kind::Plain => "scope and two attributes",
            Kind::Previews => "and previews, 0.1 and 2 KB",
            Kind::Recordings => "and a recording of 64 KB in each hundredth",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        let named = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        named.ok_or_else(|| format!("there is no kind {name:?}").into())
    }
}

/// A runtime for recordings.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Makes a call of one of 50 tools, 20 projects and 500 agents.
fn call(log: &ActivityLog, runtime: &Runtime, kind: Kind, number: u64) {
    let name = format!("tool_{}", number % 50);
    let call = log.start(
        Describe::tool(name)
            .project(format!("project-{}", number % 20))
            .agent(format!("agent-{}", number % 500))
            .session(format!("{:016x}", number / 10))
            .attribute("http.response.status_code", 200)
            .attribute("rows", number % 1_000),
    );
    if kind != Kind::Plain {
        let query = json!({"query": format!("orders of customer {number}"), "limit": 50});
        call.set_input(&query, Capture::Preview);
        call.set_output(&text(number, OUTPUT), Capture::Preview);
    }
    if kind == Kind::Recordings && number.is_multiple_of(RECORDED) {
        let stream = runtime.block_on(call.attach(Stream::new("frames")));
        stream.append(Chunk::new(text(number, 64 << 10)).events(100));
    }
    call.end(Outcome::success());
}

/// Words with numbers, as results of tools have them.
fn text(number: u64, length: usize) -> String {
    let words = [
        "order", "shipped", "customer", "total", "pending", "address", "item",
    ];
    let mut text = String::with_capacity(length + 32);
    let mut state = number;
    while text.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text += words[(state >> 33) as usize % words.len()];
        text += &format!(" {} ", (state >> 40) % 10_000);
    }
    text
}

/// Makes calls that are as far apart as at the rate. Returns the bytes that they take once they are indexed.
pub(crate) fn spread(kind: Kind, rate: u32, calls: u64, path: &Path) -> Result<u64, Failure> {
    let (runtime, clock) = (runtime()?, ManualClock::new());
    ActivityLog::open(path)?.shutdown().wait()?;
    let empty = size(path);
    let log = ActivityLog::builder().clock(clock.clone()).open(path)?;
    let between = Duration::from_secs(1) / rate;
    for number in 0..calls {
        call(&log, &runtime, kind, number);
        clock.advance(between);
        if number % FLUSHED == FLUSHED - 1 {
            log.flush().wait()?;
        }
    }
    let counts = log.shutdown().wait()?;
    if counts.activities.committed != calls {
        return Err(format!("{calls} calls, and {counts:?}").into());
    }
    let mut maintenance = SqliteStore::new(path)?.maintenance()?;
    while maintenance.index()? > 0 {}
    drop(maintenance);
    Ok(size(path).saturating_sub(empty))
}

/// Makes calls at a rate. Prints the peak of memory in bytes, the processor time per time, and the calls that were lost.
pub(crate) fn at_rate(kind: Kind, rate: u32, time: Duration, path: &Path) -> Result<(), Failure> {
    let runtime = runtime()?;
    let log = ActivityLog::open(path)?;
    let (start, before) = (Instant::now(), processor_time());
    let mut calls = 0;
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64 + 1;
        while calls < due {
            call(&log, &runtime, kind, calls);
            calls += 1;
        }
        thread::sleep(TICK.max(Duration::from_secs(1) / rate));
    }
    let cores = (processor_time() - before).as_secs_f64() / start.elapsed().as_secs_f64();
    let counts = log.shutdown().timeout(Duration::from_secs(60)).wait()?;
    let lost = calls - counts.activities.committed;
    println!("{} {cores} {lost}", peak()?);
    Ok(())
}

/// Processor time of the process.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.cast_unsigned(),
        time.tv_nsec.cast_unsigned() as u32,
    )
}

/// Returns the peak of this process' memory in bytes, from Linux's `/proc`.
fn peak() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.ok_or("no VmHWM in /proc/self/status")?;
    Ok(kilobytes.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
