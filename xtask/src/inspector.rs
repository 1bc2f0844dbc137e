//! The official MCP inspector as an independent client.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{npm, run::Result};

/// The inspector, installed.
pub(crate) struct Inspector {
    program: PathBuf,
}

/// The transport of a tool server.
pub(crate) enum Transport<'a> {
    /// HTTP, at this address.
    Http(&'a str),
    /// Stdio: the client starts this program, with these arguments and environment variables.
    Stdio {
        program: &'a Path,
        args: &'a [&'a str],
        env: &'a [(&'a str, &'a str)],
    },
}

impl Inspector {
    /// Finds the inspector in `target/`, or installs it there with the versions in the committed lock file.
    ///
    /// # Errors
    ///
    /// If node or npm is missing, or npm fails.
    pub(crate) fn install() -> Result<Self> {
        let program = "node_modules/@modelcontextprotocol/inspector/cli/build/cli.js";
        let program = npm::install("inspector", program)?;
        Ok(Inspector { program })
    }

    /// Lists the tools of a server.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub(crate) fn list(&self, transport: &Transport<'_>) -> Result<Value> {
        self.ask(transport, &["--method", "tools/list"])
    }

    /// Calls a tool, in a session of its own.
    ///
    /// # Errors
    ///
    /// If the server does not answer with a result; a failed tool is a result.
    pub(crate) fn call(
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
