//! The store that an address or a path names.

use std::{path::Path, sync::Arc};

use crate::{
    error::{Error, Result},
    store::{CentralStore, Store},
};

/// Returns the store at `location`: a PostgreSQL database (`postgres://user@host/database`), or a SQLite file. Nothing is opened or
/// created yet.
///
/// # Errors
///
/// If the address is malformed or of another kind, this build lacks the feature for it (`postgres`, `sqlite`), or the path cannot be
/// made absolute.
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
    let scheme = location.to_str().and_then(|text| text.split_once("://"));
    match scheme {
        Some(("postgres" | "postgresql", _)) => {
            Ok(postgres(location.to_str().unwrap_or_default())?)
        }
        // The rest of an address may hold a password.
        Some((scheme, _)) => Err(Error::invalid(format!(
            "cannot open a store at an address that begins with {scheme:?}: use the path of a SQLite file, or postgres://user@host/database"
        ))),
        None => file(location),
    }
}

/// Returns the central store in the PostgreSQL database at this address.
pub(crate) fn postgres(address: &str) -> Result<Arc<dyn CentralStore>> {
    #[cfg(feature = "postgres")]
    {
        Ok(Arc::new(super::postgres::PostgresStore::new(address)?))
    }
    #[cfg(not(feature = "postgres"))]
    {
        let _ = address;
        Err(Error::invalid(
            "cannot use a PostgreSQL database: this program was built without the feature `postgres` of tower-activity",
        ))
    }
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
