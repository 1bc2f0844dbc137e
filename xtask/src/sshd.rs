//! OpenSSH, which the tests of hosts behind ssh connect with.

use crate::debian::Requirement;

/// OpenSSH's client and server. On a machine with systemd the package would start a server.
pub(crate) const OPENSSH: Requirement = Requirement {
    programs: &["ssh", "ssh-keygen", "pkill", "sshd"],
    packages: &["openssh-client", "openssh-server", "procps"],
    why: "tests connect to an sshd that they start themselves; the system's need not run",
};
