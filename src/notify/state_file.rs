//! The file with the state of webhooks beside a log, so that the log's writer never waits for it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, ToSql,
    config::DbConfig,
    params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    error::{Error, ErrorKind, Result},
    notify::schema,
    store::{
        lock_file,
        sealed::{Cell, Tables},
        sqlite::create,
    },
};

/// How long to wait for the transaction of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The path of the file. Adding the first webhook creates it.
#[derive(Debug, Clone)]
pub(super) struct StateFile(PathBuf);

impl StateFile {
    /// Returns the file of a log.
    pub(super) fn for_log(log: &Path) -> Self {
        StateFile(with_suffix(log, "-webhooks"))
    }

    /// Takes the lock file, which the delivering process holds; `None` while another one does.
    pub(super) fn try_lock(&self) -> Result<Option<File>> {
        lock_file::try_lock(&with_suffix(&self.0, ".lock"))
    }

    /// Returns false if no webhook was ever added.
    pub(super) fn exists(&self) -> Result<bool> {
        fs::exists(&self.0).map_err(|cause| {
            let what = format!("could not read the webhooks {}", self.0.display());
            Error::store(what).with_source(cause)
        })
    }

    /// Opens the file, and creates it if it does not exist.
    pub(super) fn open(&self) -> Result<Box<dyn Tables>> {
        Ok(Box::new(FileTables::open(&self.0)?))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The open file.
#[derive(Debug)]
struct FileTables {
    connection: Connection,
    path: PathBuf,
}

impl FileTables {
    fn open(path: &Path) -> Result<Self> {
        let failed = |cause: rusqlite::Error| {
            let what = format!("could not open the webhooks {}", path.display());
            Error::store(what).with_source(cause)
        };
        // It holds secrets.
        create::private_file(path).map_err(|cause| {
            let what = format!("could not create the file {}", path.display());
            Error::store(what).with_source(cause)
        })?;
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        // A file of a newer version is left untouched, and so is its WAL.
        let no_checkpoint = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection
            .set_db_config(no_checkpoint, true)
            .map_err(failed)?;
        if schema::migrate(&mut connection).map_err(failed)? > schema::VERSION {
            let what = format!(
                "could not use the webhooks {}: a newer version of this program wrote them",
                path.display()
            );
            return Err(Error::new(ErrorKind::NewerSchema, what));
        }
        connection
            .set_db_config(no_checkpoint, false)
            .map_err(failed)?;
        Ok(FileTables {
            connection,
            path: path.to_owned(),
        })
    }
}

impl Tables for FileTables {
    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>> {
        let run = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let rows = statement.query_map(params_from_iter(values), |row| {
                let cell = |n| {
                    Ok(match row.get_ref(n)? {
                        ValueRef::Integer(value) => Cell::Integer(Some(value)),
                        ValueRef::Null => Cell::Integer(None),
                        other => Cell::Text(Some(other.as_str()?.to_owned())),
                    })
                };
                (0..columns).map(cell).collect()
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        run().map_err(|cause| {
            let what = format!("could not access the webhooks {}", self.path.display());
            Error::store(what).with_source(cause)
        })
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Cell::Integer(value) => value.to_sql(),
            Cell::Text(value) => value.to_sql(),
        }
    }
}
