//! The versions of rusqlite and SQLite that a program may bring: what differs between them, and which are refused.
//!
//! An application has one SQLite, whichever of its crates asked for it first (`links = "sqlite3"`). So any rusqlite of
//! the range in Cargo.toml will do, and any SQLite that it links, from [`MINIMUM`] on and with FTS5.

use std::{os::raw::c_int, path::Path, sync::LazyLock};

use rusqlite::{Connection, Result as SqliteResult};

use crate::error::{Error, Result};

/// The oldest SQLite that has what the schema needs: FTS5 tables without contents that rows can be deleted from.
const MINIMUM: [i32; 3] = [3, 43, 0];

/// What the linked SQLite lacks. Asked in memory: any statement on a file opens it, and that may fail for other reasons.
static UNSUPPORTED: LazyLock<Option<String>> = LazyLock::new(|| {
    // A function that FTS5 adds to each connection.
    let asked = Connection::open_in_memory()
        .and_then(|connection| connection.query_row("SELECT fts5_source_id()", (), |_| Ok(())));
    unsupported(rusqlite::version_number(), asked.is_ok())
});

/// Checks that the linked SQLite can read and write a log.
///
/// # Errors
///
/// When it is too old, or built without FTS5.
pub(crate) fn check(path: &Path) -> Result<()> {
    match &*UNSUPPORTED {
        None => Ok(()),
        Some(why) => Err(Error::store(format!(
            "cannot open the log {}: {why}: use the feature `bundled`, or link another SQLite",
            path.display()
        ))),
    }
}

/// What a SQLite of this version lacks.
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
            "this program is linked with SQLite {version}, a log needs {oldest} or newer"
        ));
    }
    (!fts5).then(|| {
        format!(
            "this program is linked with a SQLite {version} without FTS5, a log needs {oldest} or newer with FTS5"
        )
    })
}

/// Has SQLite ask, after so many steps of its machine, whether to stop; `None` ends that.
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

/// Forgets the pages that a connection remembers. The method of rusqlite has a feature of its own in the oldest one.
pub(crate) fn release_memory(connection: &Connection) -> SqliteResult<()> {
    connection.execute_batch("PRAGMA shrink_memory")
}

/// What that method returns: nothing until rusqlite 0.37, a result from 0.38 on.
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
    fn a_sqlite_that_is_too_old_or_lacks_fts5_is_named_beside_the_one_that_is_needed() {
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
    fn the_linked_sqlite_will_do_and_releases_memory() {
        let connection = Connection::open_in_memory().unwrap();
        check(Path::new("activity.db")).unwrap();
        release_memory(&connection).unwrap();
    }
}
