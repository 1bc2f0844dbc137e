//! OpenSSH's server, which the tests of hosts behind ssh connect to.

use crate::{debian, run::Result};

/// Looks that it is there. In a container that Debian's packages are installed in, installs it; elsewhere the package
/// would start a server.
///
/// # Errors
///
/// When it is not there: with what to do.
pub(crate) fn ensure() -> Result {
    debian::ensure(
        &["ssh", "ssh-keygen", "pkill", "sshd"],
        &["openssh-client", "openssh-server", "procps"],
        "the tests connect to an sshd of their own, install OpenSSH's client and server, and procps; the server need \
         not run",
    )
}
