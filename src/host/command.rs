//! Hosts that some command-line tool provides: docker, modal, or any other.

use std::{process::Output, sync::Arc, time::Duration};

use tokio::{process::Command, time};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{
        Host, HostProvider, HostShell, ScriptFuture, ShellActivity, Work,
        failure::{command_failure, io_error},
        handle::Gates,
        process::Process,
        provider::check_name,
    },
};

/// Provides hosts through the commands of a tool that can create, start and stop them and run scripts on them.
///
/// In each argument `{host}` stands for the host's name, `{id}` for the last line that the creating command printed
/// (the name where it printed none; it has to be one word), and in the one that runs scripts `{script}` for a script of
/// a POSIX shell. No shell is between: arguments reach the tool as they are. A command is done when it has ended and
/// nobody holds its output any more: what it leaves running must let go of that.
///
/// # Examples
///
/// ```no_run
/// use tower_activity::{ActivityLog, host::{CommandProvider, HostProviderExt}};
///
/// # async fn run() -> tower_activity::Result<()> {
/// let docker = CommandProvider::new("/var/lib/host")
///     .create(["docker", "run", "--detach", "--name", "{host}", "debian", "sleep", "infinity"])
///     .start(["docker", "start", "{id}"])
///     .stop(["docker", "stop", "{id}"])
///     .up(["docker", "top", "{id}"])
///     .exec(["docker", "exec", "{id}", "sh", "-c", "{script}"]);
/// let log = ActivityLog::open("activity.db")?;
/// let host = docker.create_host(&log, "web").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct CommandProvider {
    directory: String,
    create: Line,
    start: Line,
    stop: Line,
    up: Line,
    exec: Line,
    timeout: Duration,
    gates: Gates,
}

impl CommandProvider {
    /// Provides hosts that have this directory, which is made on them. Its commands have to be set,
    /// all but [`up`](Self::up).
    pub fn new(directory: impl Into<String>) -> Self {
        CommandProvider {
            directory: directory.into(),
            create: Line::none("create"),
            start: Line::none("start"),
            stop: Line::none("stop"),
            up: Line::none("up"),
            exec: Line::none("exec"),
            timeout: Duration::from_secs(300),
            gates: Gates::default(),
        }
    }

    /// Sets the command that creates a host and brings it up. Where it prints an id that is refused, the host is left.
    pub fn create<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.create.set(command);
        self
    }

    /// Sets the command that starts a host that was stopped. Without [`up`](Self::up) it is run for one that is up too,
    /// and should leave that alone.
    pub fn start<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.start.set(command);
        self
    }

    /// Sets the command that stops a host, and succeeds where it is stopped.
    pub fn stop<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.stop.set(command);
        self
    }

    /// Sets the command that succeeds while a host is up, and fails while it is not. Without it nobody is asked: see
    /// [`Watcher`](crate::host::Watcher).
    pub fn up<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.up.set(command);
        self
    }

    /// Sets the command that runs a script on a host.
    pub fn exec<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.exec.set(command);
        self
    }

    /// Sets how long a command may take before it is killed with what it started; 5 minutes by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The host of this name that was created before; the id is the one that [`Host::id`] said then.
    ///
    /// # Errors
    ///
    /// When it is no name of a host, and when the id is not one word, or begins with `-`, as options do.
    pub fn host(&self, name: &str, id: &str) -> Result<Host> {
        check_name(name)?;
        check_id(name, id)?;
        let shell = CommandShell {
            exec: self.exec.clone(),
            name: name.to_owned(),
            id: id.to_owned(),
            timeout: self.timeout,
        };
        let activity = ShellActivity::new(self.directory.clone(), Arc::new(shell));
        let gate = self.gates.of(name);
        let host = Host::behind(gate, name.to_owned(), id.to_owned(), activity);
        if self.up.words.is_empty() {
            return Ok(host);
        }
        let asked = (self.up.clone(), name.to_owned(), id.to_owned());
        let timeout = self.timeout;
        Ok(host.up_when(move || {
            let (up, name, id) = asked.clone();
            async move {
                let words = [("{host}", name.as_str()), ("{id}", &id)];
                Ok(up.output(&words, timeout).await?.status.success())
            }
        }))
    }

    async fn run(&self, line: &Line, host: &Host) -> Result<()> {
        let words = [("{host}", host.name()), ("{id}", host.id())];
        line.run(&words, self.timeout).await.map(drop)
    }
}

impl HostProvider for CommandProvider {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        let words = [("{host}", name), ("{id}", name)];
        let printed = self.create.run(&words, self.timeout).await?;
        let last = printed
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty());
        self.host(name, last.unwrap_or(name))
    }

    async fn start(&self, _work: &Work, host: &Host) -> Result<()> {
        self.run(&self.start, host).await
    }

    async fn stop(&self, _work: &Work, host: &Host) -> Result<()> {
        self.run(&self.stop, host).await
    }
}

/// Runs scripts through the tool.
#[derive(Debug)]
struct CommandShell {
    exec: Line,
    name: String,
    id: String,
    timeout: Duration,
}

impl HostShell for CommandShell {
    fn run<'a>(&'a self, script: &'a str) -> ScriptFuture<'a> {
        Box::pin(async move {
            let words = [
                ("{host}", self.name.as_str()),
                ("{id}", &self.id),
                ("{script}", script),
            ];
            self.exec.run(&words, self.timeout).await
        })
    }
}

/// A command with words to fill in.
#[derive(Debug, Clone)]
struct Line {
    what: &'static str,
    words: Vec<String>,
}

impl Line {
    fn none(what: &'static str) -> Self {
        Line {
            what,
            words: Vec::new(),
        }
    }

    fn set<T: Into<String>>(&mut self, words: impl IntoIterator<Item = T>) {
        self.words = words.into_iter().map(Into::into).collect();
    }

    /// Runs it, and gives back what it printed.
    async fn run(&self, fill: &[(&str, &str)], timeout: Duration) -> Result<String> {
        let output = self.output(fill, timeout).await?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Error::new(ErrorKind::Host, self.attempt())
                .with_source(command_failure(output.status, &output.stderr))),
        }
    }

    /// Runs it to its end, whatever that is.
    async fn output(&self, fill: &[(&str, &str)], timeout: Duration) -> Result<Output> {
        let Some((program, args)) = self.words.split_first() else {
            let what = self.what;
            return Err(Error::invalid(format!(
                "cannot run a command that is not set: set one with `CommandProvider::{what}`"
            )));
        };
        let args = args.iter().map(|arg| filled(arg, fill));
        let mut command = Command::new(program);
        let output = time::timeout(timeout, Process::output(command.args(args))).await;
        let output = output.map_err(|_| {
            let s = timeout.as_secs_f64();
            Error::new(
                ErrorKind::Timeout,
                format!("{}: it has taken {s} s", self.attempt()),
            )
        })?;
        output.map_err(|cause| io_error(self.attempt(), cause))
    }

    /// Not filled in: a script is long, and only our own.
    fn attempt(&self) -> String {
        format!("cannot run `{}`", self.words.join(" "))
    }
}

/// Looks that no command takes an id for an option, and that a message of the tool is not taken for an id.
fn check_id(name: &str, id: &str) -> Result<()> {
    let strange = |c: char| c.is_whitespace() || c.is_control();
    if !id.is_empty() && !id.starts_with('-') && !id.contains(strange) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "cannot use {id:?} as the id of the host {name:?}: use one word that does not begin with '-', and let the \
         command that creates a host print it last"
    )))
}

/// Fills in each word once: what a value says is not filled in again.
fn filled(arg: &str, fill: &[(&str, &str)]) -> String {
    let mut rest = arg;
    let mut out = String::with_capacity(arg.len());
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match fill.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) => {
                out.push_str(value);
                rest = &rest[word.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in_once() {
        let fill = [("{host}", "web"), ("{script}", "echo {host} ${x}")];
        let check = |arg: &str, expected: &str| assert_eq!(filled(arg, &fill), expected);
        check("plain", "plain");
        check("name={host}", "name=web");
        check("{host}-{host}", "web-web");
        check("{script}", "echo {host} ${x}");
        check("{other} {", "{other} {");
    }
}
