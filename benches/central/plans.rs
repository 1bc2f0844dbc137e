//! Checks by the server's log that no day's activities are read from end to end.

use std::fs;

use benches::{
    Failure,
    central::{self, Server},
    is_quick,
};
use tower_activity::query::ActivityReader;

use crate::reads::{Data, READS};

/// The server writes the plan of each statement in this database to its log, from the next session on.
const EXPLAIN: &str = "ALTER DATABASE bench SET session_preload_libraries = 'auto_explain'; \
     ALTER DATABASE bench SET auto_explain.log_min_duration = 0; \
     ALTER DATABASE bench SET auto_explain.log_analyze = on; ALTER DATABASE bench SET auto_explain.log_buffers = on";
const STOP: &str = "ALTER DATABASE bench RESET session_preload_libraries";
/// Partitions with more rows than fit into a few pages.
const DAYS: &str =
    "SELECT relname FROM pg_class WHERE relname ~ '^activity_[0-9]+$' AND reltuples > 1000";

/// Runs each of the named reads, or all, once, and checks its plans. `BENCH_PLANS` names a folder that they are written to.
pub(crate) fn check(
    server: &Server,
    url: &str,
    data: Data,
    named: &[String],
) -> Result<(), Failure> {
    central::run(server, EXPLAIN)?;
    let days = central::run(server, DAYS)?;
    let days: Vec<&str> = days.lines().collect();
    let log = server.folder().join("server.log");
    let plans = std::env::var_os("BENCH_PLANS").map(std::path::PathBuf::from);
    for read in READS.iter().filter(|read| read.is_named(named)) {
        let mut reader = ActivityReader::open(url)?;
        let before = fs::metadata(&log)?.len() as usize;
        (read.ask)(&mut reader, data, 3)?;
        let all = fs::read(&log)?;
        let all = String::from_utf8_lossy(&all[before..]);
        if !all.contains("Query Text:") {
            return Err(format!("{}: no plan was logged", read.name).into());
        }
        if let Some(folder) = &plans {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(read.name), &*all)?;
        }
        let scanned = all.lines().find(|line| {
            let table = line.split("Seq Scan on ").nth(1);
            let table = table.and_then(|table| table.split(' ').next());
            table.is_some_and(|table| days.contains(&table))
        });
        // The few rows of a quick run are rightly read from end to end.
        if let Some(line) = scanned.filter(|_| !is_quick()) {
            return Err(format!("{}: {}", read.name, line.trim()).into());
        }
    }
    central::run(server, STOP)?;
    Ok(())
}
