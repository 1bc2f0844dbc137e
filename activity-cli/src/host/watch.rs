//! `activity host watch`: waits until a host is idle or too old, and has it stopped.

use std::{process::Stdio, time::Duration};

use tower_activity::{
    ActivityLog, Error, ErrorKind, Result,
    host::{ClockReading, Host, HostActivity, HostState, StopDecision, Watcher},
};

use super::args::Watch;
use crate::{
    failure::{Failure, complain},
    print::{self, safe},
    source,
};

pub(crate) fn run(store: &str, args: &Watch) -> Result<(), Failure> {
    let activity = args.place.activity()?;
    // The whole path: what stops the host may run elsewhere.
    let directory = std::path::absolute(activity.directory())?;
    let activity = HostActivity::new(directory);
    // What cannot be read now is said at once, instead of watched.
    activity.markers()?;
    let log = ActivityLog::open(source::path(store)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stopped = runtime.block_on(async {
        let mut watcher = watcher(&log, &activity, args);
        let stop = |decision: StopDecision| hook(decision, &activity, &args.command);
        tokio::select! {
            decision = watch(&mut watcher, args.interval, stop) => Ok(Some(decision)),
            asked = tokio::signal::ctrl_c() => asked.map(|()| None),
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

/// As [`Watcher::run`], and complains of what fails: once, however often it is tried again.
async fn watch<F>(
    watcher: &mut Watcher,
    interval: Duration,
    stop: impl Fn(StopDecision) -> F,
) -> StopDecision
where
    F: Future<Output = Result<()>>,
{
    let mut complained = String::new();
    loop {
        match watcher.poll(ClockReading::now(), &stop).await {
            Ok(HostState::Stopped(decision)) => return decision,
            Ok(_) => complained.clear(),
            Err(error) if error.to_string() == complained => {}
            Err(error) => {
                complain(&error);
                complained = error.to_string();
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

/// Runs the command; without one there is nothing to do but to say so.
async fn hook(decision: StopDecision, activity: &HostActivity, command: &[String]) -> Result<()> {
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
