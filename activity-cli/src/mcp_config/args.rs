//! Arguments of `activity mcp-config`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct McpConfig {
    /// Servers to show the changed entry of, by name [default: list all servers]
    #[arg(value_name = "SERVER")]
    pub(crate) servers: Vec<String>,
    /// All servers that can be changed
    #[arg(long, conflicts_with = "servers")]
    pub(crate) all: bool,
    /// Only this configuration file; also one of another client
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Write the changed entries, after a backup of each file in the user's data directory
    #[arg(long)]
    pub(crate) write: bool,
    /// Take the change of the entries back, after a backup of each file
    #[arg(long, conflicts_with = "write")]
    pub(crate) undo: bool,
    /// Print one JSON object per server
    #[arg(long)]
    pub(crate) json: bool,
    /// Options of `activity proxy` for the changed entries
    #[arg(last = true, value_name = "OPTION", conflicts_with = "undo")]
    pub(crate) options: Vec<String>,
}
