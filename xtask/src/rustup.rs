//! Compilers and targets that rustup may have, or can get.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use crate::run::{self, Result, root, run};

/// What to do about one that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Install,
    LeaveOut,
}

impl Missing {
    /// Installs it, or says how to.
    ///
    /// # Errors
    ///
    /// When it cannot be installed.
    pub(crate) fn get(self, what: &str, program: &str, args: &[&str]) -> Result<bool> {
        if self == Missing::Install {
            run(Command::new(program).args(args))?;
            return Ok(true);
        }
        let args = args.join(" ");
        let what = run::bold(what);
        anstream::eprintln!("{what} left out: get it with `{program} {args}`");
        Ok(false)
    }
}

/// Whether a compiler of this version is there by now.
///
/// # Errors
///
/// When it cannot be installed.
pub(crate) fn has_toolchain(name: &str, missing: Missing) -> Result<bool> {
    let mut version = cargo(name, &["--version"]);
    // Not installed by the way: that is said.
    version.env("RUSTUP_AUTO_INSTALL", "0");
    let there = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
    match there.is_ok_and(|status| status.success()) {
        true => Ok(true),
        false => missing.get(
            &format!("Rust {name}"),
            "rustup",
            &["toolchain", "install", name, "--profile", "minimal"],
        ),
    }
}

/// Whether the standard library of a target is there by now.
///
/// # Errors
///
/// When it cannot be installed.
pub(crate) fn has_target(name: &str, missing: Missing) -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let args = ["--print", "target-libdir", "--target", name];
    let output = Command::new(rustc).args(args).output()?;
    let folder = String::from_utf8(output.stdout)?;
    match output.status.success() && Path::new(folder.trim()).is_dir() {
        true => Ok(true),
        false => missing.get(name, "rustup", &["target", "add", name]),
    }
}

/// The target that the compiler builds for by default.
///
/// # Errors
///
/// When there is no compiler.
pub(crate) fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

/// The `cargo` of a toolchain, in the repository, with a folder of its own for what it builds.
pub(crate) fn cargo(toolchain: &str, args: &[&str]) -> Command {
    // rustup's, which takes a toolchain; not the one that runs this.
    let mut command = Command::new("cargo");
    command
        .arg(format!("+{toolchain}"))
        .args(args)
        .current_dir(root())
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_INCREMENTAL", "0");
    command
}
