//! OpenSSH's server, which the tests of hosts behind ssh connect to.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Result, run};

/// Looks that it is there. In a container that Debian's packages are installed in, installs it; a machine that people
/// use is left alone, as the package starts a server there.
///
/// # Errors
///
/// When it is not there: with what to do.
pub(crate) fn ensure() -> Result {
    for client in ["ssh", "ssh-keygen", "pkill"] {
        if !found(client) {
            let said = "the tests connect by ssh: install OpenSSH's client, and procps";
            return Err(format!("no `{client}` found: {said}").into());
        }
    }
    if found("sshd") {
        return Ok(());
    }
    if Path::new("/run/systemd/system").exists() || !found("apt-get") || !is_root() {
        return Err(
            "the tests connect to an sshd of their own, and there is none: install OpenSSH's server \
             (Debian: `apt-get install openssh-server`; it need not run)"
                .into(),
        );
    }
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        run(apt
            .arg("--quiet")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])?;
    apt(&[
        "install",
        "--yes",
        "--no-install-recommends",
        "openssh-server",
    ])
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
