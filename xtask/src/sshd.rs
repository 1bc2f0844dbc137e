//! OpenSSH's server, which the tests of hosts behind ssh connect to.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Result, run};

/// What Debian calls what the tests need.
const PACKAGES: [&str; 3] = ["openssh-client", "openssh-server", "procps"];

/// Looks that it is there. In a container that Debian's packages are installed in, installs it; a machine that people
/// use is left alone, as the package starts a server there.
///
/// # Errors
///
/// When it is not there: with what to do.
pub(crate) fn ensure() -> Result {
    let missing = ["ssh", "ssh-keygen", "pkill", "sshd"]
        .into_iter()
        .find(|program| !found(program));
    let Some(missing) = missing else {
        return Ok(());
    };
    if Path::new("/run/systemd/system").exists() || !found("apt-get") || !is_root() {
        return Err(format!(
            "no `{missing}` found: the tests connect to an sshd of their own, install OpenSSH's client and server, and \
             procps (Debian: `apt-get install {}`; the server need not run)",
            PACKAGES.join(" ")
        )
        .into());
    }
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        run(apt
            .arg("--quiet")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], &PACKAGES].concat())
}

/// True where it is in PATH, or where servers are.
fn found(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let mut folders = env::split_paths(&path).chain(servers);
    folders.any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
