//! Supported versions of rusqlite and SQLite: hides their differences and refuses those that lack something.
//!
//! An application links one SQLite for all of its crates (`links = "sqlite3"`). So any rusqlite of the range in Cargo.toml
//! is supported, with any SQLite from [`MINIMUM`] on that has FTS5.

use std::{os::raw::c_int, path::Path, sync::LazyLock};

use rusqlite::{Connection, Result as SqliteResult};

use crate::error::{Error, Result};

/// The oldest SQLite with the schema's newest feature: contentless-delete FTS5 tables.
const MINIMUM: [i32; 3] = [3, 43, 0];

/// What the linked SQLite lacks; `None` if nothing. Found out in memory, since opening a file may fail for other reasons.
static UNSUPPORTED: LazyLock<Option<String>> = LazyLock::new(|| {
    // FTS5 adds this function to each connection.
    let asked = Connection::open_in_memory()
        .and_then(|connection| connection.query_row("SELECT fts5_source_id()", (), |_| Ok(())));
    unsupported(rusqlite::version_number(), asked.is_ok())
});

/// Checks that the linked SQLite can read and write a store.
///
/// # Errors
///
/// If it is too old, or built without FTS5.
pub(crate) fn check(path: &Path) -> Result<()> {
    match &*UNSUPPORTED {
        None => Ok(()),
        Some(why) => Err(Error::store(format!(
            "cannot open the store {}: {why}: enable the feature `bundled`, or link another SQLite",
            path.display()
        ))),
    }
}

/// Describes what a SQLite of this version lacks.
fn unsupported(linked: i32, fts5: bool) -> Option<String> {
    let [major, minor, patch] = MINIMUM;
    let oldest = format!("{major}.{minor}.{patch}");
    let version = format!(
        "{}.{}.{}",
        linked / 1_000_000,
        linked / 1_000 % 1_000,
        linked % 1_000
    );
    if linked < major * 1_000_000 + minor * 1_000 + patch {
        return Some(format!(
            "this program is linked with SQLite {version}, a store needs {oldest} or newer"
        ));
    }
    (!fts5).then(|| {
        format!(
            "this program is linked with a SQLite {version} without FTS5, a store needs {oldest} or newer with FTS5"
        )
    })
}

/// Sets the progress handler, called after every `steps` virtual machine instructions; it returns true to interrupt the
/// statement. `None` removes it.
pub(crate) fn set_progress_handler<F>(
    connection: &mut Connection,
    steps: c_int,
    stop: Option<F>,
) -> SqliteResult<()>
where
    F: FnMut() -> bool + Send + 'static,
{
    connection.progress_handler(steps, stop).into_result()
}

/// Empties a connection's page cache. A pragma, because the oldest rusqlite puts its method behind a feature.
pub(crate) fn release_memory(connection: &Connection) -> SqliteResult<()> {
    connection.execute_batch("PRAGMA shrink_memory")
}

/// Return value of rusqlite's `progress_handler`: `()` until 0.37, a `Result` from 0.38 on.
trait IntoResult {
    fn into_result(self) -> SqliteResult<()>;
}

impl IntoResult for () {
    fn into_result(self) -> SqliteResult<()> {
        Ok(())
    }
}

impl IntoResult for SqliteResult<()> {
    fn into_result(self) -> SqliteResult<()> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_or_one_without_fts5_is_reported_with_the_version_that_is_needed() {
        let old = unsupported(3_040_001, true).unwrap();
        assert!(old.contains("3.40.1") && old.contains("3.43.0"), "{old}");
        let lacking = unsupported(3_053_002, false).unwrap();
        assert!(
            lacking.contains("3.53.2 without FTS5") && lacking.contains("3.43.0"),
            "{lacking}"
        );
        assert_eq!(unsupported(3_043_000, true), None);
        assert_eq!(unsupported(4_000_000, true), None);
    }

    #[test]
    fn the_linked_sqlite_is_supported_and_releases_memory() {
        let connection = Connection::open_in_memory().unwrap();
        check(Path::new("activity.db")).unwrap();
        release_memory(&connection).unwrap();
    }
}
