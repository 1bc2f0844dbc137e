//! The golden file of today's schema: a log that later versions have to read.

use crate::run::{Result, cargo, root, run};

/// Where golden files are kept.
const FOLDER: &str = "tests/golden";

/// Writes the golden file of today's schema, with its rows and answers. A file that is there already stays.
///
/// # Errors
///
/// When it is there already, and when it cannot be made.
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
