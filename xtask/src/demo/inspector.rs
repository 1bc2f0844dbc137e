//! The official MCP inspector as a client: a program of its own that knows nothing of us.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{npm, run::Result};

/// The inspector, installed.
pub(super) struct Inspector {
    program: PathBuf,
}

/// How a tool server is reached.
pub(super) enum Transport<'a> {
    /// It listens at this address.
    Http(&'a str),
    /// It is a program that the client starts, with these arguments and these variables.
    Stdio {
        program: &'a Path,
        args: &'a [&'a str],
        env: &'a [(&'a str, &'a str)],
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
        let program = "node_modules/@modelcontextprotocol/inspector/cli/build/cli.js";
        let program = npm::install("inspector", program)?;
        Ok(Inspector { program })
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
            Transport::Stdio { program, args, env } => {
                for (name, value) in *env {
                    command.arg("-e").arg(format!("{name}={value}"));
                }
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
