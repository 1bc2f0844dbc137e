//! Processor time from Linux's `/proc`; zero elsewhere.

use std::{
    fs,
    ops::{AddAssign, Sub},
    time::Duration,
};

/// One tick: `USER_HZ` is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// Of all threads.
    pub(crate) process: Duration,
    /// Of the log's writer thread.
    pub(crate) writer: Duration,
}

impl Cpu {
    pub(crate) fn now() -> Self {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
        let writer = tasks
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("stat")).ok())
            .filter(|stat| stat.contains("(activity-writer)"))
            .map(|stat| used(&stat))
            .sum();
        Cpu {
            process: fs::read_to_string("/proc/self/stat")
                .map_or(Duration::ZERO, |stat| used(&stat)),
            writer,
        }
    }
}

/// Returns user plus system time of a `stat` line: its 14th and 15th field.
fn used(stat: &str) -> Duration {
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    TICK * ticks
}

impl Sub for Cpu {
    type Output = Cpu;

    fn sub(self, before: Cpu) -> Cpu {
        Cpu {
            process: self.process.saturating_sub(before.process),
            writer: self.writer.saturating_sub(before.writer),
        }
    }
}

impl AddAssign for Cpu {
    fn add_assign(&mut self, more: Cpu) {
        self.process += more.process;
        self.writer += more.writer;
    }
}
