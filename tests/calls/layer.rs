//! The layer does not change the behaviour of the service that it wraps, also when calls or the store fail.

use std::{
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::{Arc, Once},
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Outcome, Status, layer::DescribeRequest,
};

use crate::support::{
    faulty::{Fault, FaultyStore},
    rows,
};

/// The behavior of a scripted service or future when it is polled.
#[derive(Debug, Clone, Copy)]
enum Step {
    Pending,
    Ok(u8),
    Err(u8),
    Panic,
}

/// The script of one call, and the poll after which its caller drops it.
#[derive(Debug, Clone)]
struct Script {
    ready: Vec<Step>,
    call_panics: bool,
    polls: Vec<Step>,
    patience: usize,
}

/// The observations of the caller and of the service, in order.
type Trace = Rc<RefCell<Vec<String>>>;

struct Scripted {
    script: Script,
    trace: Trace,
}

struct ScriptedFuture {
    polls: std::vec::IntoIter<Step>,
    trace: Trace,
}

impl Service<u8> for Scripted {
    type Response = u8;
    type Error = u8;
    type Future = ScriptedFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), u8>> {
        self.trace.borrow_mut().push("poll_ready".into());
        match self.script.ready.pop() {
            Some(Step::Pending) => Poll::Pending,
            Some(Step::Ok(_)) | None => Poll::Ready(Ok(())),
            Some(Step::Err(error)) => Poll::Ready(Err(error)),
            Some(Step::Panic) => panic!("poll_ready"),
        }
    }

    fn call(&mut self, request: u8) -> ScriptedFuture {
        self.trace.borrow_mut().push(format!("call {request}"));
        assert!(!self.script.call_panics, "call");
        ScriptedFuture {
            polls: self.script.polls.clone().into_iter(),
            trace: self.trace.clone(),
        }
    }
}

impl Future for ScriptedFuture {
    type Output = Result<u8, u8>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.trace.borrow_mut().push("poll".into());
        match self.polls.next() {
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Ok(value)) => Poll::Ready(Ok(value)),
            Some(Step::Err(error)) => Poll::Ready(Err(error)),
            // A poll after a panic may continue: wrapped and bare must then do the same.
            Some(Step::Panic) => panic!("poll"),
            None => Poll::Ready(Ok(0)),
        }
    }
}

impl Drop for ScriptedFuture {
    fn drop(&mut self) {
        self.trace.borrow_mut().push("drop".into());
    }
}

/// Drives a service through a script as a caller would, and records every observation.
fn drive<S>(mut service: S, script: &Script, trace: &Trace)
where
    S: Service<u8, Response = u8, Error = u8>,
{
    let see = |what: String| trace.borrow_mut().push(what);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..=script.ready.len() {
        match catch_unwind(AssertUnwindSafe(|| service.poll_ready(&mut cx))) {
            Ok(Poll::Ready(Ok(()))) => break,
            seen => see(format!("ready: {:?}", seen.map_err(|panic| said(&*panic)))),
        }
    }
    let future = match catch_unwind(AssertUnwindSafe(|| service.call(7))) {
        Ok(future) => future,
        Err(panic) => return see(format!("call: {}", said(&*panic))),
    };
    let mut future = Box::pin(future);
    for _ in 0..script.patience {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))) {
            Ok(Poll::Pending) => see("pending".into()),
            Ok(Poll::Ready(result)) => {
                see(format!("{result:?}"));
                break;
            }
            Err(panic) => see(format!("panic: {}", said(&*panic))),
        }
    }
    drop(future);
    see("gone".into());
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Returns the trace without the drop of the inner future, which the layer drops as soon as it is ready.
fn run(layer: Option<ActivityLayer>, script: &Script) -> Vec<String> {
    let trace = Trace::default();
    let scripted = Scripted {
        script: script.clone(),
        trace: trace.clone(),
    };
    match layer {
        Some(layer) => drive(layer.layer(scripted), script, &trace),
        None => drive(scripted, script, &trace),
    }
    let mut seen = trace.take();
    let dropped = seen.iter().filter(|what| *what == "drop").count();
    seen.retain(|what| what != "drop");
    seen.push(format!("dropped {dropped}"));
    seen
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Pending),
        2 => any::<u8>().prop_map(Step::Ok),
        2 => any::<u8>().prop_map(Step::Err),
        1 => Just(Step::Panic),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let steps = || prop::collection::vec(step(), 0..5);
    (steps(), prop::bool::weighted(0.1), steps(), 0..7_usize).prop_map(
        |(ready, call_panics, polls, patience)| Script {
            ready,
            call_panics,
            polls,
            patience,
        },
    )
}

/// The expected status of a script's activity: the first end that its caller saw.
fn expected(script: &Script) -> Status {
    if script.call_panics {
        return Status::Failed;
    }
    let polls = script.polls.iter().copied().chain([Step::Ok(0)]);
    for step in polls.take(script.patience) {
        match step {
            Step::Pending => {}
            Step::Ok(_) => return Status::Success,
            Step::Err(_) | Step::Panic => return Status::Failed,
        }
    }
    Status::Cancelled
}

/// Silences panics, which are part of the scripts: their messages would drown the output.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !["poll", "poll_ready", "call"].contains(&said_by(info).as_str()) {
                before(info);
            }
        }));
    });
}

fn said_by(info: &std::panic::PanicHookInfo<'_>) -> String {
    let text = info
        .payload()
        .downcast_ref::<&str>()
        .map(ToString::to_string);
    text.or_else(|| info.payload().downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

proptest! {
    #[test]
    fn a_wrapped_service_behaves_as_the_bare_one_and_each_call_ends_once(scripts in prop::collection::vec(script(), 1..20)) {
        quiet_panics();
        let log = ActivityLog::open(":memory:").unwrap();
        for script in &scripts {
            prop_assert_eq!(run(Some(ActivityLayer::new(&log)), script), run(None, script));
        }
        let rows = rows(&log);
        let ends: Vec<_> = rows.0.iter().map(|row| row.status).collect();
        prop_assert_eq!(ends, scripts.iter().map(expected).collect::<Vec<_>>());
        let counts = log.accounting();
        prop_assert!(counts.adds_up() && counts.activities.open == 0, "{counts:?}");
    }

    #[test]
    fn a_wrapped_service_behaves_as_the_bare_one_whatever_the_store_does(
        scripts in prop::collection::vec(script(), 1..10),
        fault in prop_oneof![Just(Fault::Hang), Just(Fault::Fail), Just(Fault::Panic)],
    ) {
        quiet_panics();
        let store = FaultyStore::new(fault);
        let log = ActivityLog::builder()
            .drop_timeout(Duration::ZERO)
            .flush_interval(Duration::ZERO)
            .open_store(store.clone())
            .unwrap();
        for script in &scripts {
            prop_assert_eq!(run(Some(ActivityLayer::new(&log)), script), run(None, script));
        }
        let counts = log.accounting();
        prop_assert_eq!((counts.activities.ended(), counts.activities.committed), (scripts.len() as u64, 0));
        prop_assert!(counts.adds_up(), "{counts:?}");
        let flushed = log.flush().timeout(Duration::from_millis(1)).wait();
        prop_assert!(flushed.unwrap_err().is_timeout());

        // The store works again: no waiting record is lost.
        store.mend();
        log.flush().wait().unwrap();
        prop_assert_eq!(log.accounting().activities.committed, scripts.len() as u64);
    }
}

#[tokio::test]
async fn a_call_is_one_activity_named_by_its_description() {
    struct Job {
        name: &'static str,
    }
    let log = ActivityLog::open(":memory:").unwrap();
    let mut worker = ServiceBuilder::new()
        .layer(
            ActivityLayer::new(&log)
                .describe(|job: &Job| Describe::job(job.name).project("acme"))
                .classify(|result: &Result<u32, String>| match result {
                    Ok(0) => Outcome::skipped(),
                    Ok(_) => Outcome::success(),
                    Err(error) => Outcome::failed("broken").with_message(error.clone()),
                }),
        )
        .service(service_fn(|job: Job| async move {
            Activity::current().set("seen", true);
            match job.name {
                "empty" => Ok(0),
                "good" => Ok(1),
                _ => Err("no such job".to_owned()),
            }
        }));
    for name in ["empty", "good", "bad"] {
        // The outcome of each is asserted on its activity below.
        let _ = worker.ready().await.unwrap().call(Job { name }).await;
    }
    let rows = rows(&log);
    assert_eq!(rows.names(), ["empty", "good", "bad"]);
    assert_eq!(rows.one("empty").status, Status::Skipped);
    assert_eq!(rows.one("good").status, Status::Success);
    let bad = rows.one("bad");
    assert_eq!(bad.error_type.as_deref(), Some("broken"));
    assert_eq!(bad.message.as_deref(), Some("no such job"));
    assert!(
        rows.0
            .iter()
            .all(|row| row.attributes["seen"] == serde_json::json!(true))
    );
}

#[test]
fn a_call_that_is_dropped_after_its_deadline_is_a_timeout() {
    for (timeout, expected) in [
        (Duration::ZERO, (Status::Failed, Some("timeout"))),
        (Duration::MAX, (Status::Cancelled, None)),
    ] {
        let log = ActivityLog::open(":memory:").unwrap();
        let service = ActivityLayer::new(&log)
            .describe(move |_: &u8| Describe::job("slow").timeout(timeout))
            .layer(service_fn(|_: u8| std::future::pending::<Result<u8, ()>>()));
        let mut call = Box::pin(service.oneshot(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        drop(call);
        let row = rows(&log).one("slow");
        assert_eq!((row.status, row.error_type.as_deref()), expected);
    }
}

#[tokio::test]
async fn a_describe_that_panics_loses_the_record_not_the_call() {
    quiet_panics();
    let log = ActivityLog::open(":memory:").unwrap();
    let service = ActivityLayer::new(&log)
        .describe(|_: &u8| -> Describe { panic!("call") })
        .classify(|_: &Result<u8, ()>| -> Outcome { panic!("call") })
        .layer(service_fn(|n: u8| async move { Ok::<_, ()>(n + 1) }));
    assert_eq!(service.oneshot(1).await, Ok(2));
    let row = rows(&log).one("u8");
    assert_eq!(row.error_type.as_deref(), Some("classifier_panic"));
    assert_eq!(row.attributes["activity.panicked_rule"], "describe");
}

#[tokio::test]
async fn a_request_can_carry_a_handle_to_code_that_the_current_activity_does_not_reach() {
    #[derive(Clone)]
    struct Carries;
    impl DescribeRequest<Option<Activity>> for Carries {
        fn describe(&self, _: &Option<Activity>) -> Describe {
            Describe::job("outer")
        }
        fn inject(&self, request: &mut Option<Activity>, activity: &Activity) {
            *request = Some(activity.clone());
        }
    }
    let log = ActivityLog::open(":memory:").unwrap();
    let inner = log.clone();
    let service = ActivityLayer::new(&log)
        .describe_with(Carries)
        .layer(service_fn(move |carried: Option<Activity>| {
            let log = inner.clone();
            async move {
                let task = tokio::spawn(async move {
                    log.start(Describe::job("inner").parent(&carried.unwrap()))
                        .end(Outcome::success());
                });
                task.await
            }
        }));
    service.oneshot(None).await.unwrap();
    let rows = rows(&log);
    assert_eq!(rows.one("inner").parent, Some(rows.one("outer").id));
}

#[test]
fn a_record_that_the_store_refuses_does_not_hold_back_the_others() {
    let store = FaultyStore::new(Fault::Refuse("poison"));
    let log = ActivityLog::builder().open_store(store).unwrap();
    for i in 0..100 {
        let name = if i == 63 { "poison" } else { "good" };
        log.start(Describe::job(name)).end(Outcome::success());
    }
    log.flush().wait().unwrap();
    let counts = log.accounting();
    assert_eq!(
        (
            counts.activities.committed,
            counts.activities.lost_refused,
            counts.activities.waiting
        ),
        (99, 1, 0)
    );
    assert!(counts.adds_up());
    assert_eq!(rows(&log).0.len(), 99);
}

#[test]
fn memory_is_bounded_and_records_that_do_not_fit_are_counted() {
    let store = FaultyStore::new(Fault::Hang);
    let log = ActivityLog::builder()
        .memory_limit(256 << 10)
        .drop_timeout(Duration::ZERO)
        .open_store(store.clone())
        .unwrap();
    for _ in 0..5_000 {
        let running = log.start(Describe::job("much"));
        running.set("text", "x".repeat(100));
        running.end(Outcome::success());
    }
    let counts = log.accounting();
    assert!(
        counts.activities.rejected_memory > 4_000 && counts.activities.ended() > 100,
        "{counts:?}"
    );
    assert!(counts.adds_up());
    store.mend();
    log.flush().wait().unwrap();
    log.start(Describe::job("after")).end(Outcome::success());
    let rows = rows(&log);
    assert_eq!(rows.one("after").status, Status::Success);
    assert_eq!(
        rows.0.len() as u64,
        log.accounting().activities.committed.min(1_000)
    );
}

#[test]
fn a_log_can_be_cloned_and_shared() {
    fn shared<T: Clone + Send + Sync + std::panic::UnwindSafe + std::fmt::Debug>(_: &T) {}
    let log = ActivityLog::disabled();
    shared(&log);
    shared(&Activity::current());
    shared(&ActivityLayer::new(&log).layer(Arc::new(())));
}
