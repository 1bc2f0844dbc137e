//! Opens connections: checks whose database it is and its schema's version, and applies the settings.

use std::{
    ffi::OsString,
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, MAIN_DB, OpenFlags, TransactionBehavior, config::DbConfig, ffi};

use super::{
    create, driver,
    migrate::{self, SCHEMA},
    network,
    side_files::{FileId, FileIds, FileStats, are_open, beside, identity},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
};

/// SQLite's `application_id` of a store: "TwAc".
const APPLICATION_ID: i64 = 0x5477_4163;
/// How long a statement waits for another process's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Identifies the database's application and schema. One statement, so that it sees all or nothing of another process's
/// first transaction.
const IDENTITY: &str = "SELECT (SELECT user_version FROM pragma_user_version),
    (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)";
/// How long an open waits for other processes that are opening the file.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings that must come before the first table. 8 KB pages: about 1.2 times the rows a second.
const NEW_FILE_PRAGMAS: &str = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;";
/// Settings of a writing connection. Deleted content is overwritten within its page, so that erasing needs no further pass.
/// A WAL that restarts is truncated to 8 MiB, not to nothing: growing it with each commit would cost more.
const WRITE_PRAGMAS: &str = "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA secure_delete = FAST; \
     PRAGMA journal_size_limit = 8388608;";
/// Settings of every connection. Automatic checkpoints are off: the files must be checked first (see `side_files`), and the
/// writer decides when (see `checkpoint`).
const COMMON_PRAGMAS: &str =
    "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;";
/// Settings of a reading connection.
const READ_PRAGMAS: &str = "PRAGMA query_only = ON;";
/// Capacity of the statement cache: the statements of the index alone would evict each other from rusqlite's default of 16.
const STATEMENT_CACHE: usize = 64;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Read,
    Write,
    Maintain,
}

/// Creates an empty file, unless there is one.
pub(super) fn create(path: &Path) -> Result<()> {
    network::check(path)?;
    check_regular_file(path)?;
    create::private_file(path).map_err(|cause| cannot_open(path, &cause).with_source(cause))
}

/// Opens a file for writing and migrates its schema to the newest version, once no process of an earlier version records into
/// it. `own` is the instance of this process, if it is one already.
///
/// `known` are the files that other connections of this process have open: any other file is refused, because SQLite would
/// share the `-shm` mapping among them.
pub(super) fn open_to_write(
    path: &Path,
    known: Option<FileIds>,
    own: Option<InstanceId>,
) -> Result<Connection> {
    network::check(path)?;
    check_regular_file(path)?;
    let (mut connection, main) = connect(path, known)?;
    let sees_own_files = || sees_own_files(path, main);
    if connection
        .is_readonly(MAIN_DB)
        .map_err(|e| sqlite_error(path, e))?
    {
        // SQLite opens a file read-only that it may not write.
        return Err(cannot_open(path, &read_only_error(path)));
    }
    // SQLite's busy timeout does not apply when two processes switch to WAL mode at once.
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        let earlier_process = |file: &Connection| migrate::earlier_process(path, file, own);
        match prepare(&mut connection, &sees_own_files, &earlier_process) {
            Ok(()) => return Ok(connection),
            Err(error) => {
                // Neither ends soon, and each attempt to migrate locks the file.
                let is_final = matches!(error, OpenError::Replaced | OpenError::InUse { .. });
                let error = error.into_error(path);
                if !error.is_busy() || is_final || Instant::now() >= deadline {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Opens a file for reading. Never creates it, changes its content or migrates its schema.
///
/// The connection may write the side files, and checkpoint the WAL if it is the last one to be closed, so that reading leaves
/// nothing behind. If this user may not write, it only reads; if not even the side files can be created (a read-only disk),
/// it reads the main file alone, provided that there is no WAL.
pub(super) fn open_to_read(path: &Path, known: Option<FileIds>) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::new(
            ErrorKind::NoStore,
            format!(
                "no store at {} · it is created when an instrumented program first runs",
                path.display()
            ),
        ));
    }
    network::check(path)?;
    check_regular_file(path)?;
    let (connection, _) = connect(path, known)?;
    let (connection, version) = match version(&connection) {
        Ok(version) => (connection, version),
        Err(OpenError::Sqlite(cause)) if is_unwritable(&cause) => {
            close(connection, Checkpoint::No);
            if fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0) {
                let what = format!(
                    "cannot read the store {}: a part of it is in {}-wal, which cannot be read in a read-only folder: \
                     copy both files to a writable folder and read them there",
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
            format!("not a store: the file {} is empty", path.display()),
        ));
    }
    configure(&connection)
        .and_then(|()| connection.execute_batch(READ_PRAGMAS))
        .map_err(|e| sqlite_error(path, e))?;
    Ok(connection)
}

/// Opens the main file without its WAL and without any lock (`immutable=1`): for a moment in which no other process has it
/// open, or for a read-only disk.
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

/// Whether closing the last connection to a file checkpoints the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    Yes,
    No,
}

/// Closes a connection.
pub(crate) fn close(connection: Connection, checkpoint: Checkpoint) {
    let no = checkpoint == Checkpoint::No;
    // Setting this flag does not fail.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, no);
    drop(connection);
}

/// Opens a file for inspection, without checking whose it is.
pub(crate) fn connect_to_inspect(path: &Path) -> Result<Connection> {
    let (connection, _) = connect(path, None)?;
    connection
        .execute_batch(READ_PRAGMAS)
        .map_err(|e| sqlite_error(path, e))?;
    Ok(connection)
}

/// Opens the main file. Returns it with its identity. SQLite opens the side files later, by their paths.
fn connect(path: &Path, known: Option<FileIds>) -> Result<(Connection, Option<FileId>)> {
    let main = identity(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| sqlite_error(path, e))?;
    driver::check(path)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .and_then(|_| connection.busy_timeout(BUSY_TIMEOUT))
        .map_err(|e| sqlite_error(path, e))?;
    // Before the first read, which opens the side files.
    let now = FileStats::read(path).ids;
    if now.main != main || known.is_some_and(|known| now != known) {
        return Err(being_replaced(path));
    }
    Ok((connection, main))
}

/// Checks, after the first read, which opens the side files, and before the first write: whether they belong to the main file that
/// is open. Another log that was moved to the path in between has a WAL that must not be written.
fn sees_own_files(path: &Path, main: Option<FileId>) -> Result<(), OpenError> {
    let now = FileStats::read(path).ids;
    if now.main != main {
        return Err(OpenError::Replaced);
    }
    // Another process may be creating the WAL of a new file at this moment.
    match are_open(now, false) {
        true => Ok(()),
        false => Err(OpenError::SideFiles),
    }
}

fn being_replaced(path: &Path) -> Error {
    let what = format!(
        "the files of the store {} are being replaced",
        path.display()
    );
    Error::new(ErrorKind::Busy, what)
}

/// Returns true if the side files cannot be created.
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

/// Creates an in-memory store.
pub(crate) fn in_memory() -> Result<Connection> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(|e| sqlite_error(path, e))?;
    driver::check(path)?;
    prepare(&mut connection, &|| Ok(()), &|_| Ok(None)).map_err(|error| error.into_error(path))?;
    Ok(connection)
}

/// Converts an error of SQLite, adding the path; its kind tells the caller what can be done.
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
        ErrorKind::NotAStore => "not a store:",
        ErrorKind::Busy => "another process has locked the store",
        ErrorKind::Full => "the disk is full, cannot write the store",
        _ if read_only => {
            "this user may not write the store, or its folder is read-only (the -wal and -shm files beside it must be \
             writable, too):"
        }
        _ => "cannot read or write the store",
    };
    Error::new(kind, format!("{what} {}", path.display())).with_source(cause)
}

/// Why a database that opens cannot be used.
enum OpenError {
    Foreign,
    Newer(i64),
    /// A process of an earlier version records into the file.
    InUse {
        version: i64,
        pid: i64,
    },
    /// SQLite stays in this journal mode instead of switching to WAL.
    NoSharedMemory(String),
    /// Another main file is at the path.
    Replaced,
    /// The side files at their paths are not those that are open.
    SideFiles,
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
                format!("not a store: the file {path_text} is a database of another program"),
            ),
            OpenError::Newer(found) => Error::new(
                ErrorKind::NewerSchema,
                format!(
                    "the store {path_text} has schema {found}, this version of tower-activity knows {SCHEMA}: \
                     it was left untouched, upgrade to read it"
                ),
            ),
            OpenError::InUse { version, pid } => Error::new(
                ErrorKind::Busy,
                format!(
                    "the store {path_text} has schema {version}, and an earlier version of tower-activity records into it \
                     (process {pid}): stop it, and the store is migrated to schema {SCHEMA}"
                ),
            ),
            OpenError::NoSharedMemory(mode) => Error::new(
                ErrorKind::Store,
                format!(
                    "cannot open the store {path_text}: its file system has no shared memory, which SQLite's \
                     WAL needs (the journal mode stays {mode:?}): choose another path"
                ),
            ),
            OpenError::Replaced | OpenError::SideFiles => being_replaced(path),
            OpenError::Sqlite(cause) => sqlite_error(path, cause),
        }
    }
}

/// Reads the schema version; 0 for an empty database.
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

/// Checks whose database it is before writing anything, then applies the settings and migrates the schema.
fn prepare(
    connection: &mut Connection,
    sees_own_files: &dyn Fn() -> Result<(), OpenError>,
    earlier_process: &dyn Fn(&Connection) -> rusqlite::Result<Option<i64>>,
) -> Result<(), OpenError> {
    let is_new = version(connection)? == 0;
    sees_own_files()?;
    if is_new {
        connection.execute_batch(NEW_FILE_PRAGMAS)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // An in-memory database has no WAL, and needs none.
    if !["wal", "memory"].contains(&mode.as_str()) {
        return Err(OpenError::NoSharedMemory(mode));
    }
    configure(connection)?;
    connection.execute_batch(WRITE_PRAGMAS)?;
    let is_older = version(connection)? < SCHEMA;
    // The WAL of a new file was opened by that read.
    sees_own_files()?;
    if is_older {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated it meanwhile.
        let from = version(&transaction)?;
        if (1..SCHEMA).contains(&from)
            && let Some(pid) = earlier_process(&transaction)?
        {
            return Err(OpenError::InUse { version: from, pid });
        }
        migrate::migrate(&transaction, from)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
        // From here on a copy of the main file alone is a store. If a reader prevents it, a later checkpoint does it.
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
    Ok(())
}

/// Applies the settings of every connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(COMMON_PRAGMAS)?;
    // Query plans do not depend on bound values: else SQLite recompiles some statements each time they run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(())
}

/// Refuses anything but a regular file: a folder, or a pipe that would block.
fn check_regular_file(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let what = if found.is_dir() {
                "a folder"
            } else {
                "not a regular file"
            };
            Err(Error::new(
                ErrorKind::NotAStore,
                format!("cannot open the store {}: it is {what}", path.display()),
            ))
        }
        _ => Ok(()),
    }
}

/// Returns true for an existing file that this user may not write, or on a disk that is mounted read-only.
pub(crate) fn is_read_only(path: &Path) -> bool {
    #[cfg(unix)]
    return path.exists() && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err();
    #[cfg(not(unix))]
    path.metadata()
        .is_ok_and(|found| found.permissions().readonly())
}

/// Finds out why an existing file is read-only.
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

/// Says why a file cannot be created or written, and what to do about it.
fn cannot_open(path: &Path, cause: &io::Error) -> Error {
    let why = match cause.kind() {
        io::ErrorKind::NotFound => "its folder does not exist, create it first",
        io::ErrorKind::PermissionDenied => {
            "this user may not write the file, or create it in its folder: change the owner or the mode, or choose \
             another path"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is mounted read-only: mount it for writing, or choose another path"
        }
        _ => "the file cannot be created or written",
    };
    Error::store(format!("cannot open the store {}: {why}", path.display()))
}
