//! Records of an attacker: markup and scripts in every field.

use chrono::Utc;
use serde_json::json;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Capture,
    recording::{Chunk, Stream},
};

/// If it runs, it sets a variable in the top window.
const MARKUP: &str = "\"><img src=x onerror=\"top.owned=1\"><svg onload=\"top.owned=1\"><script>top.owned=1</script>";
const SCRIPT: &str = "javascript:top.owned=1";

/// Records markup and scripts in every field.
pub(crate) async fn write(log: &ActivityLog) {
    let describe = Describe::tool(format!("hostile{MARKUP}"))
        .project(MARKUP)
        .agent(MARKUP)
        .actor(MARKUP)
        .brand(MARKUP)
        .session(MARKUP)
        .attribute("url", SCRIPT)
        .attribute("page", MARKUP);
    let call = log.start(describe);
    call.set_input(&json!({MARKUP: MARKUP, "url": SCRIPT}), Capture::Full);
    call.set_output(&MARKUP, Capture::Full);
    call.event(format!("hostile{MARKUP}"))
        .project(MARKUP)
        .summary(MARKUP)
        .reference(SCRIPT)
        .data(json!({MARKUP: MARKUP}))
        .record();
    let recording = call.attach(Stream::new("rrweb")).await;
    let events: Vec<String> = page().iter().map(ToString::to_string).collect();
    let chunk = Chunk::new(events.join("\n")).track(MARKUP.to_owned());
    recording.append(chunk.events(events.len() as u64));
    call.end(Outcome::failed(MARKUP).with_message(MARKUP));
    log.flush().await.unwrap();
}

/// A recorded page with scripts, event handlers, frames and resources of other hosts.
fn page() -> Vec<serde_json::Value> {
    let at = Utc::now().timestamp_millis();
    let element = |id: u64,
                   tag: &str,
                   attributes: serde_json::Value,
                   children: serde_json::Value| {
        json!({"type": 2, "tagName": tag, "attributes": attributes, "childNodes": children, "id": id})
    };
    let text = |id: u64, text: &str| json!({"type": 3, "textContent": text, "id": id});
    let body = json!([
        text(20, "A foreign page"),
        element(21, "script", json!({}), json!([text(22, "top.owned=1")])),
        element(
            23,
            "script",
            json!({"src": "https://evil.example/x.js"}),
            json!([])
        ),
        element(
            24,
            "img",
            json!({"src": "x", "onerror": "top.owned=1"}),
            json!([])
        ),
        element(25, "iframe", json!({"srcdoc": MARKUP}), json!([])),
        element(26, "iframe", json!({"src": SCRIPT}), json!([])),
        element(
            27,
            "a",
            json!({"href": SCRIPT, "onmouseover": "top.owned=1"}),
            json!([text(28, "a link")])
        ),
        element(
            29,
            "img",
            json!({"src": "https://evil.example/x.png"}),
            json!([])
        ),
        element(
            30,
            "form",
            json!({"action": "https://evil.example/"}),
            json!([])
        ),
        element(
            31,
            "meta",
            json!({"http-equiv": "refresh", "content": "0;url=https://evil.example/"}),
            json!([])
        ),
        element(
            32,
            "base",
            json!({"href": "https://evil.example/"}),
            json!([])
        ),
        element(33, "object", json!({"data": SCRIPT}), json!([])),
    ]);
    let style =
        "@import url(https://evil.example/x.css); body{background:url(https://evil.example/y.png)}";
    let head = json!([element(5, "style", json!({"_cssText": style}), json!([]))]);
    let parts = json!([
        element(4, "head", json!({}), head),
        element(6, "body", json!({"onload": "top.owned=1"}), body)
    ]);
    let document =
        json!({"type": 0, "childNodes": [element(3, "html", json!({}), parts)], "id": 1});
    vec![
        json!({"type": 4, "timestamp": at, "data": {"href": SCRIPT, "width": 800, "height": 500}}),
        json!({"type": 2, "timestamp": at + 10, "data": {"node": document, "initialOffset": {"left": 0, "top": 0}}}),
        json!({"type": 5, "timestamp": at + 500, "data": {"tag": MARKUP, "payload": {}}}),
    ]
}
