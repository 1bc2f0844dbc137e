//! When what runs until it is asked to end is asked to.

use std::io;

use tokio::signal;

/// Listens for ctrl-c and for what asks a service to end, from now on; inside a runtime. What it gives waits for it.
pub(crate) fn asked_to_end() -> io::Result<impl Future<Output = io::Result<()>>> {
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
