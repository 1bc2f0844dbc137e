//! Limits: how many lines an activity takes, and where the others are counted.

use serde_json::{Map, json};
use tower_activity::{Activity, ActivityEvents, ActivityLog, Describe};
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::bridge::record::{attributes, bridged, events, log, summaries};

#[test]
fn an_activity_takes_a_limited_number_of_lines_and_counts_the_others() {
    let log = log();
    let layer = ActivityEvents::new().max_events(3);
    let import = log.start(Describe::job("import"));
    let id = import.id();
    let mut child = None;
    tracing::subscriber::with_default(registry().with(layer), || {
        import.run(|| {
            for number in 0..5 {
                tracing::info!("line {number}");
            }
            let step = log.start(Describe::job("step"));
            child = step.id();
            step.run(|| tracing::info!("a child has room of its own"));
            log.event("rows_read").record();
        });
    });
    let expected = [
        "line 0",
        "line 1",
        "line 2",
        "a child has room of its own",
        "",
    ];
    assert_eq!(summaries(&events(&log)), expected);
    assert_eq!(attributes(&log, id)["log.dropped_count"], 2);
    assert_eq!(attributes(&log, child), Map::new());
    let counts = log.accounting().events;
    assert_eq!((counts.recorded, counts.rejected_limit), (7, 2));
    assert!(counts.adds_up());
}

#[test]
fn by_default_an_activity_takes_128_lines() {
    let log = log();
    bridged(|| {
        log.start(Describe::job("import"))
            .run(|| (0..1_000).for_each(|_| tracing::info!("again")));
    });
    assert_eq!(events(&log).len(), 128);
    assert_eq!(log.accounting().events.rejected_limit, 1_000 - 128);
}

#[test]
fn dropped_lines_are_counted_also_when_attributes_are_full() {
    let log = log();
    let import = log.start(Describe::job("import"));
    let id = import.id();
    let layer = ActivityEvents::new().max_events(0);
    tracing::subscriber::with_default(registry().with(layer), || {
        import.run(|| {
            for number in 0..64 {
                Activity::current().set(format!("attribute {number}"), number);
            }
            tracing::info!("too many");
        });
    });
    let attributes = attributes(&log, id);
    assert_eq!(
        (attributes.len(), &attributes["log.dropped_count"]),
        (65, &json!(1))
    );
}

#[test]
fn lines_after_the_end_are_counted() {
    let log = log();
    let import = log.start(Describe::job("import"));
    bridged(|| {
        let late = import.run(Activity::current);
        late.enter(|| tracing::info!("too late"));
    });
    assert_eq!(events(&log), []);
    let counts = log.accounting().events;
    assert_eq!((counts.recorded, counts.rejected_limit), (1, 1));
}

#[test]
fn lines_after_the_shutdown_are_counted_and_do_no_harm() {
    let log = log();
    let import = log.start(Describe::job("import"));
    bridged(|| {
        import.run(|| {
            tracing::info!("before");
            log.shutdown().wait().unwrap();
            tracing::info!("after");
        });
    });
    let counts = log.accounting().events;
    assert_eq!((counts.committed, counts.rejected_closed), (1, 1));
    assert!(counts.adds_up());
}

#[test]
fn lines_whose_type_the_log_does_not_allow_are_counted() {
    let check = |types: [&'static str; 2], expected: (u64, u64)| {
        let builder = ActivityLog::builder().event_types(types);
        let log = builder.open(":memory:").unwrap();
        bridged(|| {
            log.start(Describe::job("import"))
                .run(|| tracing::info!("line"));
        });
        log.flush().wait().unwrap();
        let counts = log.accounting().events;
        assert_eq!((counts.committed, counts.rejected_type), expected);
    };
    check(["deployment", "github_push"], (0, 1));
    check(["deployment", "log"], (1, 0));
}
