//! Hosts provided by a command-line tool, such as docker or modal.

use std::{process::Output, sync::Arc, time::Duration};

use tokio::{process::Command, time};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{
        Host, HostProvider, HostShell, ScriptFuture, ShellActivity, Work,
        failure::{command_failure, io_error},
        handle::HostLocks,
        process::Process,
        provider::check_name,
    },
};

/// Provides hosts through a command-line tool that creates, starts and stops them and runs scripts on them.
///
/// Arguments may contain placeholders: `{host}` is the host's name, `{id}` the last line printed by the create command
/// (one word; the name if it printed nothing), and in the exec command `{script}` is a POSIX shell script. Arguments are
/// passed to the tool without a shell. A command is finished once it has exited and its output is closed, so that
/// background processes must not inherit the output.
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
    create: CommandTemplate,
    start: CommandTemplate,
    stop: CommandTemplate,
    up: CommandTemplate,
    exec: CommandTemplate,
    timeout: Duration,
    locks: HostLocks,
}

impl CommandProvider {
    /// Creates a provider of hosts whose markers are in `directory`, which is created on each host. Every command except
    /// [`up`](Self::up) must be set.
    pub fn new(directory: impl Into<String>) -> Self {
        CommandProvider {
            directory: directory.into(),
            create: CommandTemplate::unset("create"),
            start: CommandTemplate::unset("start"),
            stop: CommandTemplate::unset("stop"),
            up: CommandTemplate::unset("up"),
            exec: CommandTemplate::unset("exec"),
            timeout: Duration::from_secs(300),
            locks: HostLocks::default(),
        }
    }

    /// Sets the command that creates a host and brings it up. If it prints an invalid id, the host is not removed.
    pub fn create<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.create.set(command);
        self
    }

    /// Sets the command that starts a stopped host. Without [`up`](Self::up) it also runs for a host that is up, and must
    /// leave it unchanged.
    pub fn start<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.start.set(command);
        self
    }

    /// Sets the command that stops a host. It must succeed if the host is already stopped.
    pub fn stop<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.stop.set(command);
        self
    }

    /// Sets the command that checks whether a host is up: it succeeds if so, and fails otherwise. For hosts without a
    /// check, see [`Watcher`](crate::host::Watcher).
    pub fn up<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.up.set(command);
        self
    }

    /// Sets the command that runs a script on a host.
    pub fn exec<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.exec.set(command);
        self
    }

    /// Sets the timeout of a command, after which its process group is killed; 5 minutes by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens an existing host by its name and its [`Host::id`].
    ///
    /// # Errors
    ///
    /// If the name is invalid, or the id is not one word or begins with `-` like an option.
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
        let lock = self.locks.get(name);
        let host = Host::with_lock(lock, name.to_owned(), id.to_owned(), activity);
        if self.up.args.is_empty() {
            return Ok(host);
        }
        let check = (self.up.clone(), name.to_owned(), id.to_owned());
        let timeout = self.timeout;
        Ok(host.up_when(move || {
            let (up, name, id) = check.clone();
            async move {
                let values = [("{host}", name.as_str()), ("{id}", &id)];
                Ok(up.output(&values, timeout).await?.status.success())
            }
        }))
    }

    async fn run(&self, command: &CommandTemplate, host: &Host) -> Result<()> {
        let values = [("{host}", host.name()), ("{id}", host.id())];
        command.run(&values, self.timeout).await.map(drop)
    }
}

impl HostProvider for CommandProvider {
    async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
        let values = [("{host}", name), ("{id}", name)];
        let stdout = self.create.run(&values, self.timeout).await?;
        let last = stdout.lines().map(str::trim).rfind(|line| !line.is_empty());
        self.host(name, last.unwrap_or(name))
    }

    async fn start(&self, _work: &Work, host: &Host) -> Result<()> {
        self.run(&self.start, host).await
    }

    async fn stop(&self, _work: &Work, host: &Host) -> Result<()> {
        self.run(&self.stop, host).await
    }
}

/// Runs scripts with the exec command.
#[derive(Debug)]
struct CommandShell {
    exec: CommandTemplate,
    name: String,
    id: String,
    timeout: Duration,
}

impl HostShell for CommandShell {
    fn run<'a>(&'a self, script: &'a str) -> ScriptFuture<'a> {
        Box::pin(async move {
            let values = [
                ("{host}", self.name.as_str()),
                ("{id}", &self.id),
                ("{script}", script),
            ];
            self.exec.run(&values, self.timeout).await
        })
    }
}

/// A command line with placeholders.
#[derive(Debug, Clone)]
struct CommandTemplate {
    /// The method of [`CommandProvider`] that sets it.
    setter: &'static str,
    args: Vec<String>,
}

impl CommandTemplate {
    fn unset(setter: &'static str) -> Self {
        CommandTemplate {
            setter,
            args: Vec::new(),
        }
    }

    fn set<T: Into<String>>(&mut self, args: impl IntoIterator<Item = T>) {
        self.args = args.into_iter().map(Into::into).collect();
    }

    /// Runs the command and returns its stdout. Fails if the command does.
    async fn run(&self, values: &[(&str, &str)], timeout: Duration) -> Result<String> {
        let output = self.output(values, timeout).await?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Error::new(ErrorKind::Host, self.attempt())
                .with_source(command_failure(output.status, &output.stderr))),
        }
    }

    /// Runs the command and returns its output and exit status.
    async fn output(&self, values: &[(&str, &str)], timeout: Duration) -> Result<Output> {
        let Some((program, args)) = self.args.split_first() else {
            let setter = self.setter;
            return Err(Error::invalid(format!(
                "no {setter} command: set one with `CommandProvider::{setter}`"
            )));
        };
        let args = args.iter().map(|arg| substitute(arg, values));
        let mut command = Command::new(program);
        let output = time::timeout(timeout, Process::output(command.args(args))).await;
        let output = output.map_err(|_| {
            let s = timeout.as_secs_f64();
            Error::new(
                ErrorKind::Timeout,
                format!("{}: timed out after {s} s", self.attempt()),
            )
        })?;
        output.map_err(|cause| io_error(self.attempt(), cause))
    }

    /// Describes the attempt, with the placeholders: scripts are long, and always the crate's own.
    fn attempt(&self) -> String {
        format!("cannot run `{}`", self.args.join(" "))
    }
}

/// Checks that an id cannot be mistaken for an option, and is not a message of the tool.
fn check_id(name: &str, id: &str) -> Result<()> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control();
    if !id.is_empty() && !id.starts_with('-') && !id.contains(forbidden) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "invalid id {id:?} of the host {name:?}: it must be one word that does not begin with '-', printed last by the \
         create command"
    )))
}

/// Replaces placeholders by their values. Placeholders inside values are not replaced.
fn substitute(arg: &str, values: &[(&str, &str)]) -> String {
    let mut rest = arg;
    let mut out = String::with_capacity(arg.len());
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match values
            .iter()
            .find(|(placeholder, _)| rest.starts_with(placeholder))
        {
            Some((placeholder, value)) => {
                out.push_str(value);
                rest = &rest[placeholder.len()..];
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
    fn placeholders_are_replaced_once() {
        let values = [("{host}", "web"), ("{script}", "echo {host} ${x}")];
        let check = |arg: &str, expected: &str| assert_eq!(substitute(arg, &values), expected);
        check("plain", "plain");
        check("name={host}", "name=web");
        check("{host}-{host}", "web-web");
        check("{script}", "echo {host} ${x}");
        check("{other} {", "{other} {");
    }
}
