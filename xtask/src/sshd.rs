//! OpenSSH, for the tests of hosts over ssh.

use crate::debian::Requirement;

/// OpenSSH's client and server. With systemd, the package would start a server.
pub(crate) const OPENSSH: Requirement = Requirement {
    programs: &["ssh", "ssh-keygen", "pkill", "sshd"],
    packages: &["openssh-client", "openssh-server", "procps"],
    why: "tests connect to an sshd that they start themselves; the system's need not run",
};
