//! The library without a store, beside a SQLite version that the store does not support.

use sqlx::sqlite::SqlitePoolOptions;
use tower_activity::{ActivityLayer, ActivityLog};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _layer = ActivityLayer::http(&ActivityLog::disabled());
    let pool = SqlitePoolOptions::new().connect("sqlite::memory:").await?;
    let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()")
        .fetch_one(&pool)
        .await?;
    println!("SQLite {version}");
    Ok(())
}
