//! The sinks of the peers: how each breaks down, and how its records are counted.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use rusqlite::Connection;

use crate::{
    Failure,
    plan::{Fault, Plan},
    server::{self, Server},
};

/// The size of the small disk in MiB: for the records of the time before and after.
const DISK: u32 = 64;

/// The bytes that a stuck pipe holds.
const PAGE: usize = 4096;

/// What a peer writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A log of ours.
    Log,
    /// A table `call` in SQLite.
    Table,
    /// A file of lines; a pipe if it gets stuck.
    Lines,
    /// An HTTP server.
    Server,
}

/// A sink of one run.
pub(crate) struct Sink {
    kind: Kind,
    fault: Fault,
    path: PathBuf,
    disk: Option<Disk>,
    pipe: Option<Pipe>,
    server: Option<Server>,
    /// Holds the write lock of a database.
    lock: Option<Connection>,
}

impl Sink {
    pub(crate) fn new(
        kind: Kind,
        fault: Fault,
        plan: Plan,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let disk = match fault {
            Fault::DiskFull if kind != Kind::Server => Some(Disk::mount(folder.join("disk"))?),
            _ => None,
        };
        let folder = disk.as_ref().map_or(folder, |disk| &disk.0);
        let path = folder.join("sink");
        let server = match kind {
            Kind::Server => Some(Server::start(plan)?),
            _ => None,
        };
        if let Some(server) = &server {
            fs::write(&path, server.address())?;
            if fault == Fault::Overload {
                server.behave(server::Behaviour::Slow);
            }
        }
        let pipe = match (kind, fault) {
            (Kind::Lines, Fault::StuckSink) => Some(Pipe::new(&path)?),
            _ => None,
        };
        Ok(Sink {
            kind,
            fault,
            path,
            disk,
            pipe,
            server,
            lock: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Causes the fault, if it is one of the sink.
    pub(crate) fn break_down(&mut self) -> Result<(), Failure> {
        match (self.fault, self.kind) {
            (Fault::DiskFull, Kind::Server) => self.behave(server::Behaviour::Full),
            (Fault::DiskFull, _) => {
                if let Some(disk) = &self.disk {
                    disk.fill()?;
                }
            }
            (Fault::StuckSink, Kind::Server) => self.behave(server::Behaviour::Stuck),
            (Fault::StuckSink, Kind::Lines) => {
                if let Some(pipe) = &self.pipe {
                    pipe.stuck.store(true, Relaxed);
                }
            }
            (Fault::StuckSink, Kind::Log | Kind::Table) => {
                let connection = Connection::open(&self.path)?;
                connection.execute_batch("BEGIN IMMEDIATE")?;
                self.lock = Some(connection);
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends a fault that has an end before the calls have.
    pub(crate) fn heal(&self) -> Result<(), Failure> {
        if self.fault == Fault::DiskFull {
            self.behave(server::Behaviour::Well);
            if let Some(disk) = &self.disk {
                disk.empty()?;
            }
        }
        Ok(())
    }

    fn behave(&self, behaviour: server::Behaviour) {
        if let Some(server) = &self.server {
            server.behave(behaviour);
        }
    }

    /// Returns the number of calls whose end is on record, and of those whose record says that they were cancelled or
    /// panicked.
    pub(crate) fn count(&mut self) -> Result<(u64, u64), Failure> {
        self.lock = None;
        match self.kind {
            Kind::Log => self.rows(
                "SELECT count(*) FILTER (WHERE status NOT IN ('running', 'abandoned')),
                        count(*) FILTER (WHERE status = 'cancelled' OR error_type = 'panic') FROM activities",
            ),
            Kind::Table => self.rows(
                "SELECT count(*), count(*) FILTER (WHERE status IN ('cancelled', 'panic')) FROM call",
            ),
            Kind::Server => Ok((self.server.as_ref().map_or(0, Server::events), 0)),
            Kind::Lines => match &self.pipe {
                Some(pipe) => Ok((pipe.lines.load(Relaxed), 0)),
                None => count_lines(&self.path),
            },
        }
    }

    fn rows(&self, query: &str) -> Result<(u64, u64), Failure> {
        let connection = Connection::open(&self.path)?;
        let row = connection.query_row(query, (), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        Ok((row.0 as u64, row.1 as u64))
    }
}

/// Counts whole lines, and those of spans that failed.
fn count_lines(path: &Path) -> Result<(u64, u64), Failure> {
    let text = fs::read(path)?;
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let whole = lines.filter(|line| line.ends_with(b"}\n"));
    let failed = br#""status":"failed""#;
    let mut counts = (0, 0);
    for line in whole {
        counts.0 += 1;
        counts.1 += u64::from(line.windows(failed.len()).any(|part| part == failed));
    }
    Ok(counts)
}

/// A small tmpfs, unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: PathBuf) -> Result<Self, Failure> {
        fs::create_dir(&folder)?;
        let size = format!("size={DISK}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .status()?;
        if mount.success() {
            Ok(Disk(folder))
        } else {
            Err(format!("cannot mount a disk at {}: {mount}", folder.display()).into())
        }
    }

    /// Fills it to the last byte.
    fn fill(&self) -> Result<(), Failure> {
        let mut ballast = File::create(self.0.join("ballast"))?;
        for piece in [vec![1; 1 << 16], vec![1; 64]] {
            loop {
                match ballast.write(&piece) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn empty(&self) -> Result<(), Failure> {
        Ok(fs::remove_file(self.0.join("ballast"))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays mounted ends with this process' namespace.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A pipe whose reader stops reading.
struct Pipe {
    lines: Arc<AtomicU64>,
    stuck: Arc<AtomicBool>,
}

impl Pipe {
    fn new(path: &Path) -> Result<Self, Failure> {
        let made = Command::new("mkfifo").arg(path).status()?;
        if !made.success() {
            return Err(format!("cannot make a pipe at {}: {made}", path.display()).into());
        }
        // Opened for both, so that neither side waits for the other.
        let mut reader = OpenOptions::new().read(true).write(true).open(path)?;
        // A page, the least: what is in a pipe that nothing reads is lost.
        rustix::pipe::fcntl_setpipe_size(&reader, PAGE)?;
        let pipe = Pipe {
            lines: Arc::default(),
            stuck: Arc::default(),
        };
        let (lines, stuck) = (pipe.lines.clone(), pipe.stuck.clone());
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while !stuck.load(Relaxed) {
                let Ok(length) = reader.read(&mut piece) else {
                    break;
                };
                let ends = piece[..length].iter().filter(|byte| **byte == b'\n');
                lines.fetch_add(ends.count() as u64, Relaxed);
            }
            // Stays open, so that writers wait rather than fail.
            loop {
                thread::park();
            }
        });
        Ok(pipe)
    }
}
