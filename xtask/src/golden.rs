//! The golden file of the current schema: a log that later versions must read.

use crate::run::{Result, cargo, root, run};

/// The folder of golden files.
const FOLDER: &str = "tests/golden";

/// Writes the golden file of the current schema, with its rows and answers. An existing file is never replaced.
///
/// # Errors
///
/// If it exists or cannot be written.
pub(crate) fn golden() -> Result {
    let args = [
        "test",
        "--all-features",
        "--package",
        "tower-activity",
        "--test",
        "store",
        "--",
        "--exact",
        "golden::a_golden_file_has_rows_in_every_table",
    ];
    run(cargo(&args).env("ACTIVITY_TEST_GOLDEN", root().join(FOLDER)))
}
