//! Hosts on this machine: a directory each, and a process in it.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File},
    path::{self, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{process::Command, sync::Mutex as AsyncMutex};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{
        Host, HostActivity, HostProvider, Work, blocking::blocking, failure::io_error, orphan,
        process::Process, provider::check_name,
    },
};

/// Provides hosts on this machine: a directory each, `<root>/<name>`, and a process that runs in it.
///
/// The process is told the directory in `MNGR_HOST_DIR`, and what it prints is added to `output.log` there. It runs
/// in a process group of its own. A stop asks all of that to end, and kills what is left once the process itself has
/// ended, or does not end in time; it is killed with the provider too. One that another provider of the same root has
/// started, or one whose program was killed, is found and stopped by its number in `process.id` there (on Unix).
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, host::{HostProviderExt, LocalProvider}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = ActivityLog::open(":memory:")?;
/// let provider = LocalProvider::new(folder.path(), "sleep").arg("1000");
/// let host = provider.create_host(&log, "web").await?;
/// assert_eq!(host.is_up().await?, Some(true));
/// provider.stop_host(&log, &host).await?;
/// assert_eq!(host.is_up().await?, Some(false));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct LocalProvider {
    root: PathBuf,
    program: OsString,
    args: Vec<OsString>,
    grace: Duration,
    /// Apart for each host, so that none waits for another that takes its time to end.
    processes: Mutex<HashMap<String, Slot>>,
}

impl LocalProvider {
    /// Provides hosts below this directory that run this program.
    pub fn new(root: impl Into<PathBuf>, program: impl Into<OsString>) -> Self {
        let root = root.into();
        LocalProvider {
            // What runs below it is told the whole path. Only an empty one has none, and fails when it is used.
            root: path::absolute(&root).unwrap_or(root),
            program: program.into(),
            args: Vec::new(),
            grace: Duration::from_secs(5),
            processes: Mutex::default(),
        }
    }

    /// Adds an argument of the program.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets how long a process that was asked to end may take before it is killed; 5 seconds by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Finds a host that was created before, by another provider of the same root too.
    ///
    /// # Errors
    ///
    /// When there is none of this name (`is_not_found`), and when it is no name of a host.
    pub fn host(&self, name: &str) -> Result<Host> {
        check_name(name)?;
        let directory = self.root.join(name);
        match directory.is_dir() {
            true => {
                let activity = HostActivity::new(&directory);
                // A host keeps no process alive after its provider.
                let slot = Arc::downgrade(&self.slot(name));
                let host = Host::in_directory(name.to_owned(), activity);
                Ok(host.up_when(move || {
                    let (slot, directory) = (slot.upgrade(), directory.clone());
                    async move {
                        match slot {
                            Some(slot) => runs(&mut *slot.lock().await, &directory).await,
                            None => runs(&mut None, &directory).await,
                        }
                    }
                }))
            }
            false => Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no host {name:?} in {:?}", self.root),
            )),
        }
    }

    fn slot(&self, name: &str) -> Slot {
        let mut processes = self.processes.lock();
        processes.entry(name.to_owned()).or_default().clone()
    }

    async fn spawn(&self, directory: PathBuf) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(&directory)
            .env("MNGR_HOST_DIR", &directory);
        let attempt = format!("cannot run {:?} in {directory:?}", self.program);
        let output = directory.join(orphan::OUTPUT);
        let output = blocking(move || {
            let opened = File::options().create(true).append(true).open(&output);
            let both = opened.and_then(|output| {
                orphan::lock(&output);
                Ok((output.try_clone()?, output))
            });
            both.map_err(|cause| io_error(format!("cannot open {output:?}"), cause))
        });
        let (stdout, stderr) = output.await?;
        let command = command.stdout(stdout).stderr(stderr);
        let process = Process::spawn(command).map_err(|cause| io_error(attempt, cause))?;
        orphan::note(directory, process.number()).await?;
        Ok(process)
    }
}

impl HostProvider for LocalProvider {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        let slot = self.slot(name);
        let mut slot = slot.lock().await;
        let directory = self.root.join(name);
        let (root, made) = (self.root.clone(), directory.clone());
        blocking(move || {
            let created = fs::create_dir_all(&root).and_then(|()| fs::create_dir(&made));
            created.map_err(|cause| {
                io_error(format!("cannot create the host directory {made:?}"), cause)
            })
        })
        .await?;
        let process = match self.spawn(directory.clone()).await {
            Ok(process) => process,
            Err(error) => {
                // What is left of it only keeps the name from being used again.
                return blocking(move || {
                    let _ = fs::remove_dir_all(&directory);
                    Err(error)
                })
                .await;
            }
        };
        *slot = Some(process);
        self.host(name)
    }

    async fn start(&self, _work: &Work, host: &Host) -> Result<()> {
        let slot = self.slot(host.name());
        let mut slot = slot.lock().await;
        let directory = self.root.join(host.name());
        if !runs(&mut slot, &directory).await? {
            *slot = Some(self.spawn(directory).await?);
        }
        Ok(())
    }

    async fn stop(&self, _work: &Work, host: &Host) -> Result<()> {
        let slot = self.slot(host.name());
        let mut slot = slot.lock().await;
        let Some(process) = &mut *slot else {
            return orphan::end(self.root.join(host.name()), self.grace).await;
        };
        let ended = process.end(self.grace).await;
        ended.map_err(|cause| {
            io_error(
                format!("cannot stop the process of {:?}", host.name()),
                cause,
            )
        })?;
        *slot = None;
        Ok(())
    }
}

/// Whether the process runs, or where there is none, one that another provider has started.
async fn runs(process: &mut Option<Process>, directory: &Path) -> Result<bool> {
    let Some(process) = process else {
        return orphan::runs(directory.to_owned()).await;
    };
    let alive = process.is_alive();
    alive.map_err(|cause| io_error("cannot ask whether a host's process runs".to_owned(), cause))
}

/// Where the process of one host is kept; none where it is stopped.
type Slot = Arc<AsyncMutex<Option<Process>>>;
