//! Searches while a log records as fast as a busy service.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use benches::{Failure, is_quick, print_ratio, quantile, setting};
use chrono::Utc;
use tower_activity::{ActivityLog, Describe, Outcome, query::ActivityReader, record::Filter};

use crate::milliseconds;

/// Calls per second.
const RATE: u64 = 50_000;
/// One of so many messages has a rare word.
const RARE: u64 = 20_000;

/// Records at [`RATE`], and prints the times of searches for a rare word, and the index lag.
pub(crate) fn search_while_recording(folder: &Path) -> Result<(), Failure> {
    let seconds = if is_quick() {
        2
    } else {
        setting("BENCH_SECONDS", 30) as u64
    };
    let path = folder.join("live.db");
    let log = ActivityLog::open(&path)?;
    let (recorded, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let (mut took, mut lags) = (Vec::new(), Vec::new());
    thread::scope(|scope| -> Result<(), Failure> {
        scope.spawn(|| record(&log, seconds, &recorded, &done));
        let mut reader = ActivityReader::open(&path)?;
        while !done.load(Relaxed) {
            thread::sleep(Duration::from_millis(100));
            // One of the last ten seconds, that is, of half a million rows.
            let rare = (recorded.load(Relaxed) / RARE).saturating_sub(took.len() as u64 % 25);
            let filter = Filter::parse(&format!("ticket{rare}"), Utc::now())?;
            let start = Instant::now();
            reader.page(&filter, None, 50)?;
            took.push(start.elapsed());
            lags.push(reader.health()?.unindexed);
        }
        Ok(())
    })?;
    let accounting = log.accounting().activities;
    log.shutdown().wait()?;
    took.sort_unstable();
    lags.sort_unstable();
    let (p50, p99) = (quantile(&took, 0.5), quantile(&took, 0.99));
    println!(
        "\n{:.0} activities/s for {seconds} s ({} rejected): newest 50 with a rare word in {:.1} ms (p50), {:.1} ms (p99) of {}; \
         not indexed were {} (p50), at most {}",
        accounting.committed as f64 / seconds as f64,
        accounting.rejected(),
        milliseconds(p50),
        milliseconds(p99),
        took.len(),
        lags[lags.len() / 2],
        lags[lags.len() - 1]
    );
    print_ratio("query_live_p50_ms", milliseconds(p50));
    print_ratio("query_live_p99_ms", milliseconds(p99));
    Ok(())
}

/// Records in ticks of a millisecond; after a pause of the machine it does not catch up.
fn record(log: &ActivityLog, seconds: u64, recorded: &AtomicU64, done: &AtomicBool) {
    let mut number = 0;
    let mut next = Instant::now();
    let end = next + Duration::from_secs(seconds);
    while next < end {
        for _ in 0..RATE / 1_000 {
            let describe = Describe::tool("search")
                .project(format!("project-{}", number / 5 % 200))
                .agent(format!("agent-{}", number / 5 % 2_000));
            let activity = log.start(describe);
            activity.set("rows", number % 5_000);
            let outcome = match number % RARE {
                0 => Outcome::failed("denied")
                    .with_message(format!("ticket{} was refused", number / RARE)),
                _ => Outcome::success(),
            };
            activity.end(outcome);
            number += 1;
        }
        recorded.store(number, Relaxed);
        next = (next + Duration::from_millis(1)).max(Instant::now() - Duration::from_millis(10));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    done.store(true, Relaxed);
}
