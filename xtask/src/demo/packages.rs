//! A database for the tools to query: the packages that Cargo.lock names.

use std::fs;

use rusqlite::Connection;

use super::calls::PACKAGES;
use crate::run::{Result, root};

/// Makes it anew.
///
/// # Errors
///
/// When a file cannot be read or written.
pub(super) fn write() -> Result {
    let file = root().join(PACKAGES);
    if file.exists() {
        fs::remove_file(&file)?;
    }
    let mut database = Connection::open(&file)?;
    let database = database.transaction()?;
    database.execute("CREATE TABLE package (name TEXT, version TEXT)", [])?;
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let value = |line: Option<&str>, key: &str| {
        let value = line.and_then(|line| line.strip_prefix(key));
        value.map(|value| value.trim_matches('"').to_owned())
    };
    let mut packages = lock.lines();
    while let Some(line) = packages.next() {
        if line != "[[package]]" {
            continue;
        }
        let name = value(packages.next(), "name = ");
        let version = value(packages.next(), "version = ");
        database.execute(
            "INSERT INTO package (name, version) VALUES (?1, ?2)",
            (name, version),
        )?;
    }
    Ok(database.commit()?)
}
