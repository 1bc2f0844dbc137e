//! The time that `activity proxy` adds to a message, and the rate of a large stream, compared with a program that only copies; over
//! HTTP compared with nginx.
//!
//! All variants are processes between the same client and the same server, and run alternating bursts.
#![allow(missing_docs)]

mod child;
mod delay;
mod http;
mod rate;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use benches::{Failure, is_quick};

/// What stands between a client and a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Nothing,
    Copy,
    Proxy,
}

const VARIANTS: [Variant; 3] = [Variant::Nothing, Variant::Copy, Variant::Proxy];

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--copy", ref command @ ..] => return child::copy(command),
        ["--serve", bytes] => return child::serve(bytes.parse()?),
        _ => {}
    }
    let activity = build()?;
    let folder = tempfile::tempdir()?;
    delay::measure(&activity, folder.path())?;
    http::measure(&activity, folder.path())?;
    rate::measure(&activity, folder.path())
}

/// Builds the command as users run it, with line tables; in a short run without optimizations.
fn build() -> Result<PathBuf, Failure> {
    let (profile, folder) = match is_quick() {
        true => ("dev", "debug"),
        false => ("bench", "release"),
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let package = ["--package", "activity-cli", "--bin", "activity"];
    let mut build = Command::new(cargo);
    let status = build
        .args(["build", "--profile", profile])
        .args(package)
        .status()?;
    if !status.success() {
        return Err(format!("cargo build: {status}").into());
    }
    // This program is in `release/deps`.
    let this = env::current_exe()?;
    let target = this
        .ancestors()
        .nth(3)
        .ok_or("this program is in no folder")?;
    Ok(target.join(folder).join("activity"))
}

impl Variant {
    /// Returns the command of a server behind this.
    fn command(
        self,
        activity: &Path,
        folder: &Path,
        server: &[String],
    ) -> Result<Command, Failure> {
        let this = env::current_exe()?;
        let mut command = match self {
            Variant::Nothing => Command::new(&server[0]),
            Variant::Copy => Command::new(this),
            Variant::Proxy => Command::new(activity),
        };
        match self {
            Variant::Nothing => command.args(&server[1..]),
            Variant::Copy => command.arg("--copy").args(server),
            Variant::Proxy => {
                command.arg("--store").arg(folder.join("activity.db"));
                command.args(["proxy", "--"]).args(server)
            }
        };
        Ok(command)
    }
}
