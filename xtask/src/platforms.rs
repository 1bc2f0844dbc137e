//! `cargo xtask platforms`: checks that the library and the command compile for other platforms.

use std::{fs, path::PathBuf};

use crate::{
    run::{Result, cargo, make_executable, root, run},
    rustup::{self, Missing},
};

/// The targets that are checked.
const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// Checks each target whose standard library is installed, and prints the skipped ones.
///
/// # Errors
///
/// If something does not compile for one of them.
pub(crate) fn platforms(missing: Missing) -> Result {
    for target in TARGETS {
        if !rustup::has_target(target, missing)? {
            continue;
        }
        let compiler = Compiler::fake()?;
        let name = target.replace('-', "_");
        let args = [
            "clippy",
            "--all-features",
            "--package",
            "tower-activity",
            "--package",
            "activity-cli",
            "--target",
            target,
        ];
        let mut cargo = cargo(&args);
        cargo
            .args(["--", "--deny", "warnings"])
            .env("CARGO_TARGET_DIR", root().join("target/platforms"))
            .env("CARGO_INCREMENTAL", "0")
            .env(format!("CC_{name}"), &compiler.0)
            .env(format!("AR_{name}"), &compiler.0);
        run(&mut cargo)?;
    }
    Ok(())
}

/// A stand-in for the target's C compiler and archiver, which writes empty files: a check links nothing.
struct Compiler(PathBuf);

impl Compiler {
    fn fake() -> Result<Self> {
        if !cfg!(unix) {
            return Err("the compilers of other platforms are only faked on Unix".into());
        }
        let folder = root().join("target/xtask");
        fs::create_dir_all(&folder)?;
        let path = folder.join("no-compiler");
        // The output follows `-o`, or is the archive.
        let script = "#!/bin/sh\nout=\nwhile [ $# -gt 0 ]; do\n  case \"$1\" in\n    -o) out=$2; shift ;;\n    \
                      *.a) out=$1 ;;\n  esac\n  shift\ndone\n[ -z \"$out\" ] || : >\"$out\"\n";
        fs::write(&path, script)?;
        make_executable(&path)?;
        Ok(Compiler(path))
    }
}
