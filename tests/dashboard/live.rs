//! A live recording, advanced step by step over HTTP.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use chrono::Utc;
use serde_json::Value;
use tokio::sync::Mutex;
use tower_activity::{
    Describe, Outcome,
    activity::ActivityGuard,
    recording::{Chunk, Recording, Stream},
};

use crate::{session, shown::Shown};

struct Session {
    activity: ActivityGuard,
    recording: Recording,
    lines: u64,
}

impl Session {
    fn append(&self, tab: &str, events: &[Value]) {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let chunk = Chunk::new(format!("{}\n", lines.join("\n")));
        self.recording
            .append(chunk.track(tab.to_owned()).events(lines.len() as u64));
    }
}

type Shared = Arc<(Shown, Mutex<Option<Session>>)>;

/// Controls of the session: `/begin` returns the activity's ID, `/grow` adds a line, `/tab` opens a second tab, `/end` ends
/// it. Each responds once it is committed.
pub(crate) fn control(shown: Shown) -> Router {
    Router::new()
        .route("/begin", get(begin))
        .route("/grow", get(grow))
        .route("/tab", get(tab))
        .route("/end", get(end))
        .with_state(Arc::new((shown, Mutex::default())))
}

async fn begin(State(shared): State<Shared>) -> String {
    let (shown, session) = &*shared;
    let activity = shown.log.start(
        Describe::tool("live_shop")
            .brand("amazon")
            .project("acme-shop"),
    );
    let id = activity.id().unwrap();
    let recording = activity.attach(Stream::new("rrweb")).await;
    let begun = Session {
        activity,
        recording,
        lines: 0,
    };
    begun.append("tab 1", &session::page("Live shop", Utc::now()));
    *session.lock().await = Some(begun);
    // A running activity is listed after a flush interval.
    let mut reader = shown.reader();
    while reader.activity(id).unwrap().is_none() {
        shown.settle().await;
    }
    id.to_string()
}

async fn grow(State(shared): State<Shared>) {
    let (shown, session) = &*shared;
    if let Some(session) = &mut *session.lock().await {
        session.lines += 1;
        let looked = format!("looked at table no. {}", session.lines);
        session.activity.event("looked").summary(looked).record();
        session.append("tab 1", &[session::line(session.lines - 1, Utc::now())]);
    }
    shown.settle().await;
}

async fn tab(State(shared): State<Shared>) {
    let (shown, session) = &*shared;
    if let Some(session) = &*session.lock().await {
        session.append("tab 2", &session::page("Checkout", Utc::now()));
    }
    shown.settle().await;
}

async fn end(State(shared): State<Shared>) {
    let (shown, session) = &*shared;
    if let Some(session) = session.lock().await.take() {
        session.recording.stop().await;
        session.activity.end(Outcome::success());
    }
    shown.settle().await;
}
