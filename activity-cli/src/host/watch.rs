//! `activity host watch`: waits until a host is idle or too old, then runs the command that stops it.

use std::{process::Stdio, time::Duration};

use tower_activity::{
    ActivityLog, Error, ErrorKind, Result,
    host::{ClockReading, Host, HostActivity, HostState, StopDecision, Watcher},
};

use super::args::Watch;
use crate::{
    failure::{Failure, print_error},
    print::{self, safe},
    source,
};

pub(crate) fn run(store: &str, args: &Watch) -> Result<(), Failure> {
    let activity = args.host.activity()?;
    // Absolute, because the command may change its working directory.
    let directory = std::path::absolute(activity.directory())?;
    let activity = HostActivity::new(directory);
    // Fails now if the markers cannot be read.
    activity.markers()?;
    let log = ActivityLog::open(source::path_or(
        store,
        "record into a file that is forwarded to it, with `--store FILE`",
    )?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stopped = runtime.block_on(async {
        let mut watcher = watcher(&log, &activity, args);
        let stop = |decision: StopDecision| run_command(decision, &activity, &args.command);
        tokio::select! {
            decision = watch(&mut watcher, args.interval, stop) => Ok(Some(decision)),
            interrupt = tokio::signal::ctrl_c() => interrupt.map(|()| None),
        }
    })?;
    log.shutdown().wait()?;
    match stopped {
        Some(decision) => Ok(print::text(&format!(
            "{}\n",
            safe::line(&decision.to_string())
        ))?),
        None => Ok(()),
    }
}

/// Like [`Watcher::run`], but prints errors: only the first of consecutive equal ones.
async fn watch<F>(
    watcher: &mut Watcher,
    interval: Duration,
    stop: impl Fn(StopDecision) -> F,
) -> StopDecision
where
    F: Future<Output = Result<()>>,
{
    let mut last_error = String::new();
    loop {
        match watcher.poll(ClockReading::now(), &stop).await {
            Ok(HostState::Stopped(decision)) => return decision,
            Ok(_) => last_error.clear(),
            Err(error) if error.to_string() == last_error => {}
            Err(error) => {
                print_error(&error);
                last_error = error.to_string();
            }
        }
        tokio::time::sleep(interval).await;
    }
}

fn watcher(log: &ActivityLog, activity: &HostActivity, args: &Watch) -> Watcher {
    let directory = activity.directory();
    let name = directory.file_name().unwrap_or(directory.as_os_str());
    let name = name.to_string_lossy().into_owned();
    let host = Host::in_directory(name, activity.clone());
    let mut watcher = Watcher::new(log, &host).mode(args.mode.clone());
    if let Some(timeout) = args.idle_timeout {
        watcher = watcher.idle_timeout(timeout);
    }
    if let Some(age) = args.max_age {
        watcher = watcher.max_age(age);
    }
    watcher
}

/// Runs the command that stops the host. Without one, the reason is only printed.
async fn run_command(
    decision: StopDecision,
    activity: &HostActivity,
    command: &[String],
) -> Result<()> {
    let Some((program, args)) = command.split_first() else {
        return Ok(());
    };
    let failed = || {
        Error::new(
            ErrorKind::Host,
            format!("could not stop the host with {program:?}"),
        )
    };
    let status = tokio::process::Command::new(program)
        .args(args)
        .env("ACTIVITY_HOST_REASON", decision.reason.as_str())
        .env("ACTIVITY_HOST_STATE", decision.reason.state())
        .env("MNGR_HOST_DIR", activity.directory())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|cause| failed().with_source(cause))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed().with_source(status.to_string())),
    }
}
