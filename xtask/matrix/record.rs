//! What all programs do beside what they are there for: some calls go on record, and are read back.

use std::{error::Error, fs};

use tower_activity::{ActivityLog, Describe, Outcome, record::Filter};

/// Records calls in a file, and prints the version of SQLite that the program has.
pub async fn record(sqlite: &str) -> Result<(), Box<dyn Error>> {
    // The folder of the package: each program has its own.
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
