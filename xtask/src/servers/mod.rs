//! Servers and clients of others, with and without `activity proxy` between them.

mod answers;
mod plan;
mod records;
mod site;
pub(crate) mod wire;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use self::{plan::Plan, site::Site};
use crate::{
    debian::{self, Requirement},
    inspector::Inspector,
    npm, python,
    run::{self, Result, cargo, root, run},
};

const GIT: Requirement = Requirement {
    programs: &["flock", "git"],
    packages: &["git", "util-linux"],
    why: "tests call an MCP server of git repositories",
};

/// How many of the pairs of a client and a server are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// Each server with one client.
    Few,
    All,
}

/// A client that follows a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// `@modelcontextprotocol/sdk`, version 1.
    TypeScript1,
    /// `@modelcontextprotocol/client`, version 2.
    TypeScript2,
    Python1,
    Python2,
    Inspector,
}

const CLIENTS: [Client; 5] = [
    Client::TypeScript1,
    Client::Python2,
    Client::TypeScript2,
    Client::Python1,
    Client::Inspector,
];

/// What the runs need.
struct Installed {
    /// Folder of the packages from npm.
    packages: PathBuf,
    python1: PathBuf,
    python2: PathBuf,
    inspector: Inspector,
    activity: PathBuf,
    site: Site,
}

/// Checks that clients get the same answers with and without a proxy, that it passes the same bytes, and that exactly the calls are
/// on record.
///
/// # Errors
///
/// If node or Python is missing, an installation fails, or something differs.
pub(crate) fn servers(pairs: Pairs) -> Result {
    let installed = Installed::new()?;
    let plans = Plan::read(&installed)?;
    let (mut calls, mut bytes, mut runs) = (0, 0, 0);
    for (number, plan) in plans.iter().enumerate() {
        let turn = number % CLIENTS.len();
        for client in CLIENTS {
            if pairs == Pairs::Few && client != CLIENTS[turn] {
                continue;
            }
            let compared = compare(&installed, plan, client)
                .map_err(|error| format!("{} with {client:?}: {error}", plan.name))?;
            calls += compared.calls;
            bytes += compared.bytes;
            runs += 1;
        }
    }
    anstream::println!(
        "{} {} servers, {runs} pairs with a client: the same answers, {bytes} bytes the same before and behind the proxy, \
         {calls} calls on record",
        run::good("✓"),
        plans.len(),
    );
    Ok(())
}

/// Installs servers and SDKs from npm. Returns the folder of the packages.
///
/// # Errors
///
/// If node or npm is missing, or npm fails.
pub(crate) fn packages() -> Result<PathBuf> {
    npm::install("servers", "node_modules")
}

/// A pair of a client and a server.
struct Compared {
    calls: usize,
    bytes: u64,
}

/// Runs a client without and with a proxy, and compares.
fn compare(installed: &Installed, plan: &Plan, client: Client) -> Result<Compared> {
    let folder = folder();
    let direct = follow(installed, plan, client, None)?;
    let proxied = follow(installed, plan, client, Some(&folder))?;
    let bytes = wire::compare(&folder.join("wire"))?;
    answers::compare(&direct, &proxied)?;
    let calls = records::compare(&installed.activity, &folder.join("activity.db"), &proxied)?;
    Ok(Compared { calls, bytes })
}

/// The folder of the runs.
fn folder() -> PathBuf {
    root().join("target/xtask/servers-run")
}

/// Runs a client, through a proxy with the store and the bytes in a folder, if there is one. Returns the lines that it prints.
fn follow(
    installed: &Installed,
    plan: &Plan,
    client: Client,
    through: Option<&Path>,
) -> Result<Vec<Value>> {
    let folder = folder();
    prepare(&folder)?;
    let command = match through {
        None => plan.command.clone(),
        Some(through) => wire::proxied(&installed.activity, through, &plan.command),
    };
    if client == Client::Inspector {
        return plan.inspect(&installed.inspector, &command);
    }
    let file = folder.join("plan.json");
    fs::write(&file, plan.with_command(&command).to_string())?;
    let drivers = root().join("xtask/servers");
    let mut driver = match client {
        Client::TypeScript1 | Client::TypeScript2 => {
            let mut node = Command::new("node");
            node.arg(drivers.join("drive.mjs")).arg(&installed.packages);
            node.arg(match client {
                Client::TypeScript1 => "sdk",
                _ => "client",
            });
            node
        }
        Client::Python1 => Command::new(installed.python1.join("python")),
        _ => Command::new(installed.python2.join("python")),
    };
    if matches!(client, Client::Python1 | Client::Python2) {
        driver.arg(drivers.join("drive.py"));
    }
    let output = driver.arg(&file).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the client: {}\n{said}\n{errors}", output.status).into());
    }
    let lines = said.lines().map(serde_json::from_str);
    Ok(lines.collect::<std::result::Result<_, _>>()?)
}

/// Creates what servers work on, as it was before each run.
fn prepare(folder: &Path) -> Result {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let work = folder.join("work");
    fs::create_dir_all(&work)?;
    fs::create_dir(folder.join("wire"))?;
    // More than a pipe holds.
    fs::write(work.join("large.txt"), "a line of text\n".repeat(10_000))?;
    let git = Command::new("git")
        .args(["init", "--quiet"])
        .arg(&work)
        .output()?;
    if !git.status.success() {
        return Err(format!("git init: {}", git.status).into());
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Installed {
    fn new() -> Result<Self> {
        if cfg!(target_os = "linux") {
            debian::ensure(&[GIT])?;
        }
        let pinned = root().join("xtask/servers");
        let packages = packages()?;
        let python1 = python::install("servers-python-1", &pinned.join("python-1.txt"))?;
        let python2 = python::install("servers-python-2", &pinned.join("python-2.txt"))?;
        let inspector = Inspector::install()?;
        run(&mut cargo(&[
            "build",
            "--package",
            "activity-cli",
            "--bin",
            "activity",
        ]))?;
        Ok(Installed {
            packages,
            python1,
            python2,
            inspector,
            activity: run::built()?.join("activity"),
            site: Site::start()?,
        })
    }
}
