//! Traces of activities: their own, or their caller's.

use std::{convert::Infallible, sync::Once};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, InActivity, Outcome, Status,
    layer::PropagateLayer,
    query::ActivityReader,
    record::{SpanId, TraceContext, TraceId},
};
use tracing::Span;
use tracing_subscriber::registry;

use crate::support::{self, after_commit, rows};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-01";

/// Installs a global subscriber, so that spans exist in every test. One of a single thread does not suffice: if another
/// thread without a subscriber reaches a callsite first, `tracing` caches that none is interested.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(registry()).unwrap());
}

fn context(traceparent: &str) -> TraceContext {
    TraceContext::parse(traceparent, Some("congo=t61rcWkgMzE")).unwrap()
}

#[test]
fn a_tree_is_a_trace_of_its_own() {
    listen();
    let log = ActivityLog::open(":memory:").unwrap();
    log.start(Describe::job("outer")).run(|| {
        log.start(Describe::job("inner")).end(Outcome::success());
    });
    let rows = rows(&log);
    let (outer, inner) = (rows.one("outer"), rows.one("inner"));
    assert_eq!(outer.trace_id, TraceId::from_root(outer.id));
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(inner.span_id, SpanId::from_activity(inner.id));
    assert_ne!(inner.span_id, outer.span_id);
    assert_eq!((outer.remote_parent, inner.remote_parent), (None, None));
}

#[test]
fn the_callers_trace_is_continued() {
    listen();
    let log = ActivityLog::open(":memory:").unwrap();
    let asked = Describe::job("outer").remote_parent(context(PARENT));
    log.start(asked).run(|| {
        log.start(Describe::job("inner")).end(Outcome::success());
        // The caller of the tool sends the context of the request's caller.
        let again = Describe::job("again").remote_parent(context(PARENT));
        log.start(again).end(Outcome::success());
        let other = Describe::job("other").remote_parent(context(OTHER));
        log.start(other).end(Outcome::success());
    });
    let rows = rows(&log);
    for row in &rows.0 {
        assert_eq!(row.trace_id, context(PARENT).trace_id(), "{}", row.name);
        assert_eq!(row.span_id, SpanId::from_activity(row.id));
    }
    let caller = Some(context(PARENT).span_id());
    assert_eq!(rows.one("outer").remote_parent, caller);
    assert_eq!(rows.one("inner").remote_parent, None);
    assert_eq!(rows.one("again").remote_parent, caller);
    let other = rows.one("other");
    assert_eq!(other.remote_parent, None);
    assert_eq!(other.attributes["trace.link"], OTHER);
}

#[test]
fn a_running_and_an_abandoned_activity_have_their_trace() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let log = ActivityLog::open(&store).unwrap();
    let running = log.start(Describe::job("outer").remote_parent(context(PARENT)));
    for status in [Status::Running, Status::Abandoned] {
        if status == Status::Abandoned {
            log.shutdown().wait().unwrap();
        }
        let row = after_commit(|| {
            let _ = log.flush().wait();
            let mut reader = ActivityReader::open(&store).unwrap();
            let tree = reader.tree(running.id().unwrap()).unwrap();
            tree.into_iter().find(|row| row.status == status)
        });
        assert_eq!(row.trace_id, context(PARENT).trace_id());
        assert_eq!(row.remote_parent, Some(context(PARENT).span_id()));
    }
}

/// Returns the context that a client in the current activity sends, if its request has this one already.
fn sent(said: Option<&str>) -> (Option<String>, Option<String>) {
    let client = service_fn(async |request: Request<()>| {
        let header = |name| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        Ok::<_, Infallible>((header("traceparent"), header("tracestate")))
    });
    let mut request = Request::new(());
    if let Some(said) = said {
        request
            .headers_mut()
            .insert("traceparent", said.parse().unwrap());
    }
    let answer = PropagateLayer::new().layer(client).oneshot(request);
    let current = Activity::current();
    support::block_on(answer.in_activity(&current)).unwrap()
}

#[test]
fn a_client_propagates_the_current_trace() {
    listen();
    let log = ActivityLog::open(":memory:").unwrap();
    assert_eq!(sent(None), (None, None), "outside of any activity");
    let mut own = log.start(Describe::job("own"));
    let id = own.id().unwrap();
    let (parent, state) = own.enter(|| sent(None));
    let expected = format!(
        "00-{}-{}-01",
        TraceId::from_root(id),
        SpanId::from_activity(id)
    );
    assert_eq!((parent, state), (Some(expected), None));
    assert_eq!(own.enter(|| sent(Some(OTHER))).0.as_deref(), Some(OTHER));

    let mut asked = log.start(Describe::job("asked").remote_parent(context(PARENT)));
    asked.enter(|| {
        let mut inner = log.start(Describe::job("inner"));
        let span = SpanId::from_activity(inner.id().unwrap());
        let (parent, state) = inner.enter(|| sent(None));
        let trace = context(PARENT).trace_id();
        // The caller's trace, our span, the caller's flags and state.
        assert_eq!(parent, Some(format!("00-{trace}-{span}-00")));
        assert_eq!(state.as_deref(), Some("congo=t61rcWkgMzE"));
    });
}

#[tokio::test]
async fn the_headers_of_a_request_name_its_trace() {
    listen();
    let log = ActivityLog::open(":memory:").unwrap();
    let app =
        service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let app = ActivityLayer::http(&log).layer(app);
    let request = Request::builder()
        .header("traceparent", PARENT)
        .header("tracestate", "congo=t61rcWkgMzE");
    let answer = app.oneshot(request.body(String::new()).unwrap()).await;
    drop(answer);
    let row = rows(&log).one("GET");
    assert_eq!(row.trace_id, context(PARENT).trace_id());
    assert_eq!(row.remote_parent, Some(context(PARENT).span_id()));
}

#[test]
fn work_run_in_an_activity_is_in_its_span() {
    listen();
    let log = ActivityLog::open(":memory:").unwrap();
    let mut running = log.start(Describe::job("outer"));
    let span = running.enter(|| Span::current().id());
    assert!(span.is_some());
    let outside = tracing::info_span!("elsewhere");
    let activity = Activity::clone(&running);
    let found = outside.in_scope(|| activity.enter(|| Span::current().id()));
    assert_eq!(found, span);
    let taken = outside.in_scope(|| async { Span::current().id() }.in_activity(&activity));
    assert_eq!(support::block_on(taken), span);
    // A span that the code has opened is closer.
    let nearer = running.enter(|| {
        let nearer = tracing::info_span!("nearer");
        let found = nearer.in_scope(|| Activity::current().enter(|| Span::current().id()));
        (found, nearer.id())
    });
    assert_eq!(nearer.0, nearer.1);
    running.end(Outcome::success());
    // That span no longer exists.
    let found = outside.in_scope(|| activity.enter(|| Span::current().id()));
    assert_eq!(found, outside.id());
}
