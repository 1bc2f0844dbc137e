//! Programs from npm, pinned with all dependencies by the lock files in `xtask/<name>`.

use std::{fs, path::PathBuf, process::Command};

use crate::run::{Result, root, run_quietly};

/// The oldest node version that the pinned programs were tested with.
const OLDEST_NODE: u32 = 20;

/// Finds the program of `xtask/<name>` in `target/`, or installs it there with the versions in the committed lock file.
/// Returns the path of one of its files.
///
/// # Errors
///
/// If node or npm is missing, or npm fails.
pub(crate) fn install(name: &str, file: &str) -> Result<PathBuf> {
    let node = version("node", "--version")?;
    version("npm", "--version")?;
    let major = node.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse().ok()).unwrap_or(0) < OLDEST_NODE {
        return Err(format!(
            "node {node} is too old for {name}: install {OLDEST_NODE} or newer, https://nodejs.org"
        )
        .into());
    }
    let pinned = root().join("xtask").join(name);
    let folder = root().join("target/xtask").join(name);
    let file = folder.join(file);
    // npm writes this file last.
    let done = folder.join("node_modules/.package-lock.json").exists();
    let lock = fs::read(pinned.join("package-lock.json"))?;
    if done && fs::read(folder.join("package-lock.json")).is_ok_and(|installed| installed == lock) {
        return Ok(file);
    }
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(pinned.join(file), folder.join(file))?;
    }
    // No dependency needs its install scripts.
    let args = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    run_quietly(Command::new("npm").args(args).current_dir(&folder))?;
    Ok(file)
}

/// Returns the version that a program reports.
fn version(program: &str, arg: &str) -> Result<String> {
    let output = Command::new(program).arg(arg).output().map_err(|error| {
        format!(
            "cannot run {program} ({error}): pages, browsers and MCP clients come with node {OLDEST_NODE} or newer \
             and npm: https://nodejs.org"
        )
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
