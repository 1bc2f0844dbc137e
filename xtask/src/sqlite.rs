//! Foreign SQLite clients, which tests run beside a log.

use crate::debian::Requirement;

/// SQLite's shell, and Python with its module.
pub(crate) const CLIENTS: Requirement = Requirement {
    programs: &["sqlite3", "python3"],
    packages: &["sqlite3", "python3"],
    why: "tests read and write a log with SQLite's shell and Python's sqlite3 module",
};
