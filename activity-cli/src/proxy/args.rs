//! Arguments of `activity proxy`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use tower_activity::{mcp::Intent, record};

use crate::args::values;

/// The heading of options that only a proxy over HTTP has.
const HTTP: &str = "Over HTTP";

#[derive(Debug, Args)]
#[command(override_usage = "\
activity proxy [OPTIONS] -- <COMMAND>...
       activity proxy [OPTIONS] --to <URL>")]
pub(crate) struct Proxy {
    /// Name of the server [default: as it names itself]
    #[arg(long, value_name = "NAME", value_parser = values::not_blank)]
    pub(crate) name: Option<String>,
    /// Project that the calls belong to
    #[arg(long, value_name = "PROJECT", value_parser = values::not_blank)]
    pub(crate) project: Option<String>,
    /// Brand of a call: prefix (of the tool's name), argument:NAME or =BRAND
    #[arg(long, value_name = "RULE")]
    pub(crate) brand: Option<String>,
    /// How much of arguments and results to keep: off, preview (4 KiB of each) or full (4 MiB)
    #[arg(
        long,
        value_name = "HOW",
        default_value = "off",
        hide_possible_values = true
    )]
    pub(crate) capture: Capture,
    /// Ask for the reason of each call, with a parameter that each tool gets: optional or required
    #[arg(
        long,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "optional",
        hide_possible_values = true
    )]
    pub(crate) intent: Option<IntentMode>,
    /// Add a tool with which a model reports what no tool of the server does
    #[arg(long)]
    pub(crate) missing_tool: bool,
    /// Argument of tools that holds the handle of a session, such as browser_id (repeatable)
    #[arg(long, value_name = "NAME", value_parser = values::not_blank)]
    pub(crate) session_argument: Vec<String>,
    /// Also forward the store to this address: postgres://user@host/database, or clickhouse://…
    #[arg(long, value_name = "URL", value_parser = values::not_blank)]
    pub(crate) forward_to: Option<String>,
    /// URL of the server, in place of a command
    #[arg(long, value_name = "URL", help_heading = HTTP)]
    pub(crate) to: Option<String>,
    /// Address to listen on
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8788",
        value_parser = values::not_blank,
        requires = "to",
        conflicts_with = "command",
        help_heading = HTTP
    )]
    pub(crate) listen: String,
    /// Require this token; mandatory when listening on anything but localhost. Generated if no value is given [env: ACTIVITY_TOKEN]
    #[arg(
        long,
        value_name = "SECRET",
        num_args = 0..=1,
        default_missing_value = "",
        requires = "to",
        conflicts_with = "command",
        help_heading = HTTP
    )]
    pub(crate) token: Option<String>,
    /// Read the token from this file; `-` for stdin
    #[arg(
        long,
        value_name = "FILE",
        value_parser = values::not_blank,
        conflicts_with = "token",
        requires = "to",
        conflicts_with = "command",
        help_heading = HTTP
    )]
    pub(crate) token_file: Option<String>,
    /// Also accept this name in the Host and Origin headers (repeatable)
    #[arg(
        long,
        value_name = "NAME",
        value_parser = values::not_blank,
        requires = "to",
        conflicts_with = "command",
        help_heading = HTTP
    )]
    pub(crate) host: Vec<String>,
    /// Become the server of the proxy with this process id
    #[cfg(target_os = "linux")]
    #[arg(long, value_name = "PID", hide = true, requires = "command")]
    pub(crate) die_with: Option<i32>,
    /// Command of the server, and its arguments
    #[arg(
        required_unless_present = "to",
        conflicts_with = "to",
        last = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

/// Whether the schema of a tool requires a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IntentMode {
    Optional,
    Required,
}

/// How much of arguments and results is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Capture {
    Off,
    /// The first 4 KiB of each
    Preview,
    /// All of each, up to 4 MiB
    Full,
}

impl From<IntentMode> for Intent {
    fn from(mode: IntentMode) -> Self {
        match mode {
            IntentMode::Optional => Intent::optional(),
            IntentMode::Required => Intent::required(),
        }
    }
}

impl From<Capture> for record::Capture {
    fn from(capture: Capture) -> Self {
        match capture {
            Capture::Off => record::Capture::Off,
            Capture::Preview => record::Capture::Preview,
            Capture::Full => record::Capture::Full,
        }
    }
}
