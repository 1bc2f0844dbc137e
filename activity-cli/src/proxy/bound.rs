//! A server that ends with the proxy, also when that is killed: nothing else would tell a server that ignores the end of its input.
//!
//! The kernel of Linux signals it, if the process asks for that itself, before it becomes the server. So this program is started
//! first, with [`Proxy::die_with`](super::Proxy), and then executes the server in the same process. Elsewhere the server is started
//! directly.

#[cfg(target_os = "linux")]
use std::{env, path::PathBuf};
use std::{
    ffi::OsString,
    io,
    process::{Child, Command, Stdio},
};

use crate::{
    failure::Failure,
    print::{self, safe},
};

/// Starts a server with pipes for its streams. The thread that does so has to live as long as this process.
pub(super) fn spawn(program: &OsString, arguments: &[OsString]) -> io::Result<Child> {
    #[cfg(target_os = "linux")]
    if let Some(this) = this_program() {
        let mut this = Command::new(this);
        let id = std::process::id().to_string();
        this.args(["proxy", "--die-with", &id, "--"]).arg(program);
        if let Ok(child) = with_pipes(this.args(arguments)).spawn() {
            return Ok(child);
        }
        // It was removed, after an update.
    }
    with_pipes(Command::new(program).args(arguments)).spawn()
}

/// Returns the path of this program; `None` if the process is that of another one, such as `ld.so`, which has loaded it.
#[cfg(target_os = "linux")]
fn this_program() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let called = PathBuf::from(env::args_os().next()?);
    (program.file_name() == called.file_name()).then_some(program)
}

fn with_pipes(command: &mut Command) -> &mut Command {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped())
}

/// Becomes the server of the proxy with this process id. Returns only if that fails.
#[cfg(target_os = "linux")]
pub(super) fn exec(proxy: i32, command: &[OsString]) -> Failure {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

    let Some((program, arguments)) = command.split_first() else {
        return Failure::Usage(String::from("name the command of a server after `--`"));
    };
    // What kills the proxy would have killed the server. Where the kernel refuses, the server ends with its input.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid().map(Pid::as_raw_pid) != Some(proxy) {
        // It was killed before.
        return Failure::Exited(137);
    }
    let cause = Command::new(program).args(arguments).exec();
    cannot_start(program, &cause)
}

/// Prints that a server cannot be started. Returns a shell's exit code for that.
pub(super) fn cannot_start(program: &OsString, cause: &io::Error) -> Failure {
    print::note(&format!(
        "activity: cannot start {}: {cause}",
        safe::line(&program.to_string_lossy())
    ));
    Failure::Exited(match cause.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    })
}
