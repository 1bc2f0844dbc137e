//! Settings of a log, and their defaults.

use std::time::Duration;

#[cfg(feature = "testing")]
use crate::pipeline::ManualClock;
use crate::{
    pipeline::{Clock, Mode, RecordingOptions},
    record::Text,
    redact::Redactor,
    store::Retention,
};

/// The default timeout of everything that waits.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of a log.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The bytes that records may take in memory until they are committed.
    pub(crate) memory_limit: usize,
    /// How long a record may wait until it is committed.
    pub(crate) flush_interval: Duration,
    /// What a call may wait for.
    pub(crate) mode: Mode,
    /// How long a call waits for memory before it starts.
    pub(crate) wait_timeout: Duration,
    /// How long a call waits for its commit.
    pub(crate) durable_timeout: Duration,
    /// How long dropping the last handle waits for pending records.
    pub(crate) drop_timeout: Duration,
    /// The environment of activities and events that set none.
    pub(crate) environment: Option<Text>,
    /// The allowed types of events, in snake_case and sorted; `None` allows any.
    pub(crate) event_types: Option<Vec<Text>>,
    /// Removes secrets before anything is stored.
    pub(crate) redactor: Redactor,
    /// Options of recordings.
    pub(crate) recordings: RecordingOptions,
    /// Retention limits to set in the store; kinds without a limit here keep the store's.
    pub(crate) retention: Retention,
    /// The clock of a test; `None` is the system's.
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
            recordings: RecordingOptions::default(),
            retention: Retention::default(),
            #[cfg(feature = "testing")]
            clock: None,
        }
    }
}

impl Config {
    /// Returns the configured clock, or the system's.
    pub(crate) fn clock(&self) -> Clock {
        #[cfg(feature = "testing")]
        if let Some(clock) = &self.clock {
            return Clock::Manual(clock.clone());
        }
        Clock::system()
    }
}
