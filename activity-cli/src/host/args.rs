//! Arguments of `activity host`.

use std::{ops::Bound, path::PathBuf, time::Duration};

use chrono::Utc;
use clap::{ArgGroup, Args, Subcommand};
use tower_activity::{
    Error, Result,
    host::{ActivitySource, HostActivity, IdleMode},
    record::Filter,
};

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
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) idle_timeout: Option<Duration>,
    /// Maximum time since the host was booted
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) max_age: Option<Duration>,
    /// Polling interval
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    pub(crate) interval: Duration,
    /// Command that stops the host; run again if it fails. Its environment has ACTIVITY_HOST_REASON (idle or max_age),
    /// ACTIVITY_HOST_STATE (the state afterwards: paused) and MNGR_HOST_DIR
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Parses a duration as filters do.
fn parse_duration(text: &str) -> Result<Duration> {
    let invalid = || {
        Error::new(
            tower_activity::ErrorKind::Invalid,
            "use a number and a unit: 90s, 5m, 2h",
        )
    };
    if !text.chars().all(|c| c.is_alphanumeric() || c == '.') {
        return Err(invalid());
    }
    let filter = Filter::parse(&format!("duration:>={text}"), Utc::now());
    let range = filter.ok().and_then(|filter| filter.duration);
    match range.map(|range| range.min_ns) {
        Some(Bound::Included(ns)) if ns > 0 => Ok(Duration::from_nanos(ns)),
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(
                parse_duration(text).ok(),
                ms.map(Duration::from_millis),
                "{text}"
            );
        };
        check("90s", Some(90_000));
        check("1.5h", Some(5_400_000));
        check("5m", Some(300_000));
        for text in ["", "5", "m", "0s", "-5m", ">5m", "5m has:error", "1m..2m"] {
            check(text, None);
        }
    }
}
