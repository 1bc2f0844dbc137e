//! A log beside a pool of rusqlite's connections.

mod record;

use r2d2_sqlite::SqliteConnectionManager;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = r2d2::Pool::builder()
        .max_size(1)
        .build(SqliteConnectionManager::memory())?;
    let version: String =
        pool.get()?
            .query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
    record::record(&version).await
}
