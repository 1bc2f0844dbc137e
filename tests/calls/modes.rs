//! Modes: what a call waits for, and for how long.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use tower::{Layer, Service, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Mode, Outcome, Status, log::Builder,
};

use crate::support::{
    self, Rows,
    faulty::{Fault, FaultyStore},
};

/// A timeout that no test reaches.
const NEVER: Duration = Duration::from_secs(3600);

fn log(store: &Arc<FaultyStore>, mode: Mode, set: impl FnOnce(Builder) -> Builder) -> ActivityLog {
    let builder = ActivityLog::builder()
        .mode(mode)
        .wait_timeout(NEVER)
        .durable_timeout(NEVER)
        .drop_timeout(Duration::from_secs(10));
    set(builder).open_store(store.clone()).unwrap()
}

/// A service that responds at once, and is recorded under the names in its requests.
fn service(
    log: &ActivityLog,
) -> impl Service<&'static str, Response = &'static str, Error = String, Future: Send> + Clone + use<>
{
    let layer = ActivityLayer::new(log).describe(|name: &&'static str| Describe::job(*name));
    layer.layer(service_fn(|name: &'static str| async move {
        match name {
            "fails" => Err("no".to_owned()),
            "panics" => panic!("at the disco"),
            name => Ok(name),
        }
    }))
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_response_comes_after_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let builder = ActivityLog::builder().mode(Mode::Durable);
    // Long, so that only the waiting calls cause commits.
    let log = builder.flush_interval(NEVER).open(&path).unwrap();
    let mut calls = service(&log);
    for name in ["one", "fails", "two"] {
        let _ = calls.ready().await.unwrap().call(name).await;
        assert!(Rows::open(&path).names().contains(&name), "{name}");
    }
    let observed = log.start(Describe::job("observed"));
    observed
        .observe(async { 7 }, |_: &i32| Outcome::success())
        .await;
    assert!(Rows::open(&path).names().contains(&"observed"));
    assert_eq!(log.accounting().not_durable, 0);
}

#[tokio::test]
async fn a_panic_resumes_after_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let builder = ActivityLog::builder().mode(Mode::Durable);
    let log = builder.flush_interval(NEVER).open(&path).unwrap();
    let call = tokio::spawn(service(&log).oneshot("panics"));
    let panic = call.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"at the disco"));
    assert_eq!(
        Rows::open(&path).one("panics").error_type.as_deref(),
        Some("panic")
    );
}

#[tokio::test]
async fn calls_that_end_together_share_a_commit() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Durable, |builder| builder);
    let mut calls: Vec<_> = (0..100)
        .map(|_| tokio::spawn(service(&log).oneshot("one")))
        .collect();
    while log.accounting().activities.ended() < 100 {
        tokio::task::yield_now().await;
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    let before = store.commits();
    store.mend();
    for call in &mut calls {
        assert_eq!(call.await.unwrap().unwrap(), "one");
    }
    // The commit that hung may have some of them, and the next one the others.
    assert!(
        store.commits() - before <= 3,
        "{}",
        store.commits() - before
    );
    assert_eq!(log.accounting().activities.committed, 100);
    assert_eq!(log.accounting().not_durable, 0);
}

#[test]
fn a_response_waits_no_longer_than_the_durable_timeout_under_any_runtime() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Durable, |builder| {
        builder.durable_timeout(Duration::from_millis(20))
    });
    for _ in 0..3 {
        let answer = support::block_on(service(&log).oneshot("one"));
        assert_eq!(answer.unwrap(), "one");
    }
    let counts = log.accounting();
    assert_eq!(
        (counts.not_durable, counts.activities.waiting),
        (3, 3),
        "{counts:?}"
    );
    store.mend();
    log.flush().wait().unwrap();
    let counts = log.accounting();
    assert_eq!(
        (counts.not_durable, counts.activities.committed),
        (3, 3),
        "{counts:?}"
    );
    assert!(counts.adds_up());
}

#[test]
fn only_a_response_whose_record_is_refused_is_counted() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Durable, |builder| builder);
    let mut calls: Vec<_> = ["one", "poison", "two"]
        .into_iter()
        .map(|name| Box::pin(service(&log).oneshot(name)))
        .collect();
    assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
    store.set(Fault::Refuse("poison"));
    for call in calls {
        support::block_on(call).unwrap();
    }
    let counts = log.accounting();
    assert_eq!(
        (counts.not_durable, counts.activities.lost_refused),
        (1, 1),
        "{counts:?}"
    );
    assert!(counts.adds_up());
}

#[test]
fn a_call_dropped_while_it_waits_for_its_commit_keeps_its_outcome() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Durable, |builder| builder);
    let mut call = Box::pin(service(&log).oneshot("one"));
    assert!(poll(&mut call).is_pending());
    drop(call);
    store.mend();
    let rows = support::rows(&log);
    assert_eq!(rows.one("one").status, Status::Success);
    assert_eq!(log.accounting().not_durable, 0);
}

#[test]
fn a_shutdown_releases_waiting_responses() {
    let store = FaultyStore::new(Fault::Fail);
    let log = log(&store, Mode::Durable, |builder| builder);
    let mut reader = log.reader().unwrap();
    let mut call = Box::pin(service(&log).oneshot("one"));
    assert!(poll(&mut call).is_pending());
    let shutdown = log.shutdown().timeout(Duration::from_millis(20)).wait();
    assert!(shutdown.unwrap_err().is_timeout());
    assert_eq!(support::block_on(call).unwrap(), "one");
    let counts = log.accounting();
    assert_eq!(
        (counts.not_durable, counts.activities.lost_shutdown),
        (1, 1),
        "{counts:?}"
    );
    let saved = &reader.health().unwrap().instances[0].accounting;
    assert_eq!(saved.not_durable, 1, "{saved:?}");
    // Later calls do not wait.
    assert_eq!(
        support::block_on(service(&log).oneshot("two")).unwrap(),
        "two"
    );
    assert!(log.accounting().adds_up());
}

#[test]
fn a_waker_that_panics_stops_nothing() {
    struct Grumpy;

    impl Wake for Grumpy {
        fn wake(self: Arc<Self>) {
            panic!("not now");
        }
    }

    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Durable, |builder| builder);
    let mut call = Box::pin(service(&log).oneshot("one"));
    let waker = Waker::from(Arc::new(Grumpy));
    assert!(
        call.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let mut committed = Box::pin(log.event("deployment").record().committed());
    assert!(
        committed
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    store.mend();
    log.flush().wait().unwrap();
    assert_eq!(support::block_on(call).unwrap(), "one");
    assert!(support::block_on(committed).unwrap().is_some());
}

/// Fills the log's memory with calls that wait for a store that hangs.
fn fill(log: &ActivityLog) -> u64 {
    while log.accounting().activities.rejected_memory == 0 {
        log.start(Describe::job("filler")).end(Outcome::success());
    }
    log.accounting().activities.ended()
}

#[tokio::test]
async fn a_service_is_not_ready_until_there_is_memory() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Wait, |builder| builder.memory_limit(64 << 10));
    let filled = fill(&log);
    let calls: Vec<_> = (0..200)
        .map(|_| tokio::spawn(service(&log).oneshot("one")))
        .collect();
    tokio::task::yield_now().await;
    assert!(calls.iter().all(|call| !call.is_finished()));
    assert_eq!(
        log.accounting().activities.ended(),
        filled,
        "none has started"
    );
    store.mend();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "one");
    }
    let counts = log.shutdown().await.unwrap();
    assert_eq!(counts.activities.committed, filled + 200);
    assert_eq!(
        counts.activities.rejected_memory, 1,
        "the manual one: {counts:?}"
    );
    assert!(counts.adds_up());
}

#[test]
fn a_service_waits_no_longer_than_the_wait_timeout_under_any_runtime() {
    for mode in [Mode::Wait, Mode::Durable] {
        let store = FaultyStore::new(Fault::Hang);
        let log = log(&store, mode, |builder| {
            builder
                .memory_limit(64 << 10)
                .wait_timeout(Duration::from_millis(20))
        });
        fill(&log);
        assert_eq!(
            support::block_on(service(&log).oneshot("one")).unwrap(),
            "one"
        );
        let counts = log.accounting();
        assert_eq!(counts.activities.rejected_memory, 2, "{counts:?}");
        assert!(counts.adds_up());
        store.mend();
    }
}

#[test]
fn a_dropped_service_gives_its_reservation_back() {
    let store = FaultyStore::new(Fault::None);
    let log = log(&store, Mode::Wait, |builder| builder.memory_limit(64 << 10));
    let mut cx = Context::from_waker(Waker::noop());
    // More than fit at a time, each ready and never called.
    for _ in 0..1_000 {
        let mut idle = service(&log);
        assert!(idle.poll_ready(&mut cx).is_ready());
    }
    let mut held = Vec::new();
    let mut waiting = loop {
        let mut one = service(&log);
        if one.poll_ready(&mut cx).is_pending() {
            break one;
        }
        held.push(one);
    };
    drop(service(&log).poll_ready(&mut cx));
    held.clear();
    assert!(waiting.poll_ready(&mut cx).is_ready());
}

#[test]
fn a_waker_may_use_the_log_when_memory_is_available() {
    struct Sets(Activity, mpsc::Sender<()>);

    impl Wake for Sets {
        fn wake(self: Arc<Self>) {
            self.0.set("woken", true);
            self.1.send(()).unwrap();
        }
    }

    let (woken, wakes) = mpsc::channel();
    // On a thread of its own, so that a deadlock fails the test.
    thread::spawn(move || {
        let store = FaultyStore::new(Fault::Hang);
        let log = log(&store, Mode::Wait, |builder| builder.memory_limit(64 << 10));
        let open = log.start(Describe::job("open"));
        let waker = Waker::from(Arc::new(Sets(Activity::clone(&open), woken)));
        let mut ready = Vec::new();
        let _waiting = loop {
            let mut one = service(&log);
            if one
                .poll_ready(&mut Context::from_waker(&waker))
                .is_pending()
            {
                break one;
            }
            ready.push(one);
        };
        // The unused rest of their reservations goes to the waiting one.
        for mut one in ready {
            drop(one.call("one"));
        }
        store.mend();
    });
    wakes.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn an_admitted_call_is_recorded_without_attributes_that_do_not_fit() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Wait, |builder| builder.memory_limit(64 << 10));
    let large = "x".repeat(3_000);
    let layer = ActivityLayer::new(&log).describe(move |name: &&'static str| {
        let describe = Describe::job(*name).project("acme");
        (0..60).fold(describe, |describe, number| {
            describe.attribute(format!("key{number}"), large.clone())
        })
    });
    let call = layer.layer(service_fn(async |name: &'static str| Ok::<_, String>(name)));
    support::block_on(call.oneshot("one")).unwrap();
    store.mend();
    let row = support::rows(&log).one("one");
    assert!(row.truncated && row.attributes.is_empty());
    assert_eq!(row.scope.project.as_deref(), Some("acme"));
    assert!(log.accounting().adds_up());
}

#[test]
fn in_fast_mode_nothing_waits() {
    let store = FaultyStore::new(Fault::Hang);
    let log = log(&store, Mode::Fast, |builder| builder.memory_limit(64 << 10));
    fill(&log);
    let mut call = pin!(service(&log).oneshot("one"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_ready());
    store.mend();
}
