//! strace, with which tests kill a process at each of its writes.

use crate::{debian, run::Result};

/// Looks that it is there, where there is one for the system. In a container that Debian's packages are installed in,
/// installs it.
///
/// # Errors
///
/// When it is not there: with what to do.
pub(crate) fn ensure() -> Result {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    debian::ensure(
        &["strace"],
        &["strace"],
        "the tests kill a process at each of its writes with it",
    )
}
