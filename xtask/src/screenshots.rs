//! `cargo xtask screenshots`: takes pictures of the dashboard.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    browser, pages,
    run::{self, Result, cargo, run},
};

/// The stores of the example whose every page is taken, at three widths, light and dark.
const STORES: [&str; 4] = ["week", "messy", "empty", "damaged"];

/// Takes the README's pictures, or those of every page with some stores: into `target/screenshots`.
pub(crate) fn screenshots(stores: &[&str]) -> Result {
    if let Some(unknown) = stores.iter().find(|one| !STORES.contains(one)) {
        return Err(format!("no such store: {unknown}, use {}", STORES.join(", ")).into());
    }
    pages::pages()?;
    let chromium = browser::chromium()?;
    let features = "dashboard,recording,testing,time-zones";
    let example = ["--example", "dashboard", "--features", features];
    run(cargo(&["build"]).args(example))?;
    let folder = run::root().join("target/screenshots");
    let take = |store: &str, script: &str, into: &Path| {
        let mut command = Command::new("node");
        let script = run::root().join("src/web/pages/e2e").join(script);
        command.arg(script).arg(into).env("CHROMIUM", &chromium);
        with_server(&example, store, |url| run(command.env("DASHBOARDS", url)))
    };
    if stores.is_empty() {
        return take("week", "screenshots.mjs", &run::root().join("docs"));
    }
    for store in stores {
        take(store, "survey.mjs", &folder.join(store))?;
    }
    Ok(())
}

/// Serves the example with these records in a new store, and passes its address on.
fn with_server(example: &[&str], records: &str, then: impl FnOnce(&str) -> Result) -> Result {
    let folder = run::root().join("target/screenshots/stores").join(records);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut server = cargo(&["run", "--quiet"])
        .args(example)
        .args(["--", "127.0.0.1:0", "/ops/activity/"])
        .arg(folder.join("activity.db"))
        .arg(records)
        .stdout(Stdio::piped())
        .spawn()?;
    let done = server.stdout.take().map_or_else(
        || Err("the dashboard says nothing".into()),
        |out| {
            let mut url = String::new();
            BufReader::new(out).read_line(&mut url)?;
            then(url.trim())
        },
    );
    server.kill()?;
    server.wait()?;
    done
}
