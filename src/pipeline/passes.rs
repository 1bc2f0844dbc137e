//! Notifications about passes of the writer threads, for tests.

use std::sync::LazyLock;

use tokio::sync::watch;

/// The id of this process, and the number of passes of all its writer threads.
static PASSES: LazyLock<(u32, watch::Sender<u64>)> =
    LazyLock::new(|| (std::process::id(), watch::Sender::new(0)));

/// Announces the end of a pass.
pub(super) fn announce() {
    let (process, passes) = &*PASSES;
    // In the child of a fork the channel's lock may have been held by a thread of the parent.
    if *process == std::process::id() {
        passes.send_modify(|passes| *passes = passes.wrapping_add(1));
    }
}

/// Returns a counter of the passes of this process's writer threads, for tests of what a writer does in the background.
///
/// A pass collects new records, commits them if that is due, and takes a step of maintenance: indexing, pruning, a
/// checkpoint. A test that waits for one of these checks its condition, and then awaits
/// [`changed`](watch::Receiver::changed) instead of polling. Prefer [`flush`](crate::ActivityLog::flush) or
/// [`assert`](crate::ActivityLog::assert) to wait for the commit of a record.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, testing::writer_passes};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (log, _clock) = ActivityLog::test();
/// log.event("deployment").record();
/// let mut passes = writer_passes();
/// while log.accounting().events.committed == 0 {
///     passes.changed().await?;
/// }
/// # Ok(())
/// # }
/// ```
pub fn writer_passes() -> watch::Receiver<u64> {
    PASSES.1.subscribe()
}
