//! Pushes a folder to a git repository.

use std::{path::Path, process::Command};

use crate::{Error, Result};

/// Commits the folder and pushes it. Returns the commit.
pub(crate) fn push(source: &Path, remote: &Path) -> Result<String> {
    git(source, &["init", "--quiet"])?;
    git(source, &["add", "--all"])?;
    git(
        source,
        &[
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "As it is",
        ],
    )?;
    let remote = remote.to_string_lossy();
    git(
        source,
        &["push", "--quiet", &remote, "HEAD:refs/heads/main"],
    )?;
    git(source, &["rev-parse", "HEAD"])
}

fn git(source: &Path, args: &[&str]) -> Result<String> {
    let who = [
        "user.name=project-backend",
        "user.email=backend@example.com",
        "commit.gpgSign=false",
    ];
    let output = Command::new("git")
        .args(who.iter().flat_map(|setting| ["-c", setting]))
        .args(args)
        .current_dir(source)
        .env("LC_ALL", "C")
        // Inside a hook these name another repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("git failed").to_owned();
        return Err(Error::Git(said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
