//! The official MCP inspector as a client: a program of its own that knows nothing of us.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::run::{Result, root, run};

/// The oldest node that the pinned inspector was seen to run on.
const OLDEST_NODE: u32 = 20;

/// The inspector, installed.
pub(super) struct Inspector {
    program: PathBuf,
}

/// How a tool server is reached.
pub(super) enum Transport<'a> {
    /// It listens at this address.
    Http(&'a str),
    /// It is a program that the client starts, with these arguments and this store.
    Stdio {
        program: &'a Path,
        args: &'a [&'a str],
        store: &'a str,
    },
}

impl Inspector {
    /// Finds the inspector in the ignored `target/`, or installs it there: the version, and every package
    /// below it, that the committed lockfile names.
    ///
    /// # Errors
    ///
    /// When node or npm is missing, and when npm fails.
    pub(super) fn install() -> Result<Self> {
        let node = version("node", "--version")?;
        version("npm", "--version")?;
        let major = node.trim_start_matches('v').split('.').next();
        if major.and_then(|major| major.parse().ok()).unwrap_or(0) < OLDEST_NODE {
            return Err(format!(
                "node {node} is too old for the MCP inspector: install {OLDEST_NODE} or newer, https://nodejs.org"
            )
            .into());
        }
        let pinned = root().join("xtask/inspector");
        let folder = root().join("target/xtask/inspector");
        let inspector = Inspector {
            program: folder.join("node_modules/@modelcontextprotocol/inspector/cli/build/cli.js"),
        };
        // npm writes this file last.
        let done = folder.join("node_modules/.package-lock.json").exists();
        let lock = fs::read(pinned.join("package-lock.json"))?;
        if done
            && fs::read(folder.join("package-lock.json")).is_ok_and(|installed| installed == lock)
        {
            return Ok(inspector);
        }
        fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(pinned.join(file), folder.join(file))?;
        }
        // No package below needs its install scripts.
        let args = [
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        run(Command::new("npm").args(args).current_dir(&folder))?;
        Ok(inspector)
    }

    /// Asks a server for its tools.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub(super) fn list(&self, transport: &Transport<'_>) -> Result<Value> {
        self.ask(transport, &["--method", "tools/list"])
    }

    /// Calls a tool, in a session of its own.
    ///
    /// # Errors
    ///
    /// When the server does not answer with a result. That a tool failed is a result.
    pub(super) fn call(
        &self,
        transport: &Transport<'_>,
        tool: &str,
        args: &[(&str, &str)],
    ) -> Result<Value> {
        let mut asked = vec!["--method", "tools/call", "--tool-name", tool];
        let args: Vec<String> = args
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        for arg in &args {
            asked.extend(["--tool-arg", arg]);
        }
        self.ask(transport, &asked)
    }

    fn ask(&self, transport: &Transport<'_>, question: &[&str]) -> Result<Value> {
        let mut command = Command::new("node");
        command.arg(&self.program).arg("--cli");
        match transport {
            Transport::Http(url) => {
                command.args([url, "--transport", "http"]);
            }
            Transport::Stdio {
                program,
                args,
                store,
            } => {
                command.arg("-e").arg(format!("ACTIVITY_STORE={store}"));
                command.arg(program).args(*args);
            }
        }
        let output = command.args(question).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the inspector failed at {question:?}: {}", said.trim()).into());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stdout);
            format!("the inspector answered {question:?} with no JSON ({error}): {said}").into()
        })
    }
}

/// What a program says its version is.
fn version(program: &str, flag: &str) -> Result<String> {
    let output = Command::new(program).arg(flag).output().map_err(|error| {
        format!(
            "cannot run {program} ({error}): the demo calls the tools with the MCP inspector, which needs \
             node {OLDEST_NODE} or newer and npm: https://nodejs.org"
        )
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
