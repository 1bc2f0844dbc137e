//! `cargo xtask screenshots`: takes the README's screenshots of the dashboard.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::{
    browser, pages,
    run::{self, Result, cargo, run},
};

/// Serves the example's week of work, and takes screenshots with a browser.
pub(crate) fn screenshots() -> Result {
    pages::pages()?;
    let chromium = browser::chromium()?;
    let features = "dashboard,recording,testing,time-zones";
    let example = ["--example", "dashboard", "--features", features];
    run(cargo(&["build"]).args(example))?;
    let mut server = cargo(&["run", "--quiet"])
        .args(example)
        .args(["--", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()?;
    let taken = server.stdout.take().map_or_else(
        || Err("the dashboard says nothing".into()),
        |out| {
            let mut url = String::new();
            BufReader::new(out).read_line(&mut url)?;
            let script = run::root().join("src/web/pages/e2e/screenshots.mjs");
            run(Command::new("node")
                .arg(script)
                .arg(run::root().join("docs"))
                .env("CHROMIUM", chromium)
                .env("DASHBOARDS", url.trim()))
        },
    );
    server.kill()?;
    server.wait()?;
    taken
}
