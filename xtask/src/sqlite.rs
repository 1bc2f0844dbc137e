//! SQLite clients of others, which the tests have read and write beside a log.

use crate::{debian, run::Result};

/// Looks that they are there, where the tests run that use them. In a container that Debian's packages are installed in,
/// installs them.
///
/// # Errors
///
/// When one is not there: with what to do.
pub(crate) fn ensure() -> Result {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    debian::ensure(
        &["sqlite3", "python3"],
        &["sqlite3", "python3"],
        "the tests use SQLite's shell and Python's sqlite3 module as foreign clients of a log",
    )
}
