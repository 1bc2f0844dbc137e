//! Whatever a browser sends over DevTools, and a page hands over, the recorder lives on: an event after it is recorded, what
//! was recorded is the JSON that a player takes, and events and losses add up.
//!
//! Each line of an input is a message of the browser, or after `!` what a page hands over, its line feeds written as `\`.
#![no_main]

use std::{cell::RefCell, time::Duration};

use futures_util::{SinkExt, StreamExt, future::join};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use tower_activity::{ActivityLog, Describe, Outcome, record::RecordingStatus, recording::Browser};

/// The recordings of one log, so that its memory is bounded.
const MOST: u32 = 1_000;
/// The last page hands this over.
const LAST: &str = "fuzz 0 1 2\n{\"type\":5,\"timestamp\":1,\"data\":{\"tag\":\"fuzz-last\"}}\n";
const LAST_SESSION: &str = "the last session";
/// What each step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

struct World {
    runtime: Runtime,
    log: ActivityLog,
    used: u32,
}

thread_local!(static WORLD: RefCell<Option<World>> = const { RefCell::new(None) });

fuzz_target!(|text: &str| {
    WORLD.with_borrow_mut(|current| {
        if current.as_ref().is_none_or(|world| world.used >= MOST) {
            *current = Some(World {
                runtime: Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime"),
                log: ActivityLog::open(":memory:").expect("a store in memory opens"),
                used: 0,
            });
        }
        let world = current.as_mut().expect("it was just made");
        world.used += 1;
        let World { runtime, log, .. } = &*world;
        runtime.block_on(async {
            let recorded = timeout(PATIENCE, record(log, text)).await;
            recorded.expect("it takes too long");
        });
    });
});

/// Records a browser that sends the lines of a text.
async fn record(log: &ActivityLog, text: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("ws://{}/", listener.local_addr().expect("an address"));
    let call = log.start(Describe::tool("shop"));
    let (attached, is_attached) = oneshot::channel();
    let serving = async {
        let (stream, _) = listener.accept().await.expect("a recorder");
        let socket = accept_async(stream).await.expect("a recorder");
        serve(socket, text, is_attached).await;
    };
    let attaching = async {
        let recording = call.attach(Browser::at(address)).await;
        // The recording goes on until the browser is gone.
        let _ = attached.send(());
        recording
    };
    let ((), recording) = join(serving, attaching).await;
    let id = recording.id().expect("it is recorded");
    let mut reader = log.reader().expect("it is read");
    let record = loop {
        log.flush().await.expect("it commits");
        match reader.recording(id).expect("it is read") {
            Some(record) if record.status != RecordingStatus::Recording => break record,
            _ => tokio::task::yield_now().await,
        }
    };
    drop(recording);
    call.end(Outcome::success());
    let (mut events, mut last) = (0, false);
    for track in &record.tracks {
        let mut out = Vec::new();
        let damaged = reader.export(id, track, &mut out).expect("it is exported");
        assert_eq!(damaged, 0);
        let parsed: Vec<&RawValue> = serde_json::from_slice(&out).expect("a player takes it");
        events += parsed.len() as u64;
        last |= parsed
            .iter()
            .any(|event| event.get().contains("\"fuzz-last\""));
    }
    assert_eq!(events, record.events, "{record:?}");
    assert!(last, "the last event is missing: {record:?}");
}

/// Answers every call. Sends the lines to the recorder once it has a page, and then an event of another page. Goes once the
/// recorder has attached to all pages.
async fn serve(
    mut socket: WebSocketStream<TcpStream>,
    text: &str,
    mut is_attached: oneshot::Receiver<()>,
) {
    let mut attached = false;
    let mut is_done = false;
    while !(attached && is_done) {
        let call = tokio::select! {
            _ = &mut is_attached, if !attached => {
                attached = true;
                continue;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(call))) => call,
                Some(Ok(_)) => continue,
                _ => return,
            },
        };
        let call: Value = serde_json::from_str(&call).expect("a recorder sends JSON");
        let method = call["method"].as_str().unwrap_or_default();
        let session = call["sessionId"].as_str().unwrap_or_default();
        let mut messages = vec![json!({"id": call["id"], "result": {}}).to_string()];
        let binding = call["params"]["name"].as_str().unwrap_or_default();
        match (method, session) {
            ("Target.setAutoAttach", "") => messages.push(page("s0")),
            ("Runtime.addBinding", "s0") => {
                messages.extend(text.lines().map(|line| match line.strip_prefix('!') {
                    Some(payload) => handed_over("s0", binding, &payload.replace('\\', "\n")),
                    None => line.to_owned(),
                }));
                messages.push(page(LAST_SESSION));
            }
            ("Runtime.addBinding", LAST_SESSION) => {
                messages.push(handed_over(LAST_SESSION, binding, LAST));
            }
            // The last call about a new page.
            ("Runtime.runIfWaitingForDebugger", LAST_SESSION) => is_done = true,
            _ => {}
        }
        for message in messages {
            if socket.send(Message::text(message)).await.is_err() {
                return;
            }
        }
    }
    // A connection that is dropped before the other side has read everything loses messages.
    if socket.close(None).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}

/// A page to which the browser has attached.
fn page(session: &str) -> String {
    let info = json!({"targetId": format!("page of {session}"), "type": "page"});
    let params = json!({"sessionId": session, "targetInfo": info});
    json!({"method": "Target.attachedToTarget", "params": params}).to_string()
}

/// A call of the binding.
fn handed_over(session: &str, binding: &str, payload: &str) -> String {
    let params = json!({"name": binding, "payload": payload, "executionContextId": 0});
    json!({"method": "Runtime.bindingCalled", "sessionId": session, "params": params}).to_string()
}
