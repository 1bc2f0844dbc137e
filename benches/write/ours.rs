//! The log's side: activities started and ended as fast as the writer commits them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use benches::setting;
use tower_activity::{ActivityLog, Describe, Mode, Outcome};

use crate::{
    Failure, Side,
    sample::{ACTORS, AGENTS, PROJECTS, Sample, TOOLS},
};

/// The most activities that may wait before the producer pauses: two transactions.
const AHEAD: u64 = 20_000;
/// The number of activities between two checks of how many wait.
const STRIDE: usize = 1000;

pub(crate) struct Ours {
    log: ActivityLog,
    path: PathBuf,
    tools: Vec<Arc<str>>,
    projects: Vec<Arc<str>>,
    agents: Vec<Arc<str>>,
    actors: Vec<Arc<str>>,
}

impl Ours {
    pub(crate) fn open(path: &Path, mode: Mode) -> Result<Self, Failure> {
        let names = |what: &str, count| (0..count).map(|n| format!("{what}-{n}").into()).collect();
        // The default, or longer: under valgrind 10,000 activities take longer than the default.
        let interval = Duration::from_millis(setting("BENCH_FLUSH_MS", 50) as u64);
        Ok(Ours {
            log: ActivityLog::builder()
                .mode(mode)
                .flush_interval(interval)
                .open(path)?,
            path: path.to_owned(),
            tools: names("tool", TOOLS),
            projects: names("project", PROJECTS),
            agents: names("agent", AGENTS),
            actors: names("actor", ACTORS),
        })
    }

    fn call(&self, sample: Sample) {
        let describe = Describe::tool(self.tools[sample.tool].clone())
            .project(self.projects[sample.project].clone())
            .agent(self.agents[sample.agent].clone())
            .actor(self.actors[sample.actor].clone())
            .attribute("rows", sample.rows);
        self.log.start(describe).end(if sample.fails {
            Outcome::failed("timeout").with_message("the upstream did not answer within 30 s")
        } else {
            Outcome::success()
        });
    }
}

impl Side for Ours {
    fn write(&mut self, from: usize, count: usize) -> Result<Duration, Failure> {
        let mut longest = Duration::ZERO;
        for first in (from..from + count).step_by(STRIDE) {
            for number in first..(first + STRIDE).min(from + count) {
                let start = Instant::now();
                self.call(Sample::new(number));
                longest = longest.max(start.elapsed());
            }
            while self.log.accounting().activities.waiting > AHEAD {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.log.flush().timeout(Duration::from_secs(60)).wait()?;
        Ok(longest)
    }

    fn close(self: Box<Self>, rows: usize) -> Result<(), Failure> {
        let counts = self
            .log
            .shutdown()
            .timeout(Duration::from_secs(60))
            .wait()?;
        if counts.activities.committed != rows as u64
            || counts.activities.rejected() + counts.activities.lost() > 0
        {
            return Err(format!("not all was recorded: {counts:?}").into());
        }
        drop(self.log);
        super::raw::settle(&self.path, rows)
    }
}
