//! The time until a program can record and read: opening a log, and `activity list` from the start of its process.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use benches::{Failure, print_ratio, quantile};
use tower_activity::ActivityLog;

use crate::milliseconds;

/// The number of times.
const TIMES: usize = 40;

/// Opens the log, and runs the command that `BENCH_ACTIVITY` names, a build of `activity-cli` with optimizations.
pub(crate) fn start(path: &Path) -> Result<(), Failure> {
    // The first one builds the rules of redaction, once per process.
    let first = open(path)?;
    let opened = times(|| open(path))?;
    print("opening a log", "query_open", &opened);
    println!(
        "  the first in the process took {:.1} ms",
        milliseconds(first)
    );
    let Some(activity) = env::var_os("BENCH_ACTIVITY") else {
        return Ok(());
    };
    let listed = times(|| {
        let start = Instant::now();
        let status = Command::new(&activity)
            .args(["list", "--store"])
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        match status.success() {
            true => Ok(start.elapsed()),
            false => Err(format!("activity list: {status}").into()),
        }
    })?;
    print("activity list, as a process", "query_list_process", &listed);
    Ok(())
}

fn open(path: &Path) -> Result<Duration, Failure> {
    let start = Instant::now();
    let log = ActivityLog::open(path)?;
    let took = start.elapsed();
    log.shutdown().wait()?;
    Ok(took)
}

fn times(run: impl Fn() -> Result<Duration, Failure>) -> Result<Vec<Duration>, Failure> {
    let mut took = (0..TIMES).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    took.sort_unstable();
    Ok(took)
}

fn print(what: &str, name: &str, took: &[Duration]) {
    let [p50, p99] = [0.5, 0.99].map(|share| milliseconds(quantile(took, share)));
    println!("  {what:<40} {p50:>10.3} {p99:>10.3}");
    print_ratio(&format!("{name}_p50_ms"), p50);
}
