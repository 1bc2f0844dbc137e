//! Blocking work, kept off the runtime's threads.

use tokio::task;

use crate::error::{Error, ErrorKind, Result};

/// Runs `work` on the runtime's blocking pool.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|cause| {
        let message =
            "cannot finish blocking work for a host: it panicked, or the runtime shut down";
        Err(Error::new(ErrorKind::Panicked, message).with_source(cause))
    })
}
