//! Any text is a cursor of one list at most, or a position, or none. It is the same after it was written and parsed again,
//! and a list continues after it.
#![no_main]

use std::sync::{LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{ActivityRecord, EventRecord, Filter},
    store::{Cursor, Position},
};
use tower_activity_fuzz::linear;

static READER: LazyLock<Mutex<ActivityReader>> = LazyLock::new(|| {
    let log = ActivityLog::open(":memory:").expect("a store in memory opens");
    log.start(Describe::job("import")).end(Outcome::success());
    log.event("deployment").record();
    log.flush().wait().expect("it commits");
    Mutex::new(log.reader().expect("it is read"))
});

fn check(text: &str) {
    let activities = text.parse::<Cursor<ActivityRecord>>();
    let events = text.parse::<Cursor<EventRecord>>();
    assert!(
        activities.is_err() || events.is_err(),
        "a cursor of two lists"
    );
    let Ok(mut reader) = READER.lock() else {
        return;
    };
    if let Ok(cursor) = activities {
        assert_eq!(cursor.to_string().parse().ok(), Some(cursor));
        let page = reader
            .page(&Filter::default(), Some(cursor), 10)
            .expect("it is read");
        assert!(
            page.records
                .iter()
                .all(|record| cursor.is_ahead() || record.id < cursor.id())
        );
    }
    if let Ok(cursor) = events {
        assert_eq!(cursor.to_string().parse().ok(), Some(cursor));
        reader
            .events(&Filter::default(), Some(cursor), 10)
            .expect("it is read");
    }
    if let Ok(position) = text.parse::<Position<EventRecord>>() {
        assert_eq!(position.to_string().parse().ok(), Some(position));
        // A position in another log is refused.
        let _ = reader.after(position, &Filter::default(), 10);
    }
}

fuzz_target!(|text: &str| {
    check(text);
    linear("", text, 64 << 10, check);
});
