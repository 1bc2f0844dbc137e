//! Events beside the ends of calls that wake the writer.

use std::time::Duration;

use tower_activity::{ActivityLog, Describe, Outcome};

use crate::support::after_commit;

#[test]
fn records_that_fill_half_of_the_memory_are_committed_early() {
    let log = ActivityLog::builder()
        .memory_limit(64 << 10)
        .flush_interval(Duration::from_secs(3600))
        .open(":memory:")
        .unwrap();
    while log.accounting().activities.rejected_memory == 0
        && log.accounting().activities.committed == 0
    {
        log.start(Describe::job("one")).end(Outcome::success());
    }
    after_commit(|| (log.accounting().activities.committed > 0).then_some(()));
}

#[test]
fn counts_of_rejected_calls_are_saved_while_nothing_ends() {
    let log = ActivityLog::builder()
        .memory_limit(64 << 10)
        .open(":memory:")
        .unwrap();
    let mut reader = log.reader().unwrap();
    let mut open = Vec::new();
    while log.accounting().activities.rejected_memory == 0 {
        open.push(log.start(Describe::job("open")));
    }
    for rejected in 1..=2 {
        after_commit(|| {
            let saved = &reader.health().unwrap().instances[0].accounting;
            (saved.activities.rejected_memory == rejected).then_some(())
        });
        // By now the writer sleeps.
        drop(log.start(Describe::job("rejected")));
    }
}

#[test]
fn a_change_of_a_running_activity_is_written_while_nothing_ends() {
    let log = ActivityLog::builder()
        .event_types(["known"])
        .open(":memory:")
        .unwrap();
    let mut reader = log.reader().unwrap();
    let long = log.start(Describe::job("long"));
    let id = long.id().unwrap();
    after_commit(|| reader.activity(id).unwrap());
    log.event("unknown").record();
    // This is the last thing that the writer does before it sleeps.
    after_commit(|| {
        let saved = &reader.health().unwrap().instances[0].accounting;
        (saved.events.rejected_type == 1).then_some(())
    });
    long.set("step", 1);
    after_commit(|| {
        let row = reader.activity(id).unwrap()?;
        row.attributes.contains_key("step").then_some(())
    });
}
