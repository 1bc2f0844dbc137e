//! Hosts on a machine that is reached by ssh.

use std::{env, num::NonZeroUsize, path::PathBuf, process::Output, sync::Arc, time::Duration};

use openssh::{ControlPersist, KnownHosts, OwningCommand, Session, SessionBuilder, Stdio};
use tokio::{sync::Mutex, time};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{
        Host, HostProvider, HostShell, ScriptFuture, ShellActivity, Work, failure::command_failure,
        handle::Gates, process::printed, provider::check_name, shell::quoted,
    },
};

/// How long a connection that nobody uses is kept open, in seconds: watchers look more often than that.
const KEPT: usize = 120;

/// How long the machine may take to answer while connecting, and how often it is asked whether it is still there.
const ANSWER: Duration = Duration::from_secs(15);

/// Provides hosts on a machine that is reached by ssh: a directory each, `<root>/<name>`, and whatever the given
/// scripts start and stop in it.
///
/// It is OpenSSH's own client that connects, once for many commands, with the user's configuration, keys and agent.
/// It asks no questions: the machine's key has to be known, and the user's key needs no passphrase or is with the
/// agent.
///
/// Scripts are for a POSIX shell, `sh`. They run in the host's directory, which `MNGR_HOST_DIR` names. What is to go
/// on after the one that starts a host must let go of its output.
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
    gates: Gates,
}

impl SshProvider {
    /// Provides hosts below this directory of the machine that `ssh DESTINATION` reaches. A relative one is below the
    /// home directory there.
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
            gates: Gates::default(),
        }
    }

    /// Sets the script that brings a host up, after it was created too. Without [`up`](Self::up) it is run for one that
    /// is up too, and should leave that alone.
    pub fn start(mut self, script: impl Into<String>) -> Self {
        self.start = script.into();
        self
    }

    /// Sets the script that stops a host, and succeeds where it is stopped.
    pub fn stop(mut self, script: impl Into<String>) -> Self {
        self.stop = script.into();
        self
    }

    /// Sets the script that succeeds while a host is up, and fails while it is not. Without it nobody is asked: see
    /// [`Watcher`](crate::host::Watcher).
    pub fn up(mut self, script: impl Into<String>) -> Self {
        self.up = Some(script.into());
        self
    }

    /// Sets the file that configures the client, as `ssh -F` does: port, user, keys, known machines.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.machine.config = Some(file.into());
        self
    }

    /// Sets how long a command may take; 5 minutes by default. It may go on there.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.machine.timeout = timeout;
        self
    }

    /// The host of this name that was created before.
    ///
    /// # Errors
    ///
    /// When it is no name of a host.
    pub fn host(&self, name: &str) -> Result<Host> {
        check_name(name)?;
        let shell = Arc::new(self.machine.clone());
        let activity = ShellActivity::new(self.directory(name), shell);
        let gate = self.gates.of(name);
        let host = Host::behind(gate, name.to_owned(), name.to_owned(), activity);
        let Some(up) = &self.up else {
            return Ok(host);
        };
        let directory = quoted(&self.directory(name));
        let asked = format!(
            "cd {directory} 2>/dev/null && {} >/dev/null 2>&1 && echo up; exit 0",
            own_shell(up)
        );
        let asked = (self.machine.clone(), asked);
        Ok(host.up_when(move || {
            let (machine, script) = asked.clone();
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

/// A shell of its own for a script, which may be none that a shell understands. It finds the directory set.
fn own_shell(script: &str) -> String {
    format!("MNGR_HOST_DIR=$(pwd) sh -c {}", quoted(script))
}

impl HostProvider for SshProvider {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        let (root, directory) = (quoted(&self.root), quoted(&self.directory(name)));
        let start = own_shell(&self.start);
        // What was made is removed where the host does not come up, or its name could not be used again.
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

/// A machine, and the connection to it while there is one.
#[derive(Debug, Clone)]
struct Machine {
    destination: String,
    config: Option<PathBuf>,
    timeout: Duration,
    session: Arc<Mutex<Option<Arc<Session>>>>,
}

impl Machine {
    /// The connection, made anew where it was lost.
    async fn session(&self) -> Result<Arc<Session>> {
        let mut session = self.session.lock().await;
        if let Some(open) = &*session
            && open.check().await.is_ok()
        {
            return Ok(open.clone());
        }
        let attempt = || format!("cannot connect to {:?} by ssh", self.destination);
        // The client would take it for an option.
        if self.destination.starts_with('-') {
            return Err(Error::invalid(attempt()));
        }
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            .connect_timeout(ANSWER)
            .server_alive_interval(ANSWER)
            .control_directory(env::temp_dir());
        if let Some(kept) = NonZeroUsize::new(KEPT) {
            builder.control_persist(ControlPersist::IdleFor(kept));
        }
        if let Some(config) = &self.config {
            builder.config_file(config);
        }
        let made = builder.connect(&self.destination).await;
        let made =
            made.map_err(|cause| Error::new(ErrorKind::Host, attempt()).with_source(cause))?;
        Ok(session.insert(Arc::new(made)).clone())
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
                    format!("{}: it has taken {s} s", attempt()),
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

/// Runs it to its end.
async fn output(command: &mut OwningCommand<&Session>) -> Result<Output, openssh::Error> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().await?;
    let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
    let (stdout, stderr) = printed(stdout, stderr)
        .await
        .map_err(openssh::Error::ChildIo)?;
    let status = child.wait().await?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}
