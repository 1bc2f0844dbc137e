//! A forwarder that is killed at any time continues when it is started again.
//!
//! The test runs itself again as the process that is killed.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use tower_activity::{ActivityLog, forward::Forwarder};

#[cfg(feature = "clickhouse")]
use crate::support::clickhouse;
use crate::{
    compare::{assert_same, central, file, logs, record},
    support::postgres,
};

/// Marks the process that is killed: the file and the target.
const CHILD: &str = "ACTIVITY_TEST_FORWARD";

#[test]
fn a_killed_forwarder_misses_nothing_and_sends_nothing_twice() {
    check(
        "kill::a_killed_forwarder_misses_nothing_and_sends_nothing_twice",
        postgres::database,
    );
}

#[cfg(feature = "clickhouse")]
#[test]
fn a_killed_forwarder_misses_nothing_in_clickhouse() {
    check(
        "kill::a_killed_forwarder_misses_nothing_in_clickhouse",
        clickhouse::database,
    );
}

fn check(name: &str, database: impl Fn() -> String) {
    if let Ok(of) = std::env::var(CHILD) {
        let (path, url) = of.split_once(' ').unwrap();
        let _forwarding = Forwarder::open(path, url).unwrap().follow().unwrap();
        thread::sleep(Duration::from_secs(60));
        return;
    }
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ACTIVITY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = database();
    let log = ActivityLog::open(&path).unwrap();
    for round in 0..6 {
        record(&log, round * 1_000..round * 1_000 + 700);
        log.flush().wait().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, format!("{} {url}", path.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(random.u64(20..900)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    log.shutdown().wait().unwrap();
    let done = Forwarder::open(&path, &*url).unwrap().forward_all(|_| ());
    done.unwrap();
    assert_same(&file(&path), &central(&url));
    // All of them were one log: what was killed has not begun again.
    assert_eq!(logs(&url), 1);
}
