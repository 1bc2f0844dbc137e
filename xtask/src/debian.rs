//! Debian's packages, for what tests need and cargo and npm have not.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Result, run_quietly};

/// True in a container that packages are installed in by whoever runs this. A machine that people use is left alone.
pub(crate) fn installs() -> bool {
    !Path::new("/run/systemd/system").exists() && find("apt-get").is_some() && is_root()
}

/// Looks that programs are there. In a container that packages are installed in, installs them from these; elsewhere says
/// what they are needed for.
///
/// # Errors
///
/// When one is not there, and when apt does not install it.
pub(crate) fn ensure(programs: &[&str], packages: &[&str], why: &str) -> Result {
    let Some(missing) = programs.iter().find(|program| find(program).is_none()) else {
        return Ok(());
    };
    if installs() {
        return install(packages);
    }
    let packages = packages.join(" ");
    Err(format!("no `{missing}` found: {why} (Debian: `apt-get install {packages}`)").into())
}

/// Installs packages.
///
/// # Errors
///
/// When apt does not.
pub(crate) fn install(packages: &[&str]) -> Result {
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
    apt(&[&install[..], packages].concat())
}

/// Where a program is: in PATH, or where servers are.
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
