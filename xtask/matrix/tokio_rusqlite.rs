//! A log beside tokio-rusqlite.

mod record;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = tokio_rusqlite::Connection::open_in_memory().await?;
    let version: String = connection
        .call(|connection| connection.query_row("SELECT sqlite_version()", [], |row| row.get(0)))
        .await?;
    record::record(&version).await
}
