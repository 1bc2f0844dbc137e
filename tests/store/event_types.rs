//! Events by type: what was done, and the events that did nothing.

use tower_activity::{
    ActivityLog, Status,
    query::{DigestQuery, MetricsQuery, Window},
};

#[test]
fn only_successful_events_count_what_they_cover() {
    let (log, clock) = ActivityLog::test();
    log.event("endpoints_added").count(2).record();
    log.event("endpoints_added").count(3).record();
    let attempt = |status| {
        log.event("endpoints_added")
            .count(4)
            .status(status)
            .record()
    };
    Status::ALL
        .into_iter()
        .filter(|status| *status != Status::Success)
        .for_each(|status| drop(attempt(status)));
    attempt(Status::Failed);
    log.event("deployment").record();
    log.flush().wait().unwrap();
    let query = MetricsQuery::new(Window::Day, clock.now());
    let types = log.reader().unwrap().event_types(&query).unwrap().types;
    let types: Vec<_> = types
        .iter()
        .map(|one| {
            let others = [one.failed, one.running, one.cancelled, one.skipped];
            (
                one.event_type.as_str(),
                one.count,
                one.events,
                others,
                one.abandoned,
            )
        })
        .collect();
    assert_eq!(
        types,
        [
            ("endpoints_added", 5, 8, [2, 1, 1, 1], 1),
            ("deployment", 1, 1, [0; 4], 0)
        ]
    );
}

#[test]
fn no_count_of_items_is_too_large_to_add_up() {
    let (log, clock) = ActivityLog::test();
    for count in [i64::MAX as u64, i64::MAX as u64] {
        log.event("row_imported").count(count).record();
    }
    for count in [u64::MAX, u64::MAX, 3] {
        log.event("row_deleted").count(count).record();
    }
    log.flush().wait().unwrap();
    let query = MetricsQuery::new(Window::Day, clock.now());
    let mut reader = log.reader().unwrap();
    let types = reader.event_types(&query).unwrap().types;
    let counts: Vec<_> = types.iter().map(|one| one.count).collect();
    // A file keeps a count up to 2^63 - 1.
    assert_eq!(counts, [u64::MAX, u64::MAX - 1]);
    let digest = reader.digest(&DigestQuery::new(clock.now())).unwrap();
    let expected = "- 18446744073709551615 rows deleted\n- 18446744073709551614 rows imported\n";
    assert!(digest.grouped(300).unwrap().ends_with(expected));
}
