//! Which lines are recorded, and for which activity.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use serde_json::json;
use tower_activity::{ActivityEvents, ActivityLog, Describe, InActivity, Status};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry,
};

use crate::bridge::record::{bridged, events, log, summaries};

#[test]
fn a_line_in_an_activity_is_an_event_of_it() {
    let log = log();
    let lookup = log.start(Describe::tool("lookup").project("acme").actor("ann"));
    let id = lookup.id();
    bridged(|| lookup.run(|| tracing::info!(user = 7, "looking up {}", "ann")));
    let [event] = events(&log).try_into().unwrap();
    assert_eq!((event.event_type.as_str(), event.activity), ("log", id));
    assert_eq!(event.summary.as_deref(), Some("looking up ann"));
    assert_eq!((event.status, event.count), (Status::Success, 1));
    assert_eq!(event.scope.project.as_deref(), Some("acme"));
    assert_eq!(event.scope.actor.as_deref(), Some("ann"));
    assert_eq!(
        event.data,
        Some(json!({"level": "INFO", "target": module_path!(), "fields": {"user": 7}}))
    );
    assert!(!event.truncated);
}

#[test]
fn only_errors_are_failures_and_levels_below_info_are_ignored() {
    let log = log();
    let say_all = || {
        log.start(Describe::job("all")).run(|| {
            tracing::error!("error");
            tracing::warn!("warn");
            tracing::info!("info");
            tracing::debug!("debug");
            tracing::trace!("trace");
        });
    };
    bridged(say_all);
    let found = events(&log);
    assert_eq!(summaries(&found), ["error", "warn", "info"]);
    let statuses: Vec<_> = found.iter().map(|event| event.status).collect();
    assert_eq!(statuses, [Status::Failed, Status::Success, Status::Success]);

    let check = |level: LevelFilter, expected: usize| {
        let before = events(&log).len();
        let layer = ActivityEvents::new().level(level);
        tracing::subscriber::with_default(registry().with(layer), say_all);
        assert_eq!(events(&log).len() - before, expected, "{level}");
    };
    check(LevelFilter::TRACE, 5);
    check(LevelFilter::WARN, 2);
    check(LevelFilter::OFF, 0);
    assert_eq!(log.accounting().events.rejected(), 0);
}

#[test]
fn targets_are_chosen_with_tracings_own_filters() {
    let log = log();
    let targets = Targets::new()
        .with_target("shop", LevelFilter::DEBUG)
        .with_default(LevelFilter::WARN);
    let layer = ActivityEvents::new().level(LevelFilter::TRACE);
    let subscriber = registry().with(layer.with_filter(targets));
    tracing::subscriber::with_default(subscriber, || {
        log.start(Describe::job("import")).run(|| {
            tracing::debug!(target: "shop::cart", "kept");
            tracing::trace!(target: "shop::cart", "too fine");
            tracing::info!(target: "other", "not asked for");
            tracing::warn!(target: "other", "kept too");
        });
    });
    assert_eq!(summaries(&events(&log)), ["kept", "kept too"]);
}

#[test]
fn this_crates_own_lines_are_not_bridged() {
    let log = log();
    bridged(|| {
        log.start(Describe::job("import")).run(|| {
            tracing::error!(target: "tower_activity", "ours");
            tracing::error!(target: "tower_activity::log", "ours");
            tracing::error!(target: "tower_activity_shop", "a neighbour's");
        });
    });
    assert_eq!(summaries(&events(&log)), ["a neighbour's"]);
}

/// A layer that counts events.
struct Seen(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Seen {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn other_layers_see_the_same_events() {
    let seen = Arc::new(AtomicUsize::new(0));
    for bridge in [None, Some(ActivityEvents::new().level(LevelFilter::ERROR))] {
        seen.store(0, Relaxed);
        let subscriber = registry().with(bridge.clone()).with(Seen(seen.clone()));
        let log = log();
        tracing::subscriber::with_default(subscriber, || {
            log.start(Describe::job("import")).run(|| {
                tracing::trace!("fine");
                tracing::info!(target: "tower_activity", "ours");
                tracing::error!("coarse");
            });
        });
        assert_eq!(seen.load(Relaxed), 3, "{bridge:?}");
    }
}

#[test]
fn outside_of_any_activity_nothing_is_recorded() {
    let log = log();
    bridged(|| {
        tracing::error!("before");
        log.start(Describe::job("import")).run(|| ());
        tracing::error!("after");
        ActivityLog::disabled()
            .start(Describe::job("unrecorded"))
            .run(|| tracing::error!("inside nothing"));
    });
    assert_eq!(events(&log), []);
    assert_eq!(log.accounting().events.recorded, 0);
}

#[test]
fn a_line_belongs_to_the_innermost_activity_and_to_its_log() {
    let (log, other) = (log(), self::log());
    let outer = log.start(Describe::job("outer"));
    let inner = log.start(Describe::job("inner").parent(&outer));
    let elsewhere = other.start(Describe::job("elsewhere"));
    let ids = [outer.id(), inner.id(), outer.id()];
    let apart = elsewhere.id();
    bridged(|| {
        outer.run(|| {
            tracing::info!("first");
            inner.run(|| tracing::info!("second"));
            elsewhere.run(|| tracing::info!("apart"));
            tracing::info!("third");
        });
    });
    let found = events(&log);
    assert_eq!(summaries(&found), ["first", "second", "third"]);
    let activities: Vec<_> = found.iter().map(|event| event.activity).collect();
    assert_eq!(activities, ids);
    let [event] = events(&other).try_into().unwrap();
    assert_eq!(
        (event.summary.as_deref(), event.activity),
        (Some("apart"), apart)
    );
}

#[tokio::test]
async fn a_task_that_carries_the_activity_logs_into_it() {
    let log = log();
    let import = log.start(Describe::job("import"));
    let id = import.id();
    let _bridge = tracing::subscriber::set_default(registry().with(ActivityEvents::new()));
    async {
        let taken = async { tracing::info!("taken along") }.in_current();
        tokio::spawn(taken).await.unwrap();
        let left = async { tracing::info!("left to itself") };
        tokio::spawn(left).await.unwrap();
    }
    .in_activity(&import)
    .await;
    drop(import);
    let [event] = events(&log).try_into().unwrap();
    assert_eq!(
        (event.summary.as_deref(), event.activity),
        (Some("taken along"), id)
    );
}
