//! Debian packages: programs for tests that cargo and npm do not provide.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Result, run_quietly};

/// The environment variable that forbids installing packages.
const NO_INSTALL: &str = "ACTIVITY_NO_INSTALL";

/// Programs that a task needs, and the packages that bring them.
pub(crate) struct Requirement {
    pub(crate) programs: &'static [&'static str],
    pub(crate) packages: &'static [&'static str],
    /// Their purpose.
    pub(crate) why: &'static str,
}

impl Requirement {
    /// Returns a program that is not found.
    fn missing(&self) -> Option<&'static str> {
        let mut programs = self.programs.iter().copied();
        programs.find(|program| find(program).is_none())
    }
}

/// Returns true if packages are installed on demand: as root in a container, unless `ACTIVITY_NO_INSTALL` is set.
pub(crate) fn installs() -> bool {
    env::var_os(NO_INSTALL).is_none_or(|value| value.is_empty())
        && !Path::new("/run/systemd/system").exists()
        && find("apt-get").is_some()
        && is_root()
}

/// Ensures that the required programs are installed. If packages are installed on demand, prints them with their purpose,
/// and installs all of them at once.
///
/// # Errors
///
/// If a program is missing and may not be installed, with the packages to install; if apt-get fails.
pub(crate) fn ensure(requirements: &[Requirement]) -> Result {
    let missing = requirements
        .iter()
        .filter_map(|one| Some((one.missing()?, one)));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    if installs() {
        let all: Vec<_> = missing.into_iter().map(|(_, one)| one).collect();
        return install(&all);
    }
    let lines = missing.into_iter().map(|(program, one)| {
        let packages = one.packages.join(" ");
        let why = one.why;
        format!("no `{program}` found: {why} (Debian: `apt-get install {packages}`)")
    });
    Err(lines.collect::<Vec<_>>().join("\n").into())
}

/// Prints what it will install and why, and installs it.
///
/// # Errors
///
/// If apt-get fails.
pub(crate) fn install(requirements: &[&Requirement]) -> Result {
    let each = requirements.iter().map(|one| {
        let packages = one.packages.join(", ");
        format!("{packages} ({})", one.why)
    });
    anstream::eprintln!(
        "installing with apt-get: {} · set {NO_INSTALL}=1 to install nothing",
        each.collect::<Vec<_>>().join("; ")
    );
    let packages: Vec<_> = requirements
        .iter()
        .flat_map(|one| one.packages.iter().copied())
        .collect();
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        run_quietly(
            apt.arg("--quiet")
                .args(args)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], &packages].concat())
}

/// Finds a program in PATH or in the folders of servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(servers)
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
