//! A log beside SeaORM with SQLite.

mod record;

use sea_orm::Database;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = Database::connect("sqlite::memory:").await?;
    connection.ping().await?;
    record::record("of both").await
}
