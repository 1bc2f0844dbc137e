//! A database file that this process has open: all of its connections are closed and reopened together.
//!
//! Within a process SQLite shares the mapped `-shm` file among all connections to one main file, even after another file
//! took its path. So after a side file was replaced, all connections have to be closed before a new one sees the new files.

use std::{
    any::Any,
    mem,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    ptr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use rusqlite::Connection;

use super::{
    connection::{self, Checkpoint, Role},
    hard_link, live_writer,
    process::{OpenCount, Process},
    side_files::{FileIds, FileStats, are_open, identity},
    stale_wal, unreadable_wal,
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
    store::canonical_path,
};

/// Attempts to open a connection while its files are being replaced.
const ATTEMPTS: usize = 3;

/// The files that this process has open.
static FILES: Mutex<Vec<Weak<OpenFile>>> = Mutex::new(Vec::new());

/// A connection; `None` until its first use, and after all were closed.
type Slot = Mutex<Option<OpenConnection>>;

/// An open connection.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    pub(crate) connection: Connection,
    /// Declared after the connection, so that it is dropped after the connection is closed.
    _count: OpenCount,
}

impl OpenConnection {
    pub(crate) fn close(self, checkpoint: Checkpoint) {
        connection::close(self.connection, checkpoint);
    }
}

/// The writer of a file, shared by all log handles of this process.
pub(crate) trait SharedWriter: Any + Send + Sync {
    /// Checks that the connections still have the files open that are at the log's paths, and switches to the new ones if
    /// not.
    ///
    /// # Errors
    ///
    /// If the new files cannot be opened or written.
    fn check_files(&self) -> Result<()>;
}

/// One file, and this process's connections to it.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Symbolic links are resolved.
    path: PathBuf,
    /// Read-locked while a connection is in use, write-locked while all are closed.
    gate: RwLock<()>,
    /// The files that the connections have open; `None` while there are no connections.
    ids: Mutex<Option<FileIds>>,
    /// The largest size of the `-shm` file since they were opened.
    shm_bytes: AtomicU64,
    slots: Mutex<Vec<Weak<Slot>>>,
    writer: Mutex<Option<Weak<dyn SharedWriter>>>,
    /// This process's instance in the file: the one that writes, is about to, or was the last to write.
    own_instance: Mutex<Option<InstanceId>>,
    /// True once this process has opened a writer.
    has_writer: AtomicBool,
    /// The WAL has commits that SQLite cannot read: a reader must not checkpoint it.
    has_unreadable_commits: AtomicBool,
    /// The connection that all maintenance shares.
    maintenance: Mutex<Weak<Access>>,
}

/// Location of a store.
#[derive(Clone)]
pub(crate) enum Location {
    File(PathBuf),
    /// One connection for all, since the database ends with it.
    Memory(Arc<Mutex<Connection>>),
}

impl OpenFile {
    /// Returns this process's `OpenFile` for a path, at which there may be no file yet.
    ///
    /// # Errors
    ///
    /// If this process has the same file open under another name (a hard link): SQLite would keep a second WAL there, and
    /// each would undo the other's commits.
    pub(crate) fn for_path(path: &Path) -> Result<Arc<Self>> {
        let path = canonical_path(path);
        let mut files = FILES.lock();
        files.retain(|file| file.strong_count() > 0);
        let open: Vec<_> = files.iter().filter_map(Weak::upgrade).collect();
        if let Some(file) = open.iter().find(|file| file.path == path) {
            return Ok(file.clone());
        }
        if let Some(id) = identity(&path) {
            let same = |file: &&Arc<OpenFile>| {
                let ids = *file.ids.lock();
                ids.is_some_and(|ids| ids.main == Some(id))
            };
            if let Some(file) = open.iter().find(same) {
                return Err(hard_link::open_by_other_name(&path, &file.path));
            }
        }
        let file = Arc::new(OpenFile {
            path,
            gate: RwLock::new(()),
            ids: Mutex::new(None),
            shm_bytes: AtomicU64::new(0),
            slots: Mutex::default(),
            writer: Mutex::default(),
            own_instance: Mutex::default(),
            has_writer: AtomicBool::new(false),
            has_unreadable_commits: AtomicBool::new(false),
            maintenance: Mutex::default(),
        });
        files.push(Arc::downgrade(&file));
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the connection that all maintenance shares.
    pub(crate) fn maintenance(self: &Arc<Self>) -> Arc<Access> {
        let mut maintenance = self.maintenance.lock();
        maintenance.upgrade().unwrap_or_else(|| {
            let access = Arc::new(Access::file(self.clone(), Role::Maintain));
            *maintenance = Arc::downgrade(&access);
            access
        })
    }

    /// Returns the shared writer, created by `make` if there is none.
    pub(crate) fn writer<W: SharedWriter>(
        &self,
        own: InstanceId,
        make: impl FnOnce() -> Result<W>,
    ) -> Result<Arc<W>> {
        let mut writer = self.writer.lock();
        if let Some(shared) = writer.as_ref().and_then(Weak::upgrade) {
            let shared: Arc<dyn Any + Send + Sync> = shared;
            return Ok(shared.downcast().expect("all writers are of one type"));
        }
        *self.own_instance.lock() = Some(own);
        let shared = Arc::new(make()?);
        let weak = Arc::downgrade(&shared);
        *writer = Some(weak);
        self.has_writer.store(true, Relaxed);
        Ok(shared)
    }

    /// Forgets the shared writer, which has ended: the next one is created.
    pub(crate) fn forget_writer<W: SharedWriter>(&self, ended: &Arc<W>) {
        let mut writer = self.writer.lock();
        let is_it = |one: &Weak<dyn SharedWriter>| ptr::addr_eq(one.as_ptr(), Arc::as_ptr(ended));
        if writer.as_ref().is_some_and(is_it) {
            *writer = None;
        }
    }

    /// Returns the identities of the files that the connections have open; `None` while there are no connections.
    pub(crate) fn ids(&self) -> Option<FileIds> {
        *self.ids.lock()
    }

    /// Returns true if the `-shm` file was truncated: SQLite never shortens it while it is open, and a process that reads
    /// the mapping beyond its end is killed (SIGBUS).
    pub(crate) fn is_shm_truncated(&self, now: &FileStats) -> bool {
        let is_same = self.ids().is_some_and(|ids| ids.shm == now.ids.shm);
        is_same && now.shm_bytes < self.shm_bytes.load(Relaxed)
    }

    /// Remembers the size of the `-shm` file.
    pub(crate) fn note_shm_size(&self, now: &FileStats) {
        self.shm_bytes.fetch_max(now.shm_bytes, Relaxed);
    }

    /// Waits until no connection is in use and closes all of them; each is reopened at its next use.
    pub(crate) fn close_all(&self) {
        let _gate = self.gate.write();
        self.clear_ids();
        for slot in self.slots.lock().iter().filter_map(Weak::upgrade) {
            if let Some(opened) = slot.lock().take() {
                opened.close(Checkpoint::No);
            }
        }
    }

    /// Forgets the files once no connection has them open.
    fn clear_ids_if_closed(&self) {
        let slots = self.slots.lock();
        // A locked one is in use.
        let is_open = |slot: Arc<Slot>| slot.try_lock().is_none_or(|slot| slot.is_some());
        if !slots.iter().filter_map(Weak::upgrade).any(is_open) {
            self.clear_ids();
        }
    }

    fn clear_ids(&self) {
        *self.ids.lock() = None;
        self.shm_bytes.store(0, Relaxed);
    }

    /// Closes connections to files that were replaced.
    fn reopen_changed(&self) -> Result<()> {
        let writer = self.writer.lock().as_ref().and_then(Weak::upgrade);
        match writer {
            Some(writer) => writer.check_files(),
            None => {
                self.close_all();
                Ok(())
            }
        }
    }

    fn open(&self, role: Role) -> Result<OpenConnection> {
        let count = OpenCount::acquire(&self.path)?;
        let known = self.ids();
        let own = *self.own_instance.lock();
        if known.is_none() {
            // This process's first connection. A writer whose files were replaced creates new ones itself.
            if !self.has_writer.load(Relaxed) {
                live_writer::wait_for_side_files(&self.path, own)?;
            }
            hard_link::check(&self.path)?;
            stale_wal::check(&self.path, role, own)?;
            if role == Role::Write {
                connection::create(&self.path)?;
            }
        }
        // After the file was created: another one may take its place at any time.
        let before = identity(&self.path);
        let connection = match role {
            Role::Read if self.has_writer.load(Relaxed) => {
                connection::open_to_read(&self.path, known)?
            }
            Role::Read => live_writer::open_to_read(&self.path, known)?,
            Role::Write => connection::open_to_write(&self.path, known, own)?,
            Role::Maintain => {
                // Reports what is wrong with a file that is not a store.
                drop(connection::open_to_read(&self.path, known)?);
                connection::open_to_write(&self.path, known, own)?
            }
        };
        if known.is_none() {
            let commits = unreadable_wal::count_commits(&connection, &self.path, own);
            self.has_unreadable_commits.store(commits > 0, Relaxed);
            if commits > 0 && role != Role::Read {
                unreadable_wal::copy_wal(&self.path, commits)?;
            }
        }
        // The side files exist by now. The first connection determines which ones.
        let stats = FileStats::read(&self.path);
        let opened = OpenConnection {
            connection,
            _count: count,
        };
        let is_replaced = match known {
            // A side file may have been moved since SQLite opened it.
            None => !are_open(stats.ids, role != Role::Read),
            // A writer may have switched a file to the WAL that a reader had opened without one.
            Some(known) => [(known.wal, stats.ids.wal), (known.shm, stats.ids.shm)]
                .iter()
                .any(|(then, now)| then.is_some() && then != now),
        };
        if before != stats.ids.main || is_replaced {
            opened.close(Checkpoint::No);
            let what = format!(
                "the store {} was replaced while it was being opened",
                self.path.display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        self.ids.lock().get_or_insert(stats.ids);
        self.note_shm_size(&stats);
        Ok(opened)
    }
}

/// Access to the connection of one user: a reader, the writer, or maintenance.
#[derive(Debug)]
pub(crate) struct Access {
    backing: Backing,
    process: Process,
}

#[derive(Debug)]
enum Backing {
    Memory(Arc<Mutex<Connection>>),
    File {
        file: Arc<OpenFile>,
        role: Role,
        slot: Arc<Slot>,
    },
}

impl Access {
    pub(crate) fn memory(connection: Arc<Mutex<Connection>>) -> Self {
        Access {
            backing: Backing::Memory(connection),
            process: Process::current(),
        }
    }

    pub(crate) fn file(file: Arc<OpenFile>, role: Role) -> Self {
        let slot = Arc::new(Mutex::new(None));
        let mut slots = file.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        drop(slots);
        Access {
            backing: Backing::File { file, role, slot },
            process: Process::current(),
        }
    }

    /// Returns the file; `None` in memory.
    pub(crate) fn open_file(&self) -> Option<&Arc<OpenFile>> {
        match &self.backing {
            Backing::Memory(_) => None,
            Backing::File { file, .. } => Some(file),
        }
    }

    /// Returns the path, for error messages.
    pub(crate) fn path(&self) -> &Path {
        match &self.backing {
            Backing::Memory(_) => Path::new(":memory:"),
            Backing::File { file, .. } => &file.path,
        }
    }

    /// Locks the connection, after checking that its files were not replaced. Opens it if it is closed, and passes a new one
    /// to `prepare`.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, and in the child of a fork.
    pub(crate) fn lock(
        &self,
        prepare: impl Fn(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Guard<'_>> {
        let Backing::File { file, .. } = &self.backing else {
            return self.lock_unchecked(prepare);
        };
        let is_changed = || {
            let changed = |ids| {
                let now = FileStats::read(&file.path);
                now.ids != ids || file.is_shm_truncated(&now)
            };
            file.ids().is_some_and(changed)
        };
        for _ in 1..ATTEMPTS {
            if is_changed() {
                file.reopen_changed()?;
            }
            match self.lock_unchecked(&prepare) {
                // Replaced while it was being opened.
                Err(_) if is_changed() => {}
                result => return result,
            }
        }
        self.lock_unchecked(prepare)
    }

    /// Like [`lock`](Self::lock), without the check of the files: the writer does its own.
    pub(crate) fn lock_unchecked(
        &self,
        prepare: impl Fn(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Guard<'_>> {
        self.process.check()?;
        match &self.backing {
            Backing::Memory(connection) => Ok(Guard {
                connection: MutexGuard::map(connection.lock(), |connection| connection),
                _gate: None,
            }),
            Backing::File { file, role, slot } => {
                let gate = file.gate.read();
                let mut slot = slot.lock();
                if slot.is_none() {
                    let opened = file.open(*role)?;
                    prepare(&opened.connection)
                        .map_err(|e| connection::sqlite_error(&file.path, e))?;
                    *slot = Some(opened);
                }
                let connection = MutexGuard::try_map(slot, |slot| {
                    slot.as_mut().map(|opened| &mut opened.connection)
                });
                Ok(Guard {
                    connection: connection.expect("it was opened above"),
                    _gate: Some(gate),
                })
            }
        }
    }

    /// Takes the open connection out; the next use opens another.
    pub(crate) fn take(&self) -> Option<OpenConnection> {
        match &self.backing {
            Backing::Memory(_) => None,
            Backing::File { slot, .. } => slot.lock().take(),
        }
    }

    /// Closes the connection without a checkpoint; the next use opens another.
    pub(crate) fn close_without_checkpoint(&self) {
        if let Some(opened) = self.take() {
            opened.close(Checkpoint::No);
        }
        if let Backing::File { file, .. } = &self.backing {
            file.clear_ids_if_closed();
        }
    }

    /// Closes the connection; the next use opens another. The last connection of all checkpoints the WAL, unless that or
    /// the main file was replaced, or the WAL has unreadable commits.
    pub(crate) fn close(&self) {
        let Backing::File { file, slot, .. } = &self.backing else {
            return;
        };
        let _gate = file.gate.read();
        let Some(opened) = slot.lock().take() else {
            return;
        };
        let stats = FileStats::read(&file.path);
        let same = file.ids() == Some(stats.ids);
        // Another content may have been written into the same main file.
        let own = same
            && (stats.wal_bytes == 0
                || stale_wal::wal_matches(&file.path, *file.own_instance.lock()));
        let keep = file.has_unreadable_commits.load(Relaxed) && !file.has_writer.load(Relaxed);
        opened.close(match own && !keep {
            true => Checkpoint::Yes,
            false => Checkpoint::No,
        });
        file.clear_ids_if_closed();
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if self.process.is_forked_child() {
            // A forked child must not even close it: see `process`.
            match &self.backing {
                Backing::Memory(connection) => mem::forget(connection.clone()),
                Backing::File { slot, .. } => mem::forget(slot.clone()),
            }
            return;
        }
        self.close();
    }
}

/// A locked connection.
pub(crate) struct Guard<'a> {
    connection: MappedMutexGuard<'a, Connection>,
    /// Declared after the connection, so that it is released after it.
    _gate: Option<RwLockReadGuard<'a, ()>>,
}

impl Deref for Guard<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
