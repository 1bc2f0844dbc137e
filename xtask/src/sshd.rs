//! OpenSSH's server, which the tests of hosts behind ssh connect to.

use crate::{debian, run::Result};

/// What Debian calls what the tests need.
const PACKAGES: [&str; 3] = ["openssh-client", "openssh-server", "procps"];

/// Looks that it is there. In a container that Debian's packages are installed in, installs it; elsewhere the package
/// would start a server.
///
/// # Errors
///
/// When it is not there: with what to do.
pub(crate) fn ensure() -> Result {
    let missing = ["ssh", "ssh-keygen", "pkill", "sshd"]
        .into_iter()
        .find(|program| debian::find(program).is_none());
    let Some(missing) = missing else {
        return Ok(());
    };
    if debian::installs() {
        return debian::install(&PACKAGES);
    }
    Err(format!(
        "no `{missing}` found: the tests connect to an sshd of their own, install OpenSSH's client and server, and \
         procps (Debian: `apt-get install {}`; the server need not run)",
        PACKAGES.join(" ")
    )
    .into())
}
