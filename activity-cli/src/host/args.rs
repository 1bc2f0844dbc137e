//! What can be typed after `activity host`.

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
Modes, and what counts as activity in them:
  io         user, agent, ssh, create, start, boot
  user       user, ssh, create, start, boot
  agent      agent, ssh, create, start, boot
  ssh        ssh, create, start, boot
  create     create
  boot       boot
  start      start, boot
  run        create, start, boot, process
  custom:user,process        what is named
  disabled   nothing: the host is never idle";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows when each source was active last, and how long the host has been idle.
    #[command(after_help = format!("{STATUS}\n\n{MODES}"))]
    Status(Status),
    /// Says that the host is used now. A bare `touch` of the file does the same.
    #[command(after_help = TOUCH)]
    Touch(Touch),
    /// Waits until the host is idle, or too old; then runs a command, and ends.
    #[command(after_help = format!("{WATCH}\n\n{MODES}"))]
    Watch(Watch),
}

/// Which host.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The host's directory; `MNGR_HOST_DIR` where nothing is given.
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Place {
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
    pub(crate) place: Place,
    /// What counts as activity.
    #[arg(long, value_name = "MODE", default_value = "io")]
    pub(crate) mode: IdleMode,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Touch {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What is active: create, boot, start, ssh, process, agent or user.
    #[arg(value_name = "SOURCE", default_value = "user")]
    pub(crate) source: ActivitySource,
    /// Writes JSON into the file instead of a bare time.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("limits").required(true).multiple(true).args(["idle_timeout", "max_age"])))]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What counts as activity.
    #[arg(long, value_name = "MODE", default_value = "io")]
    pub(crate) mode: IdleMode,
    /// How long the host may be idle: 90s, 5m, 2h.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) idle_timeout: Option<Duration>,
    /// How long the host may be up after it was booted.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) max_age: Option<Duration>,
    /// How often to look.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub(crate) interval: Duration,
    /// What stops the host. It finds the reason in ACTIVITY_HOST_REASON (idle or max_age), what the host then is in
    /// ACTIVITY_HOST_STATE (paused) and the directory in MNGR_HOST_DIR. Where it fails it is run again.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Reads a length of time as filters do.
fn time(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::new(
            tower_activity::ErrorKind::Invalid,
            "use a number and a unit: 90s, 5m, 2h",
        )
    };
    if !text.chars().all(|c| c.is_alphanumeric() || c == '.') {
        return Err(wrong());
    }
    let filter = Filter::parse(&format!("duration:>={text}"), Utc::now());
    let range = filter.ok().and_then(|filter| filter.duration);
    match range.map(|range| range.min_ns) {
        Some(Bound::Included(ns)) if ns > 0 => Ok(Duration::from_nanos(ns)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(time(text).ok(), ms.map(Duration::from_millis), "{text}");
        };
        check("90s", Some(90_000));
        check("1.5h", Some(5_400_000));
        check("5m", Some(300_000));
        for text in ["", "5", "m", "0s", "-5m", ">5m", "5m has:error", "1m..2m"] {
            check(text, None);
        }
    }
}
