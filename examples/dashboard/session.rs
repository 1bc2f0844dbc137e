//! A simulated browser session, as rrweb's recorder emits it: a shop with a search and an order.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    recording::{Chunk, Stream},
    testing::ManualClock,
};

const STYLE: &str = "body{font:16px system-ui;margin:0;background:#f6f7f9;color:#1d2430}header{background:#1f4f46;\
color:#fff;padding:20px 32px;font-size:22px}main{padding:32px}input{font:inherit;padding:10px;width:340px}.hit{background:#fff;\
border:1px solid #dde1e7;border-radius:8px;padding:16px 20px;margin:14px 0}";

/// Records a session of 24 seconds, with the calls that were made in it.
pub(crate) async fn record(log: &ActivityLog, clock: &ManualClock) {
    let order = Describe::tool("amazon_order")
        .brand("amazon")
        .project("acme-shop")
        .agent("claude");
    let order = log.start(order.actor("ann@acme.example").session("session-shop"));
    let start = DateTime::from_timestamp_millis(
        order
            .id()
            .map_or(0, |id| id.started_at().timestamp_millis()),
    );
    let start = start.unwrap_or_else(Utc::now);
    let stream = order.attach(Stream::new("rrweb")).await;
    for (tab, title) in [("tab 1", "Shop"), ("tab 2", "Order")] {
        let lines: Vec<String> = events(title, start).iter().map(Value::to_string).collect();
        let chunk = Chunk::new(format!("{}\n", lines.join("\n")))
            .track(tab)
            .events(lines.len() as u64);
        stream.append(chunk.between(start, start + TimeDelta::seconds(24)));
    }
    for (step, seconds, outcome) in [
        ("amazon_search", 8, Outcome::success()),
        (
            "amazon_pay",
            9,
            Outcome::failed("denied").with_message("the card was refused"),
        ),
        ("amazon_pay", 7, Outcome::success()),
    ] {
        let call = log.start(Describe::tool(step).brand("amazon").parent(&order));
        order
            .event("page_opened")
            .summary(format!("opened the page of `{step}`"))
            .record();
        clock.advance(Duration::from_secs(seconds));
        call.end(outcome);
    }
    order.end(Outcome::success());
}

/// A page whose list grows every two seconds.
fn events(title: &str, start: DateTime<Utc>) -> Vec<Value> {
    let mut events = page(title, start);
    events.extend((0..11).map(|n| line(n, start + TimeDelta::seconds(2 + 2 * n as i64))));
    events
}

/// The page as it is at first: a heading, and no line yet.
pub(crate) fn page(title: &str, at: DateTime<Utc>) -> Vec<Value> {
    let at = at.timestamp_millis();
    let element = |id: u64, tag: &str, children: Vec<Value>| json!({"type": 2, "tagName": tag, "attributes": {}, "childNodes": children, "id": id});
    let text = |id: u64, text: &str| json!({"type": 3, "textContent": text, "id": id});
    let style = json!({"type": 2, "tagName": "style", "attributes": {"_cssText": STYLE}, "childNodes": [], "id": 5});
    let page = vec![
        element(7, "header", vec![text(8, title)]),
        element(
            9,
            "main",
            vec![element(10, "h1", vec![text(11, "Oak tables")])],
        ),
    ];
    let html = element(
        3,
        "html",
        vec![element(4, "head", vec![style]), element(6, "body", page)],
    );
    let document = json!({"type": 0, "childNodes": [html], "id": 1});
    vec![
        json!({"type": 4, "timestamp": at, "data": {"href": "https://amazon.example/", "width": 1024, "height": 640}}),
        json!({"type": 2, "timestamp": at + 10, "data": {"node": document, "initialOffset": {"left": 0, "top": 0}}}),
    ]
}

/// One more line, the first with the number 0.
pub(crate) fn line(n: u64, at: DateTime<Utc>) -> Value {
    let id = 20 + 2 * n;
    let line = json!({"type": 2, "tagName": "div", "attributes": {"class": "hit"}, "childNodes": [], "id": id});
    let text = format!("Oak table no. {}, solid, 249.50", n + 1);
    let text = json!({"type": 3, "textContent": text, "id": id + 1});
    let adds = json!([
        {"parentId": 9, "nextId": null, "node": line},
        {"parentId": id, "nextId": null, "node": text},
    ]);
    let data = json!({"source": 0, "texts": [], "attributes": [], "removes": [], "adds": adds});
    json!({"type": 3, "timestamp": at.timestamp_millis(), "data": data})
}
