//! How a log is set up, and what holds where nothing else is said.

use std::time::Duration;

#[cfg(feature = "testing")]
use crate::pipeline::ManualClock;
use crate::{
    pipeline::{Clock, Mode, Recordings},
    record::Text,
    redact::Redactor,
    store::Retention,
};

/// How long anything waits where nothing else is said.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a log is set up.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The bytes it may keep in memory.
    pub(crate) memory_limit: usize,
    /// How long a record may wait before it is committed.
    pub(crate) flush_interval: Duration,
    /// What a call may wait for.
    pub(crate) mode: Mode,
    /// How long a call waits for room.
    pub(crate) wait_timeout: Duration,
    /// How long a call waits for its commit.
    pub(crate) durable_timeout: Duration,
    /// How long the last handle waits for what is not yet committed.
    pub(crate) drop_timeout: Duration,
    /// The environment of activities and events that name none.
    pub(crate) environment: Option<Text>,
    /// The types that events may have, in snake_case and sorted; `None`: any.
    pub(crate) event_types: Option<Vec<Text>>,
    /// What takes secrets out before anything is kept.
    pub(crate) redactor: Redactor,
    /// What applies to recordings.
    pub(crate) recordings: Recordings,
    /// The limits that it sets for its store: of the kinds that it names.
    pub(crate) retention: Retention,
    /// The clock that a test moves; `None`: the system's.
    #[cfg(feature = "testing")]
    pub(crate) clock: Option<ManualClock>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            memory_limit: 64 << 20,
            flush_interval: Duration::from_millis(50),
            mode: Mode::default(),
            wait_timeout: DEFAULT_TIMEOUT,
            durable_timeout: DEFAULT_TIMEOUT,
            drop_timeout: DEFAULT_TIMEOUT,
            environment: Some(Text::from_static("development")),
            event_types: None,
            redactor: Redactor::default(),
            recordings: Recordings::default(),
            retention: Retention::default(),
            #[cfg(feature = "testing")]
            clock: None,
        }
    }
}

impl Config {
    /// The clock that it names, or the system's.
    pub(crate) fn clock(&self) -> Clock {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return Clock::Manual(clock.clone());
        }
        Clock::system()
    }
}
