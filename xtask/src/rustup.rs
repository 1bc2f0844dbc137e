//! Compilers and targets that rustup has, or can install.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use crate::run::{self, Result, root, run};

/// What to do if one is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Install,
    LeaveOut,
}

impl Missing {
    /// Installs it, or prints how to.
    ///
    /// # Errors
    ///
    /// If it cannot be installed.
    pub(crate) fn get(self, what: &str, program: &str, args: &[&str]) -> Result<bool> {
        if self == Missing::Install {
            run(Command::new(program).args(args))?;
            return Ok(true);
        }
        let args = args.join(" ");
        let what = run::bold(what);
        anstream::eprintln!("{what} skipped: install it with `{program} {args}`");
        Ok(false)
    }
}

/// Ensures that a compiler of this version is installed. Returns false if it was skipped.
///
/// # Errors
///
/// If it cannot be installed.
pub(crate) fn has_toolchain(name: &str, missing: Missing) -> Result<bool> {
    let mut version = cargo(name, &["--version"]);
    // Otherwise rustup would install it implicitly.
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

/// Ensures that the standard library of a target is installed. Returns false if it was skipped.
///
/// # Errors
///
/// If it cannot be installed.
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

/// Returns the compiler's default target.
///
/// # Errors
///
/// If there is no compiler.
pub(crate) fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

/// Returns the `cargo` of a toolchain, in the repository, with a target directory of its own.
pub(crate) fn cargo(toolchain: &str, args: &[&str]) -> Command {
    // Through rustup, which accepts a toolchain, unlike the `cargo` that runs this.
    let mut command = Command::new("cargo");
    command
        .arg(format!("+{toolchain}"))
        .args(args)
        .current_dir(root())
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_INCREMENTAL", "0");
    command
}
