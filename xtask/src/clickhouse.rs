//! ClickHouse's engine, for the tests of central stores.

use std::path::PathBuf;

use crate::{
    python,
    run::{Result, root},
};

/// Installs the engine and the official client, as pinned, below `target/xtask`. Returns the interpreter that has them.
///
/// # Errors
///
/// If Python is missing, or pip fails.
pub(crate) fn install() -> Result<PathBuf> {
    let pinned = root().join("tests/support/clickhouse/requirements.txt");
    Ok(python::install("clickhouse", &pinned)?.join("python"))
}
