//! Whether the pages of a database form one consistent state.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::connection::{Checkpoint, close, connect_to_inspect, open_immutable};

/// The largest main file that is read completely while a commit waits: some 50 ms.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// Finds also an index that lacks rows of its table, which a mixture of two states leaves.
const INTEGRITY: &str = "PRAGMA integrity_check(1)";

/// Which files are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// The main file and its WAL, as any new connection reads them.
    MainAndWal,
    /// The main file without its WAL.
    Main,
}

/// Reads all pages through a new connection, which has cached neither pages nor the schema.
///
/// `None` if the main file is larger than `max_bytes`.
pub(crate) fn is_consistent(path: &Path, files: Files, max_bytes: u64) -> Option<bool> {
    if fs::metadata(path).is_ok_and(|main| main.len() > max_bytes) {
        return None;
    }
    let Some(connection) = files.open(path) else {
        return Some(false);
    };
    let is_sound = match files {
        Files::MainAndWal => passes(&connection, "PRAGMA quick_check(1)"),
        // An incomplete checkpoint leaves pages that are sound one by one: an index of one state, its table of another.
        Files::Main => passes(&connection, INTEGRITY),
    };
    close(connection, Checkpoint::No);
    Some(is_sound)
}

/// Returns true if a loss of power interrupted a checkpoint: pages of the main file have some of their sectors from the WAL, so
/// that even its rows read alone are those of no state, while SQLite reads the whole pages in the WAL. Reads everything.
pub(crate) fn is_torn(path: &Path) -> bool {
    let state = |files: Files| {
        let connection = files.open(path)?;
        let state = (
            passes(&connection, INTEGRITY),
            rows_are_counted(&connection),
        );
        close(connection, Checkpoint::No);
        Some(state)
    };
    let [both, main] =
        [Files::MainAndWal, Files::Main].map(|files| state(files).unwrap_or_default());
    let (is_intact, is_counted) = main;
    // Rows that another program deleted are counted in neither.
    both.0 && (!is_intact || both.1 && !is_counted)
}

impl Files {
    fn open(self, path: &Path) -> Option<Connection> {
        match self {
            Files::MainAndWal => connect_to_inspect(path).ok(),
            Files::Main => open_immutable(path).ok(),
        }
    }
}

fn passes(connection: &Connection, check: &str) -> bool {
    let found = connection.query_row(check, (), |row| row.get::<_, String>(0));
    found.is_ok_and(|found| found == "ok")
}

/// Returns true if the rows are those that instances count.
fn rows_are_counted(connection: &Connection) -> bool {
    const AGREE: &str = "SELECT (SELECT count(*) FROM activity) = sum(activities_added - activities_removed) \
         AND (SELECT count(*) FROM event) = sum(events_added - events_removed) FROM instance";
    let agree = connection.query_row(AGREE, (), |row| row.get(0));
    agree.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_read_up_to_the_limit_and_a_damaged_page_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
             SELECT i, hex(randomblob(16)) FROM n";
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE t (a INTEGER PRIMARY KEY, b); CREATE INDEX t_b ON t (b); INSERT INTO t {rows};"
            ))
            .unwrap();
        drop(connection);
        let bytes = fs::metadata(&path).unwrap().len();
        for files in [Files::MainAndWal, Files::Main] {
            assert_eq!(is_consistent(&path, files, bytes), Some(true));
            assert_eq!(is_consistent(&path, files, bytes - 1), None);
        }
        let mut pages = fs::read(&path).unwrap();
        pages[4_096..8_192].fill(7);
        fs::write(&path, pages).unwrap();
        for files in [Files::MainAndWal, Files::Main] {
            assert_eq!(is_consistent(&path, files, bytes), Some(false));
        }
        let missing = folder.path().join("b.db");
        assert_eq!(is_consistent(&missing, Files::Main, bytes), Some(false));
    }
}
