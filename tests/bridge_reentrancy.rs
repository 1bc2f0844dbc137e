//! The tracing bridge with code that logs while a line is recorded.
//!
//! A binary of its own with one global subscriber: `tracing` itself prevents that a thread's subscriber is reentered, so only
//! a global one tests the bridge.
#![allow(clippy::unwrap_used)]

#[path = "subscriber/bridge/record.rs"]
mod record;

use std::{
    fmt,
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use record::{attributes, events, log, summaries};
use tower_activity::{
    Activity, ActivityEvents, ActivityLog, Describe, Result,
    record::{ActivityId, EventRecord},
    redact::Redactor,
    store::{
        Accounting, AppendOutcome, Batch, Instance, Reader, Store, Writer, sqlite::SqliteStore,
    },
};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

fn bridge() {
    static BRIDGE: Once = Once::new();
    BRIDGE.call_once(|| registry().with(ActivityEvents::new()).init());
}

/// Returns all events, oldest first, and the number of lines that an activity dropped.
fn found(log: &ActivityLog, id: Option<ActivityId>) -> (Vec<EventRecord>, u64) {
    let dropped = attributes(log, id).get("log.dropped_count").cloned();
    let dropped = dropped.map_or(0, |count| count.as_u64().unwrap());
    (events(log), dropped)
}

/// Logs when it is formatted.
struct Talks;

impl fmt::Debug for Talks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!(again = ?Talks, "formatting");
        f.write_str("talks")
    }
}

#[test]
fn a_field_that_logs_is_recorded_and_its_lines_are_counted() {
    bridge();
    let log = log();
    let import = log.start(Describe::job("import"));
    let id = import.id();
    import.run(|| {
        tracing::info!(talks = ?Talks, "first");
        tracing::info!("second");
    });
    let (events, dropped) = found(&log, id);
    assert_eq!(summaries(&events), ["first", "second"]);
    assert_eq!(events[0].data.as_ref().unwrap()["fields"]["talks"], "talks");
    assert_eq!((dropped, log.accounting().events.rejected_limit), (1, 1));
}

/// Logs, then panics when it is formatted.
struct TalksAndPanics;

impl fmt::Debug for TalksAndPanics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("about to panic");
        panic!("no value to show")
    }
}

#[test]
fn the_next_line_is_recorded_after_one_whose_field_panicked() {
    bridge();
    let log = log();
    let import = log.start(Describe::job("import"));
    let id = import.id();
    import.run(|| {
        tracing::info!(talks = ?TalksAndPanics, "first");
        tracing::info!("second");
    });
    let (events, dropped) = found(&log, id);
    assert_eq!((summaries(&events), dropped), (vec!["first", "second"], 1));
}

/// Uses the log when it is formatted.
struct Records(ActivityLog);

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Activity::current().set("formatted", true);
        let step = self.0.start(Describe::job("step"));
        step.run(|| self.0.event("formatted").record());
        self.0.flush().wait().unwrap();
        f.write_str("recorded")
    }
}

#[test]
fn a_field_may_use_the_log() {
    bridge();
    let log = log();
    let import = log.start(Describe::job("import"));
    let id = import.id();
    import.run(|| tracing::info!(records = ?Records(log.clone()), "outer"));
    let (events, dropped) = found(&log, id);
    let types: Vec<_> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!((types, dropped), (vec!["formatted", "log"], 0));
    assert_eq!(
        events[1].data.as_ref().unwrap()["fields"]["records"],
        "recorded"
    );
    assert_eq!(events[1].activity, id);
}

#[test]
fn a_redactor_that_logs_does_not_recurse() {
    bridge();
    let redactor = Redactor::new().with(|_, text| {
        tracing::info!("saw a text");
        (text == "boom").then(|| panic!("cannot redact"))
    });
    let builder = ActivityLog::builder().redactor(redactor);
    let log = builder.open(":memory:").unwrap();
    let import = log.start(Describe::job("import"));
    let id = import.id();
    import.run(|| {
        tracing::info!("first {}", 1);
        tracing::info!(field = "boom", "second {}", 2);
    });
    let (events, dropped) = found(&log, id);
    assert_eq!(summaries(&events), ["first 1", "second 2"]);
    assert!(dropped > 0);
    let counts = log.accounting();
    assert_eq!(
        (counts.redactor_panics, counts.events.rejected_limit),
        (1, dropped)
    );
    assert!(counts.adds_up());
}

/// A store that logs at every commit.
#[derive(Debug)]
struct TalkingStore {
    inner: SqliteStore,
    said: Arc<AtomicUsize>,
}

struct TalkingWriter {
    inner: Box<dyn Writer>,
    said: Arc<AtomicUsize>,
}

impl Store for TalkingStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        Ok(Box::new(TalkingWriter {
            inner: self.inner.writer(instance)?,
            said: self.said.clone(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }
}

impl tower_activity::store::sealed::WriteSide for TalkingWriter {}

impl Writer for TalkingWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        tracing::warn!("committing");
        self.said.fetch_add(1, Relaxed);
        self.inner.append(batch)
    }

    fn reap(&mut self) -> Result<u64> {
        self.inner.reap()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        self.inner.close(accounting)
    }
}

#[test]
fn lines_of_the_writer_thread_are_not_recorded() {
    bridge();
    let said = Arc::new(AtomicUsize::new(0));
    let store = TalkingStore {
        inner: SqliteStore::new(":memory:").unwrap(),
        said: said.clone(),
    };
    let log = ActivityLog::builder().open_store(Arc::new(store)).unwrap();
    log.start(Describe::job("import")).run(|| {
        tracing::info!("importing");
        log.flush().wait().unwrap();
        assert!(said.load(Relaxed) > 0);
    });
    assert_eq!(summaries(&events(&log)), ["importing"]);
    assert_eq!(log.accounting().events.recorded, 1);
}
