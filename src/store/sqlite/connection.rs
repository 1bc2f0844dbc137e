//! Opening a database: is it ours, can we read it, and with which settings.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig, ffi};

use crate::{
    error::{Error, ErrorKind, Result},
    store::sqlite::{network, process::Connected},
};

/// Marks a file as a log: "TwAc".
const APPLICATION_ID: i64 = 0x5477_4163;
/// Each entry takes the schema one version further. Entries are only ever appended.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];
/// The version of the schema that this code writes.
const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Whose database it is. One statement, so that another process's first transaction is seen whole or not at all.
const WHOSE: &str = "SELECT (SELECT user_version FROM pragma_user_version),
    (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)";
/// How long an opening waits for others that open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings that must stand before the first table is made. 8 KB pages: about 1.2 times the rows a second.
const NEW: &str = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;";
/// Settings of a connection that writes. A checkpoint every 10,000 pages: at SQLite's 1,000 the rate of
/// insertion falls to 60 %. What is deleted within a page is overwritten, so that nothing is left of it to erase.
const WRITE: &str = "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 10000; PRAGMA cache_size = -16384; \
     PRAGMA secure_delete = FAST;";
/// Settings of every connection.
const EVERY: &str = "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;";
/// Statements that a connection keeps: of rusqlite's 16, those of the index alone would push each other out.
const STATEMENTS: usize = 64;

/// Opens a file for writing, makes it where there is none, and takes its schema to the newest version.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection> {
    let failed = |kind, why: &str| {
        Error::new(
            kind,
            format!("cannot open the log {}: {why}", path.display()),
        )
    };
    // Its writer is counted by the lock that it takes next.
    let _counted = Connected::to(path)?;
    network::check(path)?;
    check_kind(path)?;
    create_private(path)
        .map_err(|cause| failed(ErrorKind::Store, why_not(&cause)).with_source(cause))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| at(path, e))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|e| at(path, e))?;
    // SQLite does not wait where two processes switch to the write-ahead log at once.
    let patience = Instant::now() + OPEN_TIMEOUT;
    loop {
        match prepare(&mut connection) {
            Ok(()) => return Ok(connection),
            Err(error) => {
                let error = error.at(path);
                if !error.is_busy() || Instant::now() >= patience {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Opens a file for reading. It is never made, changed or migrated.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no log at {}", path.display()),
        ));
    }
    network::check(path)?;
    check_kind(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| at(path, e))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|e| at(path, e))?;
    let version = version(&connection).map_err(|error| error.at(path))?;
    if version == 0 {
        return Err(Error::new(
            ErrorKind::NotAStore,
            format!("the file {} is empty, not a log", path.display()),
        ));
    }
    set_up(&connection).map_err(|e| at(path, e))?;
    Ok(connection)
}

/// Makes a log in memory.
pub(crate) fn in_memory() -> Result<Connection> {
    let mut connection = Connection::open_in_memory().map_err(|e| at(Path::new(":memory:"), e))?;
    prepare(&mut connection).map_err(|error| error.at(Path::new(":memory:")))?;
    Ok(connection)
}

/// Names the path in an error of SQLite, whose class decides what the caller can do.
pub(crate) fn at(path: &Path, cause: rusqlite::Error) -> Error {
    let kind = match cause.sqlite_error_code() {
        Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        Some(ffi::ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ffi::ErrorCode::NotADatabase) => ErrorKind::NotAStore,
        Some(
            ffi::ErrorCode::ConstraintViolation
            | ffi::ErrorCode::TypeMismatch
            | ffi::ErrorCode::TooBig,
        ) => ErrorKind::Refused,
        Some(_) => ErrorKind::Store,
        None if matches!(cause, rusqlite::Error::ToSqlConversionFailure(_)) => ErrorKind::Refused,
        None => ErrorKind::Store,
    };
    let read_only = matches!(
        cause.sqlite_error_code(),
        Some(ffi::ErrorCode::ReadOnly | ffi::ErrorCode::PermissionDenied)
    );
    let what = match kind {
        ErrorKind::NotAStore => "the file is not a log:",
        ErrorKind::Busy => "another process holds the log",
        ErrorKind::Full => "the disk is full for the log",
        _ if read_only => {
            "this user may not write the log, or its folder is read-only (the -wal and -shm files beside it are \
             written, too):"
        }
        _ => "cannot read or write the log",
    };
    Error::new(kind, format!("{what} {}", path.display())).with_source(cause)
}

/// What can be wrong with a database that opens.
enum Unusable {
    Foreign,
    Newer(i64),
    /// SQLite stays with a journal of another mode.
    NoSharedMemory(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Unusable {
    fn from(cause: rusqlite::Error) -> Self {
        Unusable::Sqlite(cause)
    }
}

impl Unusable {
    fn at(self, path: &Path) -> Error {
        let path_text = path.display();
        match self {
            Unusable::Foreign => Error::new(
                ErrorKind::NotAStore,
                format!("the file {path_text} is a database of another program, not a log"),
            ),
            Unusable::Newer(found) => Error::new(
                ErrorKind::NewerSchema,
                format!(
                    "the log {path_text} has schema {found}, this version of tower-activity knows {SCHEMA}: \
                     it was left untouched, upgrade to read it"
                ),
            ),
            Unusable::NoSharedMemory(mode) => Error::new(
                ErrorKind::Store,
                format!(
                    "cannot open the log {path_text}: its file system has no shared memory, which SQLite's \
                     write-ahead log needs (it stays with the journal mode {mode:?}): choose another path"
                ),
            ),
            Unusable::Sqlite(cause) => at(path, cause),
        }
    }
}

/// The version of the schema; 0 for an empty database.
fn version(connection: &Connection) -> Result<i64, Unusable> {
    let (version, application, tables): (i64, i64, i64) =
        connection.query_row(WHOSE, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    match (application, tables) {
        (0, 0) => Ok(0),
        (APPLICATION_ID, _) if version > SCHEMA => Err(Unusable::Newer(version)),
        (APPLICATION_ID, _) => Ok(version),
        _ => Err(Unusable::Foreign),
    }
}

/// Checks whose database it is before anything is written, then brings it up to date.
fn prepare(connection: &mut Connection) -> Result<(), Unusable> {
    if version(connection)? == 0 {
        connection.execute_batch(NEW)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // A store in memory has no journal of that kind, and needs none.
    if !["wal", "memory"].contains(&mode.as_str()) {
        return Err(Unusable::NoSharedMemory(mode));
    }
    set_up(connection)?;
    connection.execute_batch(WRITE)?;
    if version(connection)? < SCHEMA {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been first.
        let from = version(&transaction)?;
        for step in MIGRATIONS.iter().skip(from as usize) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Makes the settings of every connection.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(EVERY)?;
    // No plan depends on what is asked for: else SQLite compiles some statements anew each time they run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Refuses what stands there and is no file: a folder, a pipe that would be waited for.
fn check_kind(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let what = if found.is_dir() {
                "a folder"
            } else {
                "no regular file"
            };
            Err(Error::new(
                ErrorKind::NotAStore,
                format!("cannot open the log {}: it is {what}", path.display()),
            ))
        }
        _ => Ok(()),
    }
}

/// Why a file cannot be made or written, and what to do about it.
fn why_not(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "there is no such folder, make it first",
        io::ErrorKind::PermissionDenied => {
            "this user may not write the file, or make it in its folder: change the owner or the mode, or choose \
             another path"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is mounted read-only: mount it for writing, or choose another path"
        }
        _ => "the file cannot be made or written",
    }
}

/// Makes the file where there is none, for its owner alone. SQLite gives its side files the same mode.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if file.metadata()?.len() == 0 {
        // An empty file that was there already becomes a log like any other.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    drop(file);
    Ok(())
}
