//! PostgreSQL servers, and the database of the benches in them.

#[path = "../../../tests/support/postgres.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]
mod postgres;

use std::path::Path;

pub use self::postgres::Server;
use crate::Failure;

/// The database of the benches.
const DATABASE: &str = "bench";

/// The settings of a server of some gigabytes: as its operator sets them, without a standby.
const SETTINGS: &str = "-c fsync=on -c shared_buffers=1GB -c max_wal_size=4GB -c wal_level=minimal -c max_wal_senders=0 \
     -c checkpoint_timeout=15min -c autovacuum_naptime=20s";

/// Starts a server: of the cluster in a folder, which stays, or of a new one.
pub fn start(kept: Option<&Path>) -> Server {
    let programs = postgres::programs();
    match kept {
        Some(folder) => Server::start_kept(&programs, folder, SETTINGS),
        None => Server::start_set(&programs, SETTINGS),
    }
}

/// Returns the address of the database of the benches. Creates it unless it exists.
///
/// # Errors
///
/// If the server refuses it.
pub fn database(server: &Server) -> Result<String, Failure> {
    let find = format!("SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'");
    if query(server, "postgres", &find)? == "0" {
        query(server, "postgres", &format!("CREATE DATABASE {DATABASE}"))?;
    }
    Ok(server.url(DATABASE))
}

/// Runs statements in the database of the benches, and returns what they print.
///
/// # Errors
///
/// If the server refuses one.
pub fn run(server: &Server, statements: &str) -> Result<String, Failure> {
    query(server, DATABASE, statements)
}

/// Runs statements in a database, and returns what they print.
///
/// # Errors
///
/// If the server refuses one.
pub fn query(server: &Server, database: &str, statements: &str) -> Result<String, Failure> {
    let output = server.psql(database, statements);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
