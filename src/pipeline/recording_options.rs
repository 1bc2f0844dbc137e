//! The settings for a log's recordings.

use std::time::Duration;

/// The settings for a log's recordings: when they are flushed, their timeouts, and their largest size. Their retention is
/// set with [`keep_recordings`](crate::log::Builder::keep_recordings).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::{ActivityLog, log::{FlushMode, RecordingOptions}};
///
/// # fn main() -> tower_activity::Result<()> {
/// let recordings = RecordingOptions::default()
///     .flush_mode(FlushMode::BeforeResponse)
///     .timeout(Duration::from_secs(1));
/// let log = ActivityLog::builder().recordings(recordings).open(":memory:")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RecordingOptions {
    pub(crate) flush_mode: FlushMode,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: u64,
}

/// When the buffered rest of an activity's recordings is flushed at the end of the activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlushMode {
    /// After the response. Until then the activity shows its recordings as pending. The log's shutdown does not wait for
    /// it: stop the recorded session first.
    #[default]
    Background,
    /// Before the response, which waits for it up to the timeout. A session that has missed the timeout delays no further
    /// response until it has flushed.
    BeforeResponse,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        RecordingOptions {
            flush_mode: FlushMode::default(),
            timeout: Duration::from_secs(2),
            max_bytes: 256 << 20,
        }
    }
}

impl RecordingOptions {
    /// Sets when recordings are flushed at the end of an activity; after the response by default.
    pub fn flush_mode(mut self, mode: FlushMode) -> Self {
        self.flush_mode = mode;
        self
    }

    /// Sets the timeout for a recorded session to start, to flush, and to stop; 2 seconds each by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum compressed size of one recording; 256 MiB by default. It is truncated there.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }
}
