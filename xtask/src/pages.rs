//! `cargo xtask pages`: builds what runs in browsers.

use std::{fs, process::Command};

use crate::run::{self, Result, run, run_quietly};

#[path = "../../build/stamp.rs"]
mod stamp;

/// Builds the pages with npm and Vite, unless they are fresh.
pub(crate) fn pages() -> Result {
    let pages = run::root().join(stamp::PAGES);
    let built = pages.join(stamp::BUILT).join(stamp::STAMP);
    let now = stamp::stamp(&pages)?;
    // What tests run in node is installed beside them.
    let installed = pages.join("node_modules/.package-lock.json").exists();
    if installed && fs::read_to_string(&built).is_ok_and(|was| was == now) {
        return Ok(());
    }
    // Not `npm ci`, which fails where a registry lacks packages of platforms that are not this one.
    let install = ["install", "--no-save", "--no-audit", "--no-fund"];
    run_quietly(Command::new("npm").args(install).current_dir(&pages))?;
    let build = ["run", "build"];
    run_quietly(Command::new("npm").args(build).current_dir(&pages))?;
    fs::write(built, now)?;
    Ok(())
}

/// The types of the pages are right, so is their form, and what needs no browser does what it should.
pub(crate) fn lint() -> Result {
    pages()?;
    let pages = run::root().join(stamp::PAGES);
    run(Command::new("npm")
        .args(["run", "check"])
        .current_dir(pages))
}

/// The example `dashboard`, with the pages that it serves, and the arguments that it takes.
pub(crate) fn dashboard(args: &[&str]) -> Result {
    pages()?;
    let features = "dashboard,recording,testing,time-zones";
    let example = ["run", "--example", "dashboard", "--features", features];
    run(run::cargo(&example).arg("--").args(args))
}
