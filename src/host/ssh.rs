//! Hosts on a remote machine, over ssh.

use std::{env, num::NonZeroUsize, path::PathBuf, process::Output, sync::Arc, time::Duration};

use openssh::{ControlPersist, KnownHosts, OwningCommand, Session, SessionBuilder, Stdio};
use tokio::{sync::Mutex, time};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{
        Host, HostProvider, HostShell, ScriptFuture, ShellActivity, Work, failure::command_failure,
        handle::HostLocks, process::read_output, provider::check_name, shell::quoted,
    },
};

/// How long an idle connection stays open, in seconds. Watchers poll more often than that.
const IDLE_TIMEOUT_S: usize = 120;

/// Connect timeout and keep-alive interval.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Provides hosts on a remote machine over ssh: each has a directory, `<root>/<name>`, in which the given scripts start
/// and stop it.
///
/// Connects with the OpenSSH client, and so with the user's configuration, keys and agent; one connection serves many
/// commands. The client never prompts: the machine must be in `known_hosts`, and the user's key must have no passphrase
/// or be loaded in the agent.
///
/// Scripts are POSIX shell scripts. They run in the host's directory, which is also in `MNGR_HOST_DIR`. Background
/// processes of the start script must not inherit its output.
///
/// # Examples
///
/// ```no_run
/// use tower_activity::{ActivityLog, host::{HostProviderExt, SshProvider}};
///
/// # async fn run() -> tower_activity::Result<()> {
/// let provider = SshProvider::new("ops@build-1", "/srv/hosts")
///     .start("nohup worker >output.log 2>&1 </dev/null & echo $! >pid")
///     .stop("kill $(cat pid) || true")
///     .up("kill -0 $(cat pid)");
/// let log = ActivityLog::open("activity.db")?;
/// let host = provider.create_host(&log, "web").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SshProvider {
    machine: Machine,
    root: String,
    start: String,
    stop: String,
    up: Option<String>,
    locks: HostLocks,
}

impl SshProvider {
    /// Creates a provider of hosts below `root` on the machine that `ssh DESTINATION` connects to. A relative root is
    /// below the home directory.
    pub fn new(destination: impl Into<String>, root: impl Into<String>) -> Self {
        SshProvider {
            machine: Machine {
                destination: destination.into(),
                config: None,
                timeout: Duration::from_secs(300),
                session: Arc::default(),
            },
            root: root.into(),
            start: String::new(),
            stop: String::new(),
            up: None,
            locks: HostLocks::default(),
        }
    }

    /// Sets the script that brings a host up; it also runs after the creation. Without [`up`](Self::up) it also runs for a
    /// host that is up, and must leave it unchanged.
    pub fn start(mut self, script: impl Into<String>) -> Self {
        self.start = script.into();
        self
    }

    /// Sets the script that stops a host. It must succeed if the host is already stopped.
    pub fn stop(mut self, script: impl Into<String>) -> Self {
        self.stop = script.into();
        self
    }

    /// Sets the script that checks whether a host is up: it succeeds if so, and fails otherwise. For hosts without a
    /// check, see [`Watcher`](crate::host::Watcher).
    pub fn up(mut self, script: impl Into<String>) -> Self {
        self.up = Some(script.into());
        self
    }

    /// Sets the configuration file of the client, as `ssh -F` does: port, user, keys, known hosts.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.machine.config = Some(file.into());
        self
    }

    /// Sets the timeout of a command; 5 minutes by default. A command that timed out may keep running on the machine.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.machine.timeout = timeout;
        self
    }

    /// Opens an existing host.
    ///
    /// # Errors
    ///
    /// If the name is invalid.
    pub fn host(&self, name: &str) -> Result<Host> {
        check_name(name)?;
        let shell = Arc::new(self.machine.clone());
        let activity = ShellActivity::new(self.directory(name), shell);
        let lock = self.locks.get(name);
        let host = Host::with_lock(lock, name.to_owned(), name.to_owned(), activity);
        let Some(up) = &self.up else {
            return Ok(host);
        };
        let directory = quoted(&self.directory(name));
        let script = format!(
            "cd {directory} 2>/dev/null && {} >/dev/null 2>&1 && echo up; exit 0",
            own_shell(up)
        );
        let check = (self.machine.clone(), script);
        Ok(host.up_when(move || {
            let (machine, script) = check.clone();
            async move { Ok(machine.run(&script).await?.lines().any(|line| line == "up")) }
        }))
    }

    fn directory(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    async fn run(&self, host: &Host, script: &str) -> Result<()> {
        let directory = quoted(&self.directory(host.name()));
        let script = format!("cd {directory} && {}", own_shell(script));
        self.machine.run(&script).await.map(drop)
    }
}

/// Wraps a script in its own shell, so that a syntax error does not affect the commands around it. Sets the directory.
fn own_shell(script: &str) -> String {
    format!("MNGR_HOST_DIR=$(pwd) sh -c {}", quoted(script))
}

impl HostProvider for SshProvider {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        let (root, directory) = (quoted(&self.root), quoted(&self.directory(name)));
        let start = own_shell(&self.start);
        // If the host does not come up its directory is removed, or it would block the name.
        let script = format!(
            "mkdir -p {root} && mkdir {directory} || exit
             here=$(pwd)
             cd {directory} || exit
             {start} && exit
             failed=$?
             cd \"$here\" && rm -rf {directory}
             exit $failed"
        );
        self.machine.run(&script).await?;
        self.host(name)
    }

    async fn start(&self, _work: &Work, host: &Host) -> Result<()> {
        self.run(host, &self.start).await
    }

    async fn stop(&self, _work: &Work, host: &Host) -> Result<()> {
        self.run(host, &self.stop).await
    }
}

/// A remote machine, and the connection to it if there is one.
#[derive(Debug, Clone)]
struct Machine {
    destination: String,
    config: Option<PathBuf>,
    timeout: Duration,
    session: Arc<Mutex<Option<Arc<Session>>>>,
}

impl Machine {
    /// Returns the connection, reconnecting if it was lost.
    async fn session(&self) -> Result<Arc<Session>> {
        let mut session = self.session.lock().await;
        if let Some(open) = &*session
            && open.check().await.is_ok()
        {
            return Ok(open.clone());
        }
        let attempt = || format!("cannot connect to {:?} by ssh", self.destination);
        // ssh would parse it as an option.
        if self.destination.starts_with('-') {
            return Err(Error::invalid(attempt()));
        }
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            // An attempt that is given up would continue in the background.
            .connect_timeout(self.timeout.clamp(Duration::from_secs(1), CONNECT_TIMEOUT))
            .server_alive_interval(CONNECT_TIMEOUT)
            .control_directory(env::temp_dir());
        if let Some(timeout) = NonZeroUsize::new(IDLE_TIMEOUT_S) {
            builder.control_persist(ControlPersist::IdleFor(timeout));
        }
        if let Some(config) = &self.config {
            builder.config_file(config);
        }
        let connected = builder.connect(&self.destination).await;
        let connected =
            connected.map_err(|cause| Error::new(ErrorKind::Host, attempt()).with_source(cause))?;
        Ok(session.insert(Arc::new(connected)).clone())
    }
}

impl HostShell for Machine {
    fn run<'a>(&'a self, script: &'a str) -> ScriptFuture<'a> {
        Box::pin(async move {
            let attempt = || format!("cannot run a script on {:?}", self.destination);
            let run = async {
                let session = self.session().await?;
                let output = output(&mut session.shell(script)).await;
                output.map_err(|cause| Error::new(ErrorKind::Host, attempt()).with_source(cause))
            };
            let output = time::timeout(self.timeout, run).await.map_err(|_| {
                let s = self.timeout.as_secs_f64();
                Error::new(
                    ErrorKind::Timeout,
                    format!("{}: timed out after {s} s", attempt()),
                )
            })??;
            match output.status.success() {
                true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
                false => Err(Error::new(ErrorKind::Host, attempt())
                    .with_source(command_failure(output.status, &output.stderr))),
            }
        })
    }
}

/// Runs a command until it exits and its output is closed.
async fn output(command: &mut OwningCommand<&Session>) -> Result<Output, openssh::Error> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().await?;
    let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
    let (stdout, stderr) = read_output(stdout, stderr)
        .await
        .map_err(openssh::Error::ChildIo)?;
    let status = child.wait().await?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}
