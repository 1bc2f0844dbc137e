//! Simulated recordings: browser sessions as rrweb's recorder emits them, of one call and of several, and a terminal.

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

/// Records a browser session that lives across four calls, with input, clicks and messages on the console.
pub(crate) async fn record_shared(log: &ActivityLog, clock: &ManualClock) {
    let describe = |name: &'static str| {
        let call = Describe::tool(name).brand("etsy").project("acme-shop");
        call.agent("gemini")
            .actor("bo@acme.example")
            .session("session-checkout")
    };
    let login = log.start(describe("shop_login"));
    let start = login.id().map_or_else(Utc::now, |id| id.started_at());
    let start = DateTime::from_timestamp_millis(start.timestamp_millis()).unwrap_or(start);
    let session = login.attach(Stream::new("rrweb")).await;
    let text: String = shared_events(start)
        .iter()
        .map(|event| format!("{event}\n"))
        .collect();
    let events = text.lines().count() as u64;
    session.append(Chunk::new(text).track("tab 1").events(events));
    clock.advance(Duration::from_secs(6));
    login.end(Outcome::success());
    for (name, seconds, outcome) in [
        ("shop_search", 7, Outcome::success()),
        ("shop_add_to_cart", 5, Outcome::success()),
        (
            "shop_check_out",
            9,
            Outcome::failed("denied").with_message("the card was refused"),
        ),
    ] {
        clock.advance(Duration::from_secs(2));
        let call = log.start(describe(name));
        session.link(&call);
        call.event("page_opened")
            .summary(format!("opened the page of `{name}`"))
            .record();
        clock.advance(Duration::from_secs(seconds));
        call.end(outcome);
    }
    session.stop().await;
}

/// 33 seconds in a shop.
fn shared_events(start: DateTime<Utc>) -> Vec<Value> {
    let at = |seconds: f64| start + TimeDelta::milliseconds((1_000.0 * seconds) as i64);
    let event = |kind: u64, seconds: f64, data: Value| json!({"type": kind, "timestamp": at(seconds).timestamp_millis(), "data": data});
    let control = |seconds: f64, id: u64, tag: &str, attributes: Value, text: &str| {
        let node = json!({"type": 2, "tagName": tag, "attributes": attributes, "childNodes": [], "id": id});
        let inner = json!({"type": 3, "textContent": text, "id": id + 1});
        let adds = json!([{"parentId": 9, "nextId": null, "node": node}, {"parentId": id, "nextId": null, "node": inner}]);
        event(
            3,
            seconds,
            json!({"source": 0, "texts": [], "attributes": [], "removes": [], "adds": adds}),
        )
    };
    let click = |seconds: f64, id: u64| {
        event(
            3,
            seconds,
            json!({"source": 2, "type": 2, "id": id, "x": 60, "y": 200}),
        )
    };
    let console = |seconds: f64, level: &str, text: &str| {
        let payload =
            json!({"level": level, "payload": [Value::from(text).to_string()], "trace": []});
        event(
            6,
            seconds,
            json!({"plugin": "rrweb/console@1", "payload": payload}),
        )
    };
    let mut events = page("Sign in", start);
    events.extend([
        control(0.4, 100, "input", json!({"placeholder": "E-mail"}), ""),
        control(0.5, 102, "button", json!({}), "Sign in"),
        event(
            3,
            2.2,
            json!({"source": 5, "text": "***", "isChecked": false, "id": 100}),
        ),
        event(
            3,
            2.6,
            json!({"source": 5, "text": "*******", "isChecked": false, "id": 100}),
        ),
        click(4.5, 102),
    ]);
    events.extend(page("Shop", at(5.0)));
    events.push(console(5.2, "info", "signed in"));
    events.extend((0..4).map(|n| line(n, at(9.0 + n as f64))));
    events.extend([
        control(13.0, 120, "button", json!({}), "Add to cart"),
        click(18.4, 120),
        control(
            25.0,
            130,
            "button",
            json!({"aria-label": "Pay 249.50"}),
            "Pay",
        ),
        click(28.3, 130),
        console(29.1, "error", "POST /payments: 402 Payment Required"),
    ]);
    events.extend(page("The card was refused", at(29.4)));
    events
}

/// Records a terminal: a test run of 12 seconds.
pub(crate) async fn record_terminal(log: &ActivityLog, clock: &ManualClock) {
    let job = log.start(Describe::job("run_tests").project("orchard").agent("codex"));
    let recording = job.attach(Stream::new("asciicast")).await;
    let header = json!({"version": 2, "width": 80, "height": 16, "title": "cargo test"});
    let green = |text: &str| format!("\u{1b}[1;32m{text}\u{1b}[0m");
    let mut lines = vec![header];
    let mut output = |seconds: f64, text: String| lines.push(json!([seconds, "o", text]));
    output(
        0.2,
        format!(
            "$ cargo test\r\n{} orchard v0.3.1\r\n",
            green("   Compiling")
        ),
    );
    for n in 1..=8 {
        let name = ["prune", "water", "graft", "harvest"][n % 4];
        let result = if n == 6 {
            "\u{1b}[1;31mFAILED\u{1b}[0m".to_owned()
        } else {
            green("ok")
        };
        output(
            1.0 + n as f64,
            format!("test {name}::case_{n} ... {result}\r\n"),
        );
    }
    output(
        11.5,
        "\r\ntest result: \u{1b}[1;31mFAILED\u{1b}[0m. 7 passed; 1 failed\r\n".to_owned(),
    );
    lines.push(json!([11.8, "m", "end of the run"]));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    recording.append(Chunk::new(text).events(lines.len() as u64));
    clock.advance(Duration::from_secs(12));
    recording.stop().await;
    job.end(Outcome::failed("tool_error").with_message("1 of 8 tests failed"));
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
