//! Reads of a store with many logs that were forwarded once, and are silent since.

use std::time::Instant;

use benches::{
    Failure,
    central::{self, Server},
    is_quick, milliseconds, print_ratio, quantile, setting,
};
use tower_activity::{
    query::ActivityReader,
    store::{Store, postgres::PostgresStore},
};

use crate::reads::{Data, READS};

/// Their ids begin with a byte that no other has.
const ADD: &str = "INSERT INTO tower_activity.log (id, host, heard_at) \
     SELECT ('ff' || lpad(to_hex(n), 30, '0'))::uuid, 'host-' || n, now() - interval '40 days' FROM generate_series(1, $COUNT) AS n; \
     INSERT INTO tower_activity.instance (uuid, log, host, pid, started_at, stopped_at, saved_at, alive, accounting) \
     SELECT id, number, host, 1, 0, 1000000, 1000000, false, '{\"activities\":{\"recorded\":2000,\"open\":0,\"abandoned\":1, \
       \"rejected_memory\":0,\"committed\":1999,\"waiting\":0},\"events\":{\"recorded\":500,\"committed\":500}}' \
     FROM tower_activity.log WHERE id >= 'ff000000-0000-0000-0000-000000000000'; ANALYZE tower_activity.log, tower_activity.instance";
const DELETE: &str = "DELETE FROM tower_activity.instance WHERE uuid >= 'ff000000-0000-0000-0000-000000000000'; \
     DELETE FROM tower_activity.log WHERE id >= 'ff000000-0000-0000-0000-000000000000'";

/// Measures some reads without such logs, and with `BENCH_RETIRED` of them (20,000).
pub(crate) fn measure(server: &Server, url: &str, data: Data, times: usize) -> Result<(), Failure> {
    let count = if is_quick() {
        2_000
    } else {
        setting("BENCH_RETIRED", 20_000)
    };
    central::run(server, DELETE)?;
    let before = reads(url, data, times)?;
    central::run(server, &ADD.replace("$COUNT", &count.to_string()))?;
    let after = reads(url, data, times);
    central::run(server, DELETE)?;
    println!("\n  with {count} retired logs                          p50 before      after");
    for ((name, before), (_, after)) in before.iter().zip(&after?) {
        println!("  {name:<48} {before:>10.1} {after:>10.1}");
        print_ratio(&format!("central_retired_{name}"), after / before);
    }
    Ok(())
}

/// Returns the median of each.
fn reads(url: &str, data: Data, times: usize) -> Result<Vec<(&'static str, f64)>, Failure> {
    let mut reader = ActivityReader::open(url)?;
    let mut medians = Vec::new();
    let names = ["newest_page", "follow", "follow_newest"];
    for read in READS.iter().filter(|read| names.contains(&read.name)) {
        let mut ask = |n| (read.ask)(&mut reader, data, n).map(drop);
        medians.push((read.name, median(times, &mut ask)?));
    }
    let mut reader = PostgresStore::new(url)?.reader()?;
    medians.push((
        "vitals",
        median(times, &mut |_| {
            reader.vitals()?;
            Ok(())
        })?,
    ));
    medians.push((
        "health",
        median(times.min(20), &mut |_| {
            reader.health()?;
            Ok(())
        })?,
    ));
    Ok(medians)
}

fn median(times: usize, ask: &mut dyn FnMut(usize) -> Result<(), Failure>) -> Result<f64, Failure> {
    ask(0)?;
    let mut took = Vec::new();
    for n in 0..times {
        let start = Instant::now();
        ask(n)?;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    Ok(milliseconds(quantile(&took, 0.5)))
}
