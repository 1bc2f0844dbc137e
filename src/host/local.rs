//! Hosts on the local machine: a directory and a process each.

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

/// Provides hosts on the local machine: each has a directory, `<root>/<name>`, and a process that runs in it.
///
/// The process gets the directory in `MNGR_HOST_DIR`, and its output is appended to `output.log` there. It runs in its
/// own process group. A stop sends SIGTERM to the group, and SIGKILL to what is left once the process has exited or the
/// grace period is over. Dropping the provider kills the group too. On Unix, a process started by another provider of
/// the same root, or left by a killed program, is found and stopped by its PID in `process.id`.
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
    /// One slot per host, so that no host waits for the slow stop of another.
    processes: Mutex<HashMap<String, Slot>>,
}

impl LocalProvider {
    /// Creates a provider of hosts below the directory `root` that run `program`.
    pub fn new(root: impl Into<PathBuf>, program: impl Into<OsString>) -> Self {
        let root = root.into();
        LocalProvider {
            // Processes get an absolute path. This fails only for an empty path, which fails again when it is used.
            root: path::absolute(&root).unwrap_or(root),
            program: program.into(),
            args: Vec::new(),
            grace: Duration::from_secs(5),
            processes: Mutex::default(),
        }
    }

    /// Adds an argument to the program.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets the grace period between SIGTERM and SIGKILL; 5 seconds by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Opens an existing host, created by this or another provider of the same root.
    ///
    /// # Errors
    ///
    /// If there is no host with this name (`is_not_found`), or the name is invalid.
    pub fn host(&self, name: &str) -> Result<Host> {
        check_name(name)?;
        let directory = self.root.join(name);
        match directory.is_dir() {
            true => {
                let activity = HostActivity::new(&directory);
                // Weak, so that a host does not keep its process alive after the provider.
                let slot = Arc::downgrade(&self.slot(name));
                let host = Host::in_directory(name.to_owned(), activity);
                Ok(host.up_when(move || {
                    let (slot, directory) = (slot.upgrade(), directory.clone());
                    async move {
                        match slot {
                            Some(slot) => is_running(&mut *slot.lock().await, &directory).await,
                            None => is_running(&mut None, &directory).await,
                        }
                    }
                }))
            }
            false => Err(Error::new(
                ErrorKind::NotFound,
                format!("no host {name:?} in {:?}", self.root),
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
                orphan::lock_output(&output);
                Ok((output.try_clone()?, output))
            });
            both.map_err(|cause| io_error(format!("cannot open {output:?}"), cause))
        });
        let (stdout, stderr) = output.await?;
        let command = command.stdout(stdout).stderr(stderr);
        let process = Process::spawn(command).map_err(|cause| io_error(attempt, cause))?;
        orphan::write_pid(directory, process.pid()).await?;
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
                // A leftover directory would block the name.
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
        if !is_running(&mut slot, &directory).await? {
            *slot = Some(self.spawn(directory).await?);
        }
        Ok(())
    }

    async fn stop(&self, _work: &Work, host: &Host) -> Result<()> {
        let slot = self.slot(host.name());
        let mut slot = slot.lock().await;
        let Some(process) = &mut *slot else {
            return orphan::terminate(self.root.join(host.name()), self.grace).await;
        };
        let terminated = process.terminate(self.grace).await;
        terminated.map_err(|cause| {
            io_error(
                format!("cannot stop the process of {:?}", host.name()),
                cause,
            )
        })?;
        *slot = None;
        Ok(())
    }
}

/// Returns whether the host's process is running: this provider's, or one started by another provider.
async fn is_running(process: &mut Option<Process>, directory: &Path) -> Result<bool> {
    let Some(process) = process else {
        return orphan::is_running(directory.to_owned()).await;
    };
    let alive = process.is_alive();
    alive.map_err(|cause| {
        io_error(
            "cannot check whether a host's process is running".to_owned(),
            cause,
        )
    })
}

/// The process of one host; `None` while it is stopped.
type Slot = Arc<AsyncMutex<Option<Process>>>;
