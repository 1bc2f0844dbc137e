//! A log beside diesel with SQLite.

mod record;

use diesel::{Connection, RunQueryDsl, SqliteConnection, define_sql_function, select};

define_sql_function! {
    /// The version of SQLite.
    fn sqlite_version() -> diesel::sql_types::Text;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    let version: String = select(sqlite_version()).first(&mut connection)?;
    record::record(&version).await
}
