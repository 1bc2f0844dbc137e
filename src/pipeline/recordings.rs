//! What applies to the recordings of a log.

use std::time::Duration;

/// What applies to the recordings of a log: when they are handed over, and how large one may be. How long they are kept
/// is set with [`keep_recordings`](crate::Builder::keep_recordings).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::{ActivityLog, Handover, Recordings};
///
/// # fn main() -> tower_activity::Result<()> {
/// let recordings = Recordings::default()
///     .handover(Handover::BeforeAnswer)
///     .timeout(Duration::from_secs(1));
/// let log = ActivityLog::builder().recordings(recordings).open(":memory:")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Recordings {
    pub(crate) handover: Handover,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: u64,
}

/// When what an activity's recordings still hold back is handed over at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Handover {
    /// After the answer. Until then the activity shows them as pending. The log's shutdown does not wait for it: stop what
    /// is recorded first.
    #[default]
    Background,
    /// Before the answer, which waits for it, but for no longer than the timeout. A session that has missed that delays no
    /// further answer until it has handed over.
    BeforeAnswer,
}

impl Default for Recordings {
    fn default() -> Self {
        Recordings {
            handover: Handover::default(),
            timeout: Duration::from_secs(2),
            max_bytes: 256 << 20,
        }
    }
}

impl Recordings {
    /// Sets when they are handed over at the end of an activity; after the answer by default.
    pub fn handover(mut self, handover: Handover) -> Self {
        self.handover = handover;
        self
    }

    /// Sets how long what is recorded has to begin, to hand over the rest, and to stop; 2 seconds each by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many bytes one recording may take, compressed; 256 MiB by default. It is truncated there.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }
}
