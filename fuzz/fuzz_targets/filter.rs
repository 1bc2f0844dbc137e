//! Any text is a filter or an error with a span in it. A filter is the same after it was written and parsed again, and the
//! store finds the activities that it matches. Parsing takes linear time.
#![no_main]

use std::sync::{LazyLock, Mutex};

use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome,
    query::ActivityReader,
    record::{ActivityRecord, Filter},
};
use tower_activity_fuzz::linear;

/// A log, all its activities, and a reader.
static STORE: LazyLock<Mutex<(Vec<ActivityRecord>, ActivityReader)>> = LazyLock::new(|| {
    let log = ActivityLog::open(":memory:").expect("a store in memory opens");
    for number in 0..24_u32 {
        let name =
            ["login", "log out", "search:all", "größe", "", "日本語 検索"][number as usize % 6];
        let kind = [Kind::Tool, Kind::Http, Kind::Job, Kind::Turn][number as usize % 4];
        let mut describe = Describe::new(kind, name)
            .attribute("status", number * 100)
            .attribute("path", format!("/a b/{number}"));
        if number % 3 > 0 {
            describe = describe.project("acme").actor("Ann B").session("s-1");
        }
        if number % 5 == 0 {
            describe = describe.agent("a*").brand("50%").request("r_1");
        }
        let outer = log.start(describe);
        log.start(Describe::tool("inner")).end(Outcome::success());
        outer.end(match number % 4 {
            0 => Outcome::success(),
            1 => Outcome::failed("timeout").with_message("no such user: \"bob\""),
            2 => Outcome::cancelled(),
            _ => Outcome::skipped(),
        });
    }
    log.flush().wait().expect("it commits");
    let mut reader = log.reader().expect("it is read");
    let all = reader
        .page(&Filter::default(), None, 100)
        .expect("it is read");
    Mutex::new((all.records, reader))
});

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(1_900_000_000).expect("it is a time")
}

fn check(text: &str) {
    let filter = match Filter::parse(text, now()) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(
                error.text().get(error.span()).is_some(),
                "{:?} {error}",
                error.span()
            );
            return;
        }
    };
    let written = filter.to_string();
    let again = Filter::parse(&written, now());
    assert_eq!(again.as_ref(), Ok(&filter), "written as {written:?}");
    let Ok(mut store) = STORE.lock() else { return };
    let (all, reader) = &mut *store;
    let expected: Vec<_> = all
        .iter()
        .filter(|one| filter.matches(one))
        .map(|one| one.id)
        .collect();
    match reader.page(&filter, None, 100) {
        Ok(page) => {
            let found: Vec<_> = page.records.iter().map(|one| one.id).collect();
            assert_eq!(found, expected, "{written:?}");
        }
        // A filter of too many terms.
        Err(error) => assert!(error.is_invalid(), "{written:?}: {error}"),
    }
}

fuzz_target!(|text: &str| {
    check(text);
    linear("", text, 64 << 10, |long| {
        let _ = Filter::parse(long, now()).map(|filter| filter.to_string());
    });
});
