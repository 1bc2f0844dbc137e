//! A log in a file of its own, and its maintenance.

use std::path::Path;

use tower_activity::store::{Maintenance, Store, sqlite::SqliteStore};
#[cfg(feature = "testing")]
use tower_activity::{ActivityLog, testing::ManualClock};

/// The name of the file.
const FILE: &str = "a.db";

/// Opens a log in a new folder, with a clock that stands still.
#[cfg(feature = "testing")]
pub fn open_log() -> (tempfile::TempDir, ActivityLog, ManualClock) {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let log = ActivityLog::builder().clock(clock.clone());
    let log = log.open(folder.path().join(FILE)).unwrap();
    (folder, log, clock)
}

/// Opens the maintenance of the log in a folder.
pub fn maintenance(folder: &Path) -> Box<dyn Maintenance> {
    let store = SqliteStore::new(folder.join(FILE)).unwrap();
    store.maintenance().unwrap()
}
