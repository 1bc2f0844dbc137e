//! ClickHouse's engine, for the tests of central stores.

use std::path::PathBuf;

use crate::{
    pages, python,
    run::{self, Result, root, run},
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

/// Runs the tests of the dashboard, with pages that show a central store in the engine.
///
/// # Errors
///
/// If the engine cannot be installed, or a test fails.
pub(crate) fn dashboard() -> Result {
    let engine = install()?;
    run(pages::tests_on("clickhouse")?.env("ACTIVITY_TEST_CLICKHOUSE", engine))
}

/// Asks all questions of the conformance suite, and forwards a million records while connections are cut and forwarders killed, or as
/// many as `ACTIVITY_TEST_CLICKHOUSE_RECORDS`.
///
/// # Errors
///
/// If the engine cannot be installed, or a test fails.
pub(crate) fn prove() -> Result {
    let engine = install()?;
    pages::pages()?;
    for (binary, selected, variable, value) in [
        (
            "store",
            "clickhouse_conforms",
            "ACTIVITY_TEST_CLICKHOUSE_EVERY",
            "1",
        ),
        (
            "forward",
            "clickhouse::exact::",
            "ACTIVITY_TEST_CLICKHOUSE_RECORDS",
            "1000000",
        ),
    ] {
        let mut tests = run::tests(&["--workspace"], binary, &[selected]);
        tests.env("ACTIVITY_TEST_CLICKHOUSE", &engine);
        if std::env::var_os(variable).is_none() {
            tests.env(variable, value);
        }
        run(&mut tests)?;
    }
    Ok(())
}
