//! `cargo xtask release --dry-run`: the checks before a version is published. RELEASING.md describes the rest.

use std::{fs, process::Command};

use crate::{
    msrv,
    package::{self, Built},
    run::{Result, cargo, root, run},
};

/// Checks the work tree, the changelog, the dependencies and the package. Publishes nothing.
///
/// # Errors
///
/// With the first check that fails.
pub(crate) fn dry_run() -> Result {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = fs::read_to_string(root().join("CHANGELOG.md"))?;
    check_changelog(&changelog, version)?;
    let status = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(root())
        .output()?;
    let changed = String::from_utf8(status.stdout)?;
    if let Some(first) = changed.lines().next() {
        return Err(format!("the work tree is not clean: {first}").into());
    }
    msrv::dependencies()?;
    package::package(Built::Everything)?;
    run(&mut cargo(&[
        "publish",
        "--package",
        "tower-activity",
        "--package",
        "activity-cli",
        "--dry-run",
        "--no-verify",
        // The built pages are packaged but not committed; everything else is committed (see above).
        "--allow-dirty",
    ]))
}

/// Checks that the changelog has a dated section for the version, and nothing unreleased above it.
fn check_changelog(changelog: &str, version: &str) -> Result {
    let heading = format!("## [{version}] - ");
    let Some((above, section)) = changelog.split_once(&heading) else {
        return Err(format!("the changelog has no heading `{heading}YYYY-MM-DD`").into());
    };
    let date = section.lines().next().unwrap_or_default();
    let digits = date.chars().filter(char::is_ascii_digit).count();
    if date.len() != 10 || digits != 8 {
        return Err(format!("the changelog dates {version} {date:?}, not YYYY-MM-DD").into());
    }
    let waiting = above
        .split_once("## [Unreleased]")
        .ok_or("the changelog has no heading `## [Unreleased]`")?
        .1;
    match waiting.trim() {
        "" => Ok(()),
        _ => Err(format!("the changelog has lines under `Unreleased`, above {version}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_needs_a_section_with_a_date_and_nothing_above_it() {
        let check = |changelog: &str| check_changelog(changelog, "0.2.0").is_ok();
        assert!(check(
            "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-31\n\n- x\n"
        ));
        assert!(!check("# C\n\n## [Unreleased]\n\n- x\n"));
        assert!(!check(
            "# C\n\n## [Unreleased]\n\n## [0.2.0] - soon\n\n- x\n"
        ));
        assert!(!check(
            "# C\n\n## [Unreleased]\n\n- y\n\n## [0.2.0] - 2027-01-31\n"
        ));
        assert!(!check("# C\n\n## [0.2.0] - 2027-01-31\n\n- x\n"));
    }
}
