//! Python environments below `target/xtask`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    debian::{self, Requirement},
    run::{Result, root, run, run_quietly},
};

const PYTHON: Requirement = Requirement {
    programs: &["python3"],
    packages: &["python3", "python3-venv"],
    why: "MCP servers, SDKs and clients of the API that are written in Python",
};

/// Returns the folder of programs of an environment, created if it does not exist.
///
/// # Errors
///
/// If Python or its module `venv` is missing.
pub(crate) fn environment(name: &str) -> Result<PathBuf> {
    let folder = root().join("target/xtask").join(name);
    if !folder.join("bin/pip").exists() {
        let create = || run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        // Debian has its modules in a package that no program shows.
        match create() {
            Err(_) if debian::installs() => {
                debian::install(&[&PYTHON])?;
                create()?;
            }
            created => created?,
        }
    }
    Ok(folder.join("bin"))
}

/// Installs the versions in a file of requirements into an environment, unless they are installed. Returns the folder of
/// its programs.
///
/// # Errors
///
/// If Python is missing, or pip fails.
pub(crate) fn install(name: &str, requirements: &Path) -> Result<PathBuf> {
    let programs = environment(name)?;
    // Written last.
    let done = programs.join("../requirements.txt");
    let pinned = fs::read(requirements)?;
    if !fs::read(&done).is_ok_and(|installed| installed == pinned) {
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--requirement",
        ];
        run_quietly(
            Command::new(programs.join("python"))
                .args(pip)
                .arg(requirements),
        )?;
        fs::write(done, pinned)?;
    }
    Ok(programs)
}
