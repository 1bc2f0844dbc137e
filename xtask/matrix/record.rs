//! Shared by all programs: records some calls, and reads them back.

use std::{error::Error, fs};

use tower_activity::{ActivityLog, Describe, Outcome, record::Filter};

/// Records calls in a file, and prints the version of the linked SQLite.
pub async fn record(sqlite: &str) -> Result<(), Box<dyn Error>> {
    // Each program runs in its own package folder.
    for name in ["activity.db", "activity.db-wal", "activity.db-shm"] {
        let _ = fs::remove_file(name);
    }
    let log = ActivityLog::open("activity.db")?;
    for _ in 0..3 {
        log.start(Describe::job("build")).end(Outcome::success());
    }
    log.flush().await?;
    let page = log.reader()?.page(&Filter::default(), None, 10)?;
    assert_eq!(page.records.len(), 3);
    log.shutdown().await?;
    println!("SQLite {sqlite}");
    Ok(())
}
