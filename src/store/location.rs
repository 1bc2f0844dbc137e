//! The store that an address or a path names.

use std::{path::Path, sync::Arc};

use crate::{
    error::{Error, Result},
    store::{CentralStore, Store},
};

/// Returns the store at `location`: a database of PostgreSQL (`postgres://user@host/database`) or ClickHouse
/// (`clickhouse://user@host/database`), or a SQLite file. Nothing is opened or created yet.
///
/// # Errors
///
/// If the address is malformed or of another kind, this build lacks the feature for it (`postgres`, `clickhouse`, `sqlite`), or the path
/// cannot be made absolute.
///
/// # Examples
///
/// ```
/// let store = tower_activity::store::open("activity.db")?;
/// assert!(store.file().is_some_and(|file| file.ends_with("activity.db")));
/// let error = tower_activity::store::open("mysql://localhost/ops").unwrap_err();
/// assert!(error.to_string().contains("mysql"));
/// # Ok::<_, tower_activity::Error>(())
/// ```
pub fn open(location: impl AsRef<Path>) -> Result<Arc<dyn Store>> {
    let location = location.as_ref();
    match location.to_str().and_then(|text| text.split_once("://")) {
        None => file(location),
        Some((scheme, _)) => match central(location.to_str().unwrap_or_default()) {
            Some(store) => Ok(store?),
            // The rest of an address may hold a password.
            None => Err(Error::invalid(format!(
                "cannot open a store at an address that begins with {scheme:?}: use the path of a SQLite file, \
                 postgres://user@host/database or clickhouse://user@host/database"
            ))),
        },
    }
}

/// Returns the central store in the database at this address; `None` if it is of no known kind.
///
/// # Errors
///
/// If the address is malformed, or this build lacks the feature for it.
pub(crate) fn central(address: &str) -> Option<Result<Arc<dyn CentralStore>>> {
    let (scheme, _) = address.split_once("://")?;
    match scheme {
        "postgres" | "postgresql" => Some(postgres(address)),
        "clickhouse" => Some(clickhouse(address)),
        _ => None,
    }
}

#[cfg(feature = "postgres")]
fn postgres(address: &str) -> Result<Arc<dyn CentralStore>> {
    Ok(Arc::new(super::postgres::PostgresStore::new(address)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<Arc<dyn CentralStore>> {
    Err(without("PostgreSQL", "postgres"))
}

#[cfg(feature = "clickhouse")]
fn clickhouse(address: &str) -> Result<Arc<dyn CentralStore>> {
    Ok(Arc::new(super::clickhouse::ClickHouseStore::new(address)?))
}

#[cfg(not(feature = "clickhouse"))]
fn clickhouse(_: &str) -> Result<Arc<dyn CentralStore>> {
    Err(without("ClickHouse", "clickhouse"))
}

#[cfg(not(all(feature = "postgres", feature = "clickhouse")))]
fn without(engine: &str, feature: &str) -> Error {
    Error::invalid(format!(
        "cannot use a {engine} database: this program was built without the feature `{feature}` of tower-activity"
    ))
}

fn file(location: &Path) -> Result<Arc<dyn Store>> {
    #[cfg(feature = "sqlite")]
    {
        Ok(Arc::new(super::sqlite::SqliteStore::new(location)?))
    }
    #[cfg(not(feature = "sqlite"))]
    {
        let path = location.display();
        Err(Error::invalid(format!(
            "cannot read the file {path}: this program was built without the feature `sqlite`"
        )))
    }
}
