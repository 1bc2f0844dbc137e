//! Arguments of `activity host`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Subcommand};
use tower_activity::{
    Result,
    host::{ActivitySource, HostActivity, IdleMode},
};

use crate::args::values;

const STATUS: &str = "\
Examples:
  activity host status /srv/hosts/web
  activity host status --mode agent --json";

const TOUCH: &str = "\
Examples:
  activity host touch /srv/hosts/web
  activity host touch /srv/hosts/web ssh";

const WATCH: &str = "\
Examples:
  activity host watch /srv/hosts/web --idle-timeout 15m -- systemctl poweroff
  activity host watch --mode ssh --max-age 8h -- ./stop.sh";

const MODES: &str = "\
Modes, with the sources that count as activity:
  io                    user, agent, ssh, create, start, boot
  user                  user, ssh, create, start, boot
  agent                 agent, ssh, create, start, boot
  ssh                   ssh, create, start, boot
  create                create
  boot                  boot
  start                 start, boot
  run                   create, start, boot, process
  custom:user,process   the sources listed
  disabled              none: the host is never idle";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show when each source was last active and how long the host has been idle
    #[command(after_help = format!("{STATUS}\n\n{MODES}"))]
    Status(Status),
    /// Mark the host as in use; a bare `touch` of the file does the same
    #[command(after_help = TOUCH)]
    Touch(Touch),
    /// Wait until the host is idle or too old, then run a command and exit
    #[command(after_help = format!("{WATCH}\n\n{MODES}"))]
    Watch(Watch),
}

/// The host, by its directory.
#[derive(Debug, Args)]
pub(crate) struct HostArg {
    /// Host directory [default: $MNGR_HOST_DIR]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl HostArg {
    pub(crate) fn activity(&self) -> Result<HostActivity> {
        match &self.directory {
            Some(directory) => Ok(HostActivity::new(directory)),
            None => HostActivity::from_env(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) host: HostArg,
    /// Sources that count as activity, see below
    #[arg(long, value_name = "MODE", default_value = "io")]
    pub(crate) mode: IdleMode,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Touch {
    #[command(flatten)]
    pub(crate) host: HostArg,
    /// Source: create, boot, start, ssh, process, agent or user
    #[arg(value_name = "SOURCE", default_value = "user")]
    pub(crate) source: ActivitySource,
    /// Write JSON into the file instead of a bare time
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("limits").required(true).multiple(true).args(["idle_timeout", "max_age"])))]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) host: HostArg,
    /// Sources that count as activity, see below
    #[arg(long, value_name = "MODE", default_value = "io")]
    pub(crate) mode: IdleMode,
    /// Maximum idle time: 90s, 5m, 2h
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) idle_timeout: Option<Duration>,
    /// Maximum time since the host was booted
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) max_age: Option<Duration>,
    /// Polling interval
    #[arg(long, value_name = "TIME", value_parser = values::duration, default_value = "10s")]
    pub(crate) interval: Duration,
    /// Command that stops the host; run again if it fails. Its environment has ACTIVITY_HOST_REASON (idle or max_age),
    /// ACTIVITY_HOST_STATE (the state afterwards: paused) and MNGR_HOST_DIR
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
