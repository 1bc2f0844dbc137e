//! What all programs that serve do beside what they are there for: they open a log, and look at what is on record.

use std::{error::Error, fs};

use tower_activity::{ActivityLog, Kind, Status, record::Filter};

/// A new log in the folder of the package.
pub fn open() -> tower_activity::Result<ActivityLog> {
    for name in ["activity.db", "activity.db-wal", "activity.db-shm"] {
        let _ = fs::remove_file(name);
    }
    ActivityLog::open("activity.db")
}

/// One call of this name is on record, and succeeded.
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
