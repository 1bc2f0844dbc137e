//! Shared by the programs with servers: opens a log, and checks its records.

use std::{error::Error, fs};

use tower_activity::{ActivityLog, Kind, Status, record::Filter};

/// Opens a new log in the package's folder.
pub fn open() -> tower_activity::Result<ActivityLog> {
    for name in ["activity.db", "activity.db-wal", "activity.db-shm"] {
        let _ = fs::remove_file(name);
    }
    ActivityLog::open("activity.db")
}

/// Fails unless exactly one call of this name is recorded, as successful.
pub async fn check(log: ActivityLog, kind: Kind, name: &str) -> Result<(), Box<dyn Error>> {
    log.flush().await?;
    let page = log.reader()?.page(&Filter::default(), None, 10)?;
    let on_record: Vec<_> = page
        .records
        .iter()
        .map(|one| (one.kind, one.name.as_str(), one.status))
        .collect();
    assert_eq!(on_record, [(kind, name, Status::Success)]);
    log.shutdown().await?;
    println!("`{name}` is on record");
    Ok(())
}
