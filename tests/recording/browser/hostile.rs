//! A DevTools endpoint that sends without end: what is kept is bounded, and what is dropped is counted.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_tungstenite::{accept_async, tungstenite::Message};
use tower_activity::{Describe, Outcome, record::RecordingStatus, recording::Browser};

use crate::browser::{contains, ended, patient_log, recording_when, wait_until};

/// Pages and iframes recorded at once, and contexts tracked in each.
const MAX_TABS: u64 = 256;
const MAX_CONTEXTS: u64 = 256;

/// Answers every call, and sends the messages of `flood` once the recorder attaches to pages. They receive the name of the
/// binding, which the recorder adds to the first page.
async fn serve(listener: TcpListener, flood: impl FnOnce(&str) -> Vec<String> + Send) {
    let (stream, _) = listener.accept().await.unwrap();
    let (mut out, mut calls) = accept_async(stream).await.unwrap().split();
    let (messages, mut queue) = mpsc::unbounded_channel();
    let sending = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            if out.send(Message::text(message)).await.is_err() {
                return;
            }
        }
    });
    let mut flood = Some(flood);
    while let Some(Ok(Message::Text(call))) = calls.next().await {
        let call: Value = serde_json::from_str(&call).unwrap();
        messages
            .send(json!({"id": call["id"], "result": {}}).to_string())
            .unwrap();
        match call["method"].as_str() {
            Some("Target.setAutoAttach") if call["sessionId"].is_null() => {
                messages.send(attached("s0", "t0")).unwrap();
            }
            Some("Runtime.addBinding") => {
                let binding = call["params"]["name"].as_str().unwrap();
                let flood = flood.take().map(|flood| flood(binding));
                for message in flood.into_iter().flatten() {
                    messages.send(message).unwrap();
                }
            }
            _ => {}
        }
    }
    drop(messages);
    sending.await.unwrap();
}

fn attached(session: &str, target: &str) -> String {
    let info =
        json!({"targetId": target, "type": "page", "title": "", "url": "", "attached": true});
    let params = json!({"sessionId": session, "targetInfo": info, "waitingForDebugger": false});
    json!({"method": "Target.attachedToTarget", "params": params}).to_string()
}

fn event(method: &str, params: &Value) -> String {
    json!({"method": method, "params": params, "sessionId": "s0"}).to_string()
}

fn context(id: u64, unique_id: &str) -> String {
    let aux = json!({"isDefault": true, "type": "default", "frameId": format!("f{id}")});
    let context =
        json!({"id": id, "origin": "", "name": "", "uniqueId": unique_id, "auxData": aux});
    event(
        "Runtime.executionContextCreated",
        &json!({"context": context}),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_stream_of_targets_contexts_and_garbage_is_bounded_and_counted() {
    const CONTEXTS: u64 = 5_000;
    const TARGETS: u64 = 600;
    let flood = |binding: &str| {
        let long = "x".repeat(100_000);
        let mut messages: Vec<String> = (0..CONTEXTS).map(|n| context(n, &n.to_string())).collect();
        messages.extend((1..TARGETS).map(|n| attached(&format!("s{n}"), &format!("t{n}"))));
        // Three messages that are malformed, or have IDs of any length.
        messages.push("{".repeat(100_000));
        messages.push(context(1, &long));
        messages.push(attached(&long, "t"));
        // One with many values in fields that are not read, and events that are of no interest.
        let args = json!({"args": vec![json!([]); 100_000], "context": "console"});
        messages.push(event("Runtime.consoleAPICalled", &args));
        messages.extend((0..CONTEXTS).map(|n| event("Page.lifecycleEvent", &json!({"n": n}))));
        let payload = "made-up 0 1 2\n{\"type\":5,\"timestamp\":1,\"data\":{\"tag\":\"after;\"}}\n";
        let params = json!({"name": binding, "payload": payload, "executionContextId": 0});
        messages.push(event("Runtime.bindingCalled", &params));
        messages
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(listener, flood));

    let log = patient_log();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let recording = call.attach(Browser::at(address)).await;
    assert!(recording.outcome().is_ok(), "{recording:?}");
    wait_until(|| contains(&log, id, "after;")).await;
    drop(recording);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let dropped = (CONTEXTS - MAX_CONTEXTS) + (TARGETS - MAX_TABS) + 3;
    assert_eq!(
        (recording.status, recording.lost, recording.events),
        (RecordingStatus::Lost, dropped, 1)
    );
    serving.await.unwrap();
}
