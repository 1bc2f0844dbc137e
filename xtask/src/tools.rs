//! Checks with tools from crates.io, found in `PATH` or installed into `target/xtask`.

use std::{path::PathBuf, process::Command};

use crate::{
    debian,
    run::{self, Result, root, run},
    rustup::Missing,
};

/// Checks the licenses, duplicates, sources and advisories of the library's dependencies against `deny.toml`.
///
/// # Errors
///
/// If one violates it, or cargo-deny cannot be installed.
pub(crate) fn deny(missing: Missing) -> Result {
    let Some(deny) = tool("cargo-deny", "cargo-deny@0.20.2", missing)? else {
        return Ok(());
    };
    run(deny().args(["check", "bans", "licenses", "sources"]))?;
    if run(deny().args(["fetch", "db"])).is_err() {
        let what = run::bold("advisories");
        anstream::eprintln!("{what} left out: their database cannot be fetched");
        return Ok(());
    }
    run(deny().args(["check", "--disable-fetch", "advisories"]))
}

/// Checks spelling; exceptions are in `_typos.toml`.
///
/// # Errors
///
/// If a word is misspelled, or typos cannot be installed.
pub(crate) fn typos(missing: Missing) -> Result {
    match tool("typos", "typos-cli@1.52.0", missing)? {
        Some(typos) => run(&mut typos()),
        None => Ok(()),
    }
}

/// Runs a program of a crate, in the repository. Returns `None` if it is not installed.
///
/// # Errors
///
/// If it cannot be installed.
fn tool(
    program: &str,
    package: &str,
    missing: Missing,
) -> Result<Option<impl Fn() -> Command + use<>>> {
    let path = path(program, package, missing)?;
    Ok(path.map(|path| {
        move || {
            let mut command = Command::new(&path);
            command.current_dir(root());
            command
        }
    }))
}

/// Returns the path of a crate's program; `None` if it is not installed.
///
/// # Errors
///
/// If it cannot be installed.
pub(crate) fn path(program: &str, package: &str, missing: Missing) -> Result<Option<PathBuf>> {
    let folder = root().join("target/xtask").join(program);
    let installed = folder.join("bin").join(program);
    let place = folder.display().to_string();
    let install = ["install", "--locked", package, "--root", &place];
    Ok(match debian::find(program) {
        Some(path) => Some(path),
        None if installed.exists() || missing.get(program, "cargo", &install)? => Some(installed),
        None => None,
    })
}
