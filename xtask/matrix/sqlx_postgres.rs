//! A log beside sqlx with PostgreSQL, which is never connected to. sqlx adds a SQLite to the lock file anyway.

mod record;

use sqlx::postgres::PgPoolOptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _pool = PgPoolOptions::new().connect_lazy("postgres://127.0.0.1/none")?;
    record::record("of the log alone").await
}
