//! Signals that end long-running commands.

use std::io;

use tokio::signal;

/// Registers handlers for ctrl-c and SIGTERM. The returned future completes with the first signal.
///
/// # Panics
///
/// Outside a tokio runtime.
pub(crate) fn shutdown() -> io::Result<impl Future<Output = io::Result<()>>> {
    #[cfg(unix)]
    {
        use signal::unix::{SignalKind, signal};

        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => Ok(()),
                _ = terminate.recv() => Ok(()),
            }
        })
    }
    #[cfg(not(unix))]
    Ok(signal::ctrl_c())
}
