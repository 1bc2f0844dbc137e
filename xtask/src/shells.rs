//! Shells in which tests complete command lines.

use crate::debian::Requirement;

pub(crate) const SHELLS: Requirement = Requirement {
    programs: &["fish", "zsh"],
    packages: &["fish", "zsh"],
    why: "tests complete command lines of `activity` with the scripts that it generates",
};
