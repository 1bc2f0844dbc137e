//! `cargo xtask pages`: builds the pages and scripts that run in browsers.

use std::{fs, process::Command};

use crate::{
    browser,
    run::{self, Result, run, run_quietly},
};

#[path = "../../build/stamp.rs"]
mod stamp;

/// Builds the pages with npm and Vite, unless they are up to date.
pub(crate) fn pages() -> Result {
    let pages = run::root().join(stamp::PAGES);
    let built = pages.join(stamp::BUILT).join(stamp::STAMP);
    let stamp = stamp::stamp(&pages)?;
    // Tests that run in node need the packages too.
    let installed = pages.join("node_modules/.package-lock.json").exists();
    if installed && fs::read_to_string(&built).is_ok_and(|was| was == stamp) {
        return Ok(());
    }
    // Not `npm ci`: it fails if the registry lacks packages of other platforms.
    let install = ["install", "--no-save", "--no-audit", "--no-fund"];
    run_quietly(Command::new("npm").args(install).current_dir(&pages))?;
    let build = ["run", "build"];
    run_quietly(Command::new("npm").args(build).current_dir(&pages))?;
    fs::write(built, stamp)?;
    Ok(())
}

/// Builds the pages. Returns the command that runs their tests in a browser, with pages that show a central store of this kind.
pub(crate) fn tests_on(store: &str) -> Result<Command> {
    pages()?;
    let mut tests = run::tests(&["--workspace"], "dashboard", &[]);
    tests.env("ACTIVITY_TEST_DASHBOARD", store);
    tests.env("CHROMIUM", browser::chromium()?);
    Ok(tests)
}

/// Checks types and formatting of the pages, and runs the tests that need no browser.
pub(crate) fn lint() -> Result {
    pages()?;
    let pages = run::root().join(stamp::PAGES);
    run(Command::new("npm")
        .args(["run", "check"])
        .current_dir(pages))
}

/// Builds the pages and runs the example `dashboard` with arguments.
pub(crate) fn dashboard(args: &[&str]) -> Result {
    pages()?;
    let features = "dashboard,recording,testing,time-zones";
    let example = ["run", "--example", "dashboard", "--features", features];
    run(run::cargo(&example).arg("--").args(args))
}
