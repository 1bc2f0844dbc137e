//! strace, which tests use to kill a process at each of its writes.

use crate::debian::Requirement;

pub(crate) const STRACE: Requirement = Requirement {
    programs: &["strace"],
    packages: &["strace"],
    why: "tests kill a process at each of its writes",
};
