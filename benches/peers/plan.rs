//! The faults, and the length and rate of a run. Shared with the programs of the peers that need one of their own.

use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: what the other runs are compared with.
    Nothing,
    /// The disk of the records is full, and has space again before the end.
    DiskFull,
    /// From then on the sink never answers.
    StuckSink,
    /// The process is killed while it records.
    Kill,
    /// Calls come ten times as fast as the sink takes records.
    Overload,
    /// Every caller drops its future after the first poll.
    Cancelled,
    /// Every call panics.
    Panics,
}

impl Fault {
    /// All of them, in the order of the table.
    #[allow(dead_code)]
    pub(crate) const ALL: [Fault; 7] = [
        Fault::Nothing,
        Fault::DiskFull,
        Fault::StuckSink,
        Fault::Kill,
        Fault::Overload,
        Fault::Cancelled,
        Fault::Panics,
    ];

    /// The name in the table and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Nothing => "none",
            Fault::DiskFull => "disk-full",
            Fault::StuckSink => "stuck-sink",
            Fault::Kill => "kill-9",
            Fault::Overload => "overload",
            Fault::Cancelled => "cancelled",
            Fault::Panics => "panics",
        }
    }

    /// Parses a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// How many calls are made, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Calls per second.
    pub(crate) rate: u32,
    /// The time before the fault.
    pub(crate) before: Duration,
    /// The time during the fault, in which calls are measured.
    pub(crate) during: Duration,
    /// The time after a disk has space again.
    pub(crate) after: Duration,
    /// The longest time to end.
    #[allow(dead_code)]
    pub(crate) ending: Duration,
}

impl Plan {
    /// The plan, a short one if `BENCH_QUICK` is set.
    pub(crate) fn new() -> Self {
        let milliseconds = Duration::from_millis;
        match std::env::var_os("BENCH_QUICK").is_some_and(|value| value != "0") {
            false => Plan {
                rate: 20_000,
                before: milliseconds(1_000),
                during: milliseconds(4_000),
                after: milliseconds(1_000),
                ending: milliseconds(40_000),
            },
            true => Plan {
                rate: 4_000,
                before: milliseconds(100),
                during: milliseconds(300),
                after: milliseconds(100),
                ending: milliseconds(12_000),
            },
        }
    }

    /// The time that an overloaded sink takes for one record.
    pub(crate) fn slow(&self) -> Duration {
        Duration::from_secs(10) / self.rate
    }
}
