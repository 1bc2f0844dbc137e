//! Opening a database: is it ours, can we read it, and with which settings.

use std::{
    ffi::OsString,
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, MAIN_DB, OpenFlags, TransactionBehavior, config::DbConfig, ffi};

use super::{
    create, driver, network,
    side_files::{FileIds, FileStats, beside},
};
use crate::error::{Error, ErrorKind, Result};

/// Marks a file as a log: "TwAc".
const APPLICATION_ID: i64 = 0x5477_4163;
/// Each entry takes the schema one version further. Entries are only ever appended.
const MIGRATIONS: &[&str] = &[
    include_str!("../schema.sql"),
    include_str!("../schema-2.sql"),
];
/// The version of the schema that this code writes.
const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// How long a statement waits for another process's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Whose database it is. One statement, so that another process's first transaction is seen whole or not at all.
const IDENTITY: &str = "SELECT (SELECT user_version FROM pragma_user_version),
    (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)";
/// How long an opening waits for others that open.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings that must stand before the first table is made. 8 KB pages: about 1.2 times the rows a second.
const NEW_FILE_PRAGMAS: &str = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;";
/// Settings of a connection that writes. What is deleted within a page is overwritten, so that nothing is left of it to
/// erase. When the write-ahead log begins anew, it is cut to 8 MiB: growing it for each commit would cost more.
const WRITE_PRAGMAS: &str = "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA secure_delete = FAST; \
     PRAGMA journal_size_limit = 8388608;";
/// Settings of every connection. None makes a checkpoint by itself: the names beside the log are looked at before (see
/// `names`), and the writer decides when it is time (see `checkpoint`).
const COMMON_PRAGMAS: &str =
    "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;";
/// Settings of a connection that reads.
const READ_PRAGMAS: &str = "PRAGMA query_only = ON;";
/// Statements that a connection keeps: of rusqlite's 16, those of the index alone would push each other out.
const STATEMENT_CACHE: usize = 64;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Read,
    Write,
    Maintain,
}

/// Whether a file is made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    Create,
    Fail,
}

/// Opens a file for writing, and takes its schema to the newest version. `known` are the files that other connections of
/// this process have open by these names: another one is refused, as they would share its memory.
pub(super) fn open_to_write(
    path: &Path,
    known: Option<FileIds>,
    missing: IfMissing,
) -> Result<Connection> {
    let failed = |kind, why: &str| {
        Error::new(
            kind,
            format!("cannot open the log {}: {why}", path.display()),
        )
    };
    network::check(path)?;
    check_regular_file(path)?;
    if missing == IfMissing::Create {
        create::private_file(path)
            .map_err(|cause| failed(ErrorKind::Store, reason_and_fix(&cause)).with_source(cause))?;
    }
    let mut connection = connect(path, known)?;
    if connection
        .is_readonly(MAIN_DB)
        .map_err(|e| sqlite_error(path, e))?
    {
        // SQLite opens for reading what it may not write.
        return Err(failed(
            ErrorKind::Store,
            reason_and_fix(&read_only_error(path)),
        ));
    }
    // SQLite does not wait where two processes switch to the write-ahead log at once.
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        match prepare(&mut connection) {
            Ok(()) => return Ok(connection),
            Err(error) => {
                let error = error.into_error(path);
                if !error.is_busy() || Instant::now() >= deadline {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Opens a file for reading. It is never made, and its content is never changed or migrated.
///
/// The connection may write the side files and take over the write-ahead log when it is the last one to be closed, so
/// that reading leaves nothing behind. Where this user may not write, it only reads; where the side files cannot be
/// made either (a read-only disk), the main file is read alone, provided that it is complete by itself.
pub(super) fn open_to_read(path: &Path, known: Option<FileIds>) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no log at {}", path.display()),
        ));
    }
    network::check(path)?;
    check_regular_file(path)?;
    let connection = connect(path, known)?;
    let (connection, version) = match version(&connection) {
        Ok(version) => (connection, version),
        Err(OpenError::Sqlite(cause)) if is_unwritable(&cause) => {
            close(connection, Checkpoint::No);
            if fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0) {
                let what = format!(
                    "cannot read the log {}: a part of it is in {}-wal, which cannot be read where its folder is \
                     read-only: copy both files to a folder that can be written, and read them there",
                    path.display(),
                    path.display()
                );
                return Err(Error::new(ErrorKind::Store, what).with_source(cause));
            }
            let connection = open_immutable(path).map_err(|e| sqlite_error(path, e))?;
            let version = version(&connection).map_err(|error| error.into_error(path))?;
            (connection, version)
        }
        Err(error) => return Err(error.into_error(path)),
    };
    if version == 0 {
        return Err(Error::new(
            ErrorKind::NotAStore,
            format!("the file {} is empty, not a log", path.display()),
        ));
    }
    configure(&connection)
        .and_then(|()| connection.execute_batch(READ_PRAGMAS))
        .map_err(|e| sqlite_error(path, e))?;
    Ok(connection)
}

/// Opens the main file without its write-ahead log, and without any lock: for a moment in which nobody else has it open,
/// or for a disk that nobody can write.
pub(crate) fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = OsString::from("file:");
    #[cfg(unix)]
    {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        let mut bytes = Vec::new();
        for byte in path.as_os_str().as_bytes() {
            match byte {
                b'%' | b'?' | b'#' => bytes.extend(format!("%{byte:02X}").into_bytes()),
                byte => bytes.push(*byte),
            }
        }
        uri.push(OsString::from_vec(bytes));
    }
    #[cfg(not(unix))]
    uri.push(format!("///{}", path.to_string_lossy().replace('\\', "/")));
    uri.push("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(Path::new(&uri), flags)
}

/// Whether the last connection of all takes the write-ahead log over into the main file when it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    Yes,
    No,
}

/// Closes a connection.
pub(crate) fn close(connection: Connection, checkpoint: Checkpoint) {
    let no = checkpoint == Checkpoint::No;
    // Setting a flag of a connection does not fail.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, no);
    drop(connection);
}

/// A connection that looks at a file, whatever it is.
pub(crate) fn connect_to_inspect(path: &Path) -> Result<Connection> {
    let connection = connect(path, None)?;
    connection
        .execute_batch(READ_PRAGMAS)
        .map_err(|e| sqlite_error(path, e))?;
    Ok(connection)
}

fn connect(path: &Path, known: Option<FileIds>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| sqlite_error(path, e))?;
    driver::check(path)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .and_then(|_| connection.busy_timeout(BUSY_TIMEOUT))
        .map_err(|e| sqlite_error(path, e))?;
    // Before anything is read of it: the side files are opened then.
    if known.is_some_and(|known| FileStats::read(path).ids != known) {
        let what = format!("the files of the log {} are being replaced", path.display());
        return Err(Error::new(ErrorKind::Busy, what));
    }
    Ok(connection)
}

/// The side files cannot be made.
fn is_unwritable(cause: &rusqlite::Error) -> bool {
    let code = cause.sqlite_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            ffi::ErrorCode::CannotOpen
                | ffi::ErrorCode::ReadOnly
                | ffi::ErrorCode::PermissionDenied
        )
    })
}

/// Makes a log in memory.
pub(crate) fn in_memory() -> Result<Connection> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(|e| sqlite_error(path, e))?;
    driver::check(path)?;
    prepare(&mut connection).map_err(|error| error.into_error(path))?;
    Ok(connection)
}

/// Makes an empty database with the schema of this version, to compare others with.
pub(crate) fn reference_schema(version: i64) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    let steps = usize::try_from(version).unwrap_or_default();
    for step in MIGRATIONS.iter().take(steps) {
        connection.execute_batch(step)?;
    }
    Ok(connection)
}

/// Names the path in an error of SQLite, whose class decides what the caller can do.
pub(crate) fn sqlite_error(path: &Path, cause: rusqlite::Error) -> Error {
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
enum OpenError {
    Foreign,
    Newer(i64),
    /// SQLite stays with a journal of another mode.
    NoSharedMemory(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(cause: rusqlite::Error) -> Self {
        OpenError::Sqlite(cause)
    }
}

impl OpenError {
    fn into_error(self, path: &Path) -> Error {
        let path_text = path.display();
        match self {
            OpenError::Foreign => Error::new(
                ErrorKind::NotAStore,
                format!("the file {path_text} is a database of another program, not a log"),
            ),
            OpenError::Newer(found) => Error::new(
                ErrorKind::NewerSchema,
                format!(
                    "the log {path_text} has schema {found}, this version of tower-activity knows {SCHEMA}: \
                     it was left untouched, upgrade to read it"
                ),
            ),
            OpenError::NoSharedMemory(mode) => Error::new(
                ErrorKind::Store,
                format!(
                    "cannot open the log {path_text}: its file system has no shared memory, which SQLite's \
                     write-ahead log needs (it stays with the journal mode {mode:?}): choose another path"
                ),
            ),
            OpenError::Sqlite(cause) => sqlite_error(path, cause),
        }
    }
}

/// The version of the schema; 0 for an empty database.
fn version(connection: &Connection) -> Result<i64, OpenError> {
    let (version, application, tables): (i64, i64, i64) =
        connection.query_row(IDENTITY, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    match (application, tables) {
        (0, 0) => Ok(0),
        (APPLICATION_ID, _) if version > SCHEMA => Err(OpenError::Newer(version)),
        (APPLICATION_ID, _) => Ok(version),
        _ => Err(OpenError::Foreign),
    }
}

/// Checks whose database it is before anything is written, then brings it up to date.
fn prepare(connection: &mut Connection) -> Result<(), OpenError> {
    if version(connection)? == 0 {
        connection.execute_batch(NEW_FILE_PRAGMAS)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // A store in memory has no journal of that kind, and needs none.
    if !["wal", "memory"].contains(&mode.as_str()) {
        return Err(OpenError::NoSharedMemory(mode));
    }
    configure(connection)?;
    connection.execute_batch(WRITE_PRAGMAS)?;
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
        // A copy of the main file is a log from here on. Where a reader keeps that from being done, it is done later.
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
    Ok(())
}

/// Makes the settings of every connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(COMMON_PRAGMAS)?;
    // No plan depends on what is asked for: else SQLite compiles some statements anew each time they run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(())
}

/// Refuses what stands there and is no file: a folder, a pipe that would be waited for.
fn check_regular_file(path: &Path) -> Result<()> {
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

/// Why a file that is there can only be read.
fn read_only_error(path: &Path) -> io::Error {
    #[cfg(unix)]
    if rustix::fs::statvfs(path)
        .is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    {
        return io::ErrorKind::ReadOnlyFilesystem.into();
    }
    let _ = path;
    io::ErrorKind::PermissionDenied.into()
}

/// Why a file cannot be made or written, and what to do about it.
fn reason_and_fix(cause: &io::Error) -> &'static str {
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
