//! Work that may block, off the threads that must not.

use tokio::task;

use crate::error::{Error, ErrorKind, Result};

/// Does it on a thread where blocking is acceptable.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|cause| {
        let said = "could not look after a host: its work was broken off";
        Err(Error::new(ErrorKind::Panicked, said).with_source(cause))
    })
}
