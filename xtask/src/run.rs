//! Runs other programs, and prints their command lines.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Instant,
};

use anstyle::{AnsiColor, Style};

/// The result of a task, with an error for people.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Returns the repository's folder.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Returns the folder of this program and those that it builds.
pub(crate) fn built() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().ok_or("xtask is in no folder")?;
    Ok(folder.to_owned())
}

/// Returns a `cargo` command with these arguments, in the repository.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    // What `cargo run` says of xtask: ring is built again, with all that depends on it, if these differ from the last build.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_MANIFEST_", "CARGO_PKG_"]
            .iter()
            .any(|of_package| text.starts_with(of_package))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Returns the command that runs those tests of a binary that the arguments select, with their output, with all features of some packages.
pub(crate) fn tests(packages: &[&str], binary: &str, selected: &[&str]) -> Command {
    let mut command = cargo(&["test"]);
    command.args(packages);
    command.args(["--all-features", "--test", binary, "--"]);
    command.args(selected).arg("--nocapture");
    command
}

/// Prints a command, runs it, and prints its time.
///
/// # Errors
///
/// If it cannot be started, or fails.
pub(crate) fn run(command: &mut Command) -> Result {
    let line = line(command);
    anstream::eprintln!("{} {line}", good("▶"));
    let start = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("`{line}` failed after {seconds:.1} s: {status}").into());
    }
    anstream::eprintln!("  {}", dim(&format!("{seconds:.1} s")));
    Ok(())
}

/// Like [`run`], but prints the output only on failure. Several may run concurrently.
///
/// # Errors
///
/// If it cannot be started, or fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result {
    output(command).map(drop)
}

/// The same, and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let line = line(command);
    anstream::eprintln!("{} {line}", good("▶"));
    let start = Instant::now();
    let output = command
        .output()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        let status = output.status;
        return Err(format!("`{line}` failed after {seconds:.1} s: {status}\n{out}{err}").into());
    }
    anstream::eprintln!("  {}", dim(&format!("{seconds:.1} s: {line}")));
    Ok(output)
}

/// Makes a file executable.
pub(crate) fn make_executable(path: &Path) -> Result {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    let _ = path;
    Ok(())
}

/// Formats the command line.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in set {
        let value = value.to_string_lossy();
        line = format!("{}={value:?} {line}", name.to_string_lossy());
    }
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

pub(crate) fn good(text: &str) -> String {
    styled(AnsiColor::Green.on_default().bold(), text)
}

pub(crate) fn bad(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

pub(crate) fn bold(text: &str) -> String {
    styled(Style::new().bold(), text)
}

pub(crate) fn dim(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
