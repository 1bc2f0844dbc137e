//! A process of the fleet.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tower_activity::{
    ActivityLog, Describe, Mode, Outcome, query::ActivityReader, testing::ManualClock,
};

/// Marks such a process: what it does, as JSON.
pub const MEMBER: &str = "ACTIVITY_TEST_FLEET_MEMBER";
/// Agents work on every machine.
pub const AGENTS: usize = 7;

/// What a process records and forwards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub path: PathBuf,
    /// The address of the server.
    pub target: Option<String>,
    /// The number of calls in the file at the end.
    pub calls: usize,
    /// Calls per second.
    pub pace: usize,
    pub is_ahead: bool,
}

impl Member {
    /// Records until the file has enough calls. The time that each takes is appended to a file.
    pub fn run(self) {
        let mut builder = ActivityLog::builder().mode(Mode::Wait);
        if let Some(target) = &self.target {
            builder = builder.forward_to(&**target);
        }
        if self.is_ahead {
            builder = builder.clock(ahead());
        }
        let log = builder.open(&self.path).unwrap();
        let recorded = ActivityReader::open(&self.path).unwrap().health().unwrap();
        let first = recorded.activities as usize / 2;
        let mut durations = Vec::new();
        let start = Instant::now();
        for number in first..self.calls {
            let due = Duration::from_secs_f64((number - first) as f64 / self.pace as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
            let begin = Instant::now();
            record(&log, number);
            durations.push(begin.elapsed().as_nanos().min(u32::MAX.into()) as u32);
            if durations.len() == self.pace {
                append(&self.path, &mut durations);
            }
        }
        append(&self.path, &mut durations);
        let report = log.shutdown().timeout(Duration::from_secs(5)).wait();
        report.unwrap();
    }
}

fn record(log: &ActivityLog, number: usize) {
    let call = log.start(
        Describe::tool(format!("tool {}", number % 5))
            .project(["acme", "zoo"][number % 2])
            .agent(format!("agent {}", number % AGENTS)),
    );
    call.event("step").summary("half of it").record();
    log.start(Describe::job("inner").parent(&call))
        .end(match number % 10 {
            0 => Outcome::failed("denied"),
            _ => Outcome::success(),
        });
    call.end(Outcome::success());
}

/// A clock that goes, a day ahead.
fn ahead() -> ManualClock {
    let clock = ManualClock::new();
    clock.set_wall(Utc::now() + TimeDelta::days(1));
    let hand = clock.clone();
    thread::spawn(move || {
        let mut last = Instant::now();
        loop {
            thread::sleep(Duration::from_millis(1));
            let now = Instant::now();
            hand.advance(now - last);
            last = now;
        }
    });
    clock
}

fn file_of(path: &Path) -> PathBuf {
    path.with_extension("durations")
}

fn append(path: &Path, durations: &mut Vec<u32>) {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file_of(path));
    let bytes: Vec<u8> = durations.drain(..).flat_map(u32::to_ne_bytes).collect();
    file.unwrap().write_all(&bytes).unwrap();
}

/// Returns how long calls took, in nanoseconds.
pub fn durations(path: &Path) -> Vec<u32> {
    let bytes = std::fs::read(file_of(path)).unwrap();
    let durations = bytes.chunks_exact(4);
    durations
        .map(|one| u32::from_ne_bytes(one.try_into().unwrap()))
        .collect()
}
