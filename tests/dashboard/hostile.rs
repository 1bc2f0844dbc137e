//! Records of an attacker: markup and scripts in every field, and a page that refers to another host in every way.

use std::net::SocketAddr;

use chrono::Utc;
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Capture,
    recording::{Chunk, Stream},
};

/// If it runs, it sets a variable in the top window.
const MARKUP: &str = "\"><img src=x onerror=\"top.owned=1\"><svg onload=\"top.owned=1\"><script>top.owned=1</script>";
const SCRIPT: &str = "javascript:top.owned=1";

/// Records markup and scripts in every field.
///
/// The recorded page refers to the host `elsewhere`, and to names below `evil.example`.
pub(crate) async fn write(log: &ActivityLog, elsewhere: SocketAddr) {
    terminal(log).await;
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
    let events: Vec<String> = page(elsewhere).iter().map(ToString::to_string).collect();
    let chunk = Chunk::new(events.join("\n")).track(MARKUP.to_owned());
    recording.append(chunk.events(events.len() as u64));
    call.end(Outcome::failed(MARKUP).with_message(MARKUP));
    log.flush().await.unwrap();
}

/// Records a terminal of an impossible size, whose output asks for more than to be shown.
async fn terminal(log: &ActivityLog) {
    let call = log.start(Describe::job("terminal_of_an_attacker"));
    let recording = call.attach(Stream::new("asciicast")).await;
    let output = [
        "\u{1b}[8;9999;9999t".to_owned(),
        format!("\u{1b}]0;{MARKUP}owned\u{7}"),
        "\u{1b}]52;c;b3duZWQ=\u{7}".to_owned(),
        "\u{1b}]8;;http://link.evil.example/\u{7}a link\u{1b}]8;;\u{7}\r\n".to_owned(),
        format!("\u{1b}]8;;{SCRIPT}\u{7}another\u{1b}]8;;\u{7}\r\n"),
        "\u{1b}]1337;File=inline=1:aHR0cDovL2ltYWdlLmV2aWwuZXhhbXBsZS8=\u{7}".to_owned(),
        "\u{1b}[6n\u{1b}[c\u{1b}P+q544e\u{1b}\\\u{1b}]11;?\u{7}".to_owned(),
        format!("{MARKUP}\r\nthe end\r\n"),
    ];
    let mut lines = vec![json!({"version": 2, "width": 120, "height": 1e300, "title": MARKUP})];
    lines.extend(output.iter().map(|text| json!([0.1, "o", text])));
    lines.push(json!([0.2, "r", "1e9x30"]));
    lines.push(json!([0.3, "m", MARKUP]));
    lines.push(json!([-1e300, "o", 7]));
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    recording.append(Chunk::new(lines.join("\n")));
    log.flush().await.unwrap();
    call.end(Outcome::success());
}

/// A recorded page with scripts, event handlers, frames and resources of other hosts.
fn page(elsewhere: SocketAddr) -> Vec<Value> {
    let at = Utc::now().timestamp_millis();
    let mut ids = 10..;
    let mut element = |tag: &str, attributes: Value, children: Vec<Value>| json!({"type": 2, "tagName": tag, "attributes": attributes, "childNodes": children, "id": ids.next()});
    let url = |path: &str| format!("http://{elsewhere}/{path}");
    // Each with a name of its own, which would have to be resolved.
    let named = |name: &str| format!("http://{name}.evil.example/");
    let text = |id: u64, text: &str| json!({"type": 3, "textContent": text, "id": id});
    let mut body = vec![text(3, "A foreign page")];
    for (tag, attributes) in [
        ("script", json!({"src": url("script")})),
        (
            "SCRIPT",
            json!({"src": url("upper"), "type": "speculationrules"}),
        ),
        ("img", json!({"src": "x", "onerror": "top.owned=1"})),
        (
            "img",
            json!({"src": url("img"), "srcset": named("srcset"), "loading": "eager"}),
        ),
        ("picture", json!({"srcset": url("picture")})),
        ("iframe", json!({"src": url("iframe")})),
        ("iframe", json!({"src": named("iframe")})),
        (
            "iframe",
            json!({"srcdoc": format!("<img src={}>{MARKUP}", url("srcdoc"))}),
        ),
        ("iframe", json!({"src": SCRIPT})),
        ("frame", json!({"src": url("frame")})),
        ("object", json!({"data": url("object")})),
        ("object", json!({"data": SCRIPT})),
        ("embed", json!({"src": url("embed"), "type": "text/html"})),
        (
            "video",
            json!({"src": url("video"), "poster": url("poster"), "autoplay": true}),
        ),
        ("audio", json!({"src": url("audio"), "preload": "auto"})),
        ("track", json!({"src": url("track"), "default": true})),
        ("input", json!({"type": "image", "src": url("input")})),
        ("form", json!({"action": url("form"), "method": "post"})),
        ("a", json!({"href": named("a"), "ping": url("ping")})),
        ("a", json!({"href": SCRIPT, "onmouseover": "top.owned=1"})),
        ("area", json!({"href": named("area")})),
        ("body", json!({"background": url("background")})),
        ("base", json!({"href": url("base")})),
        ("portal", json!({"src": url("portal")})),
        (
            "div",
            json!({"style": format!("background:url({})", url("inline"))}),
        ),
        ("div", json!({"style": "background:u\\72l(/api/health)"})),
    ] {
        body.push(element(tag, attributes, vec![]));
    }
    for (tag, attributes) in [
        ("image", json!({"href": url("svg-image")})),
        ("image", json!({"xlink:href": url("xlink")})),
        ("use", json!({"href": url("use#a")})),
        ("feImage", json!({"href": url("fe-image")})),
        ("script", json!({"href": url("svg-script")})),
        (
            "rect",
            json!({"fill": format!("url({})", url("fill#a")), "width": "9", "height": "9"}),
        ),
    ] {
        let mut inner = element(tag, attributes, vec![]);
        inner["isSVG"] = true.into();
        let mut svg = element("svg", json!({}), vec![inner]);
        svg["isSVG"] = true.into();
        body.push(svg);
    }
    let css = |path: &str| {
        format!(
            "@import url({}); @import '/{path}'; @font-face{{font-family:f;src:url({})}} body{{font-family:f;background:url({})}}",
            url(path),
            url("font"),
            url("css")
        )
    };
    let mut head = vec![
        element("style", json!({"_cssText": css("style")}), vec![]),
        element(
            "link",
            json!({"rel": "stylesheet", "_cssText": css("link")}),
            vec![],
        ),
        element(
            "meta",
            json!({"http-equiv": "refresh", "content": format!("0;url={}", url("refresh"))}),
            vec![],
        ),
        element(
            "meta",
            json!({"http-equiv": "x-dns-prefetch-control", "content": "on"}),
            vec![],
        ),
    ];
    for rel in [
        "stylesheet",
        "preconnect",
        "dns-prefetch",
        "prefetch",
        "preload",
        "modulepreload",
        "prerender",
        "manifest",
        "icon",
        "Preconnect",
    ] {
        let by_name = json!({"rel": rel, "href": named(&rel.to_lowercase()), "as": "image"});
        head.push(element(
            "link",
            json!({"rel": rel, "href": url(rel), "as": "image"}),
            vec![],
        ));
        head.push(element("link", by_name, vec![]));
    }
    let parts = vec![
        element("head", json!({}), head),
        element("body", json!({"onload": "top.owned=1"}), body),
    ];
    let html = element("html", json!({"manifest": url("appcache")}), parts);
    let document = json!({"type": 0, "childNodes": [html], "id": 1});
    // The same after the first snapshot: a new frame, and attributes that change. Node 3 is the text of the body.
    let frame = json!({"type": 2, "tagName": "iframe", "attributes": {"src": url("added")}, "childNodes": [], "id": 5});
    let change = |attributes: Value| json!({"id": 5, "attributes": attributes});
    let rule = json!({"rule": format!("@import url({})", url("rule")), "index": 0});
    let font = json!({"source": 10, "family": "g", "buffer": false, "fontSource": format!("url({})", url("font-face"))});
    let data = [
        json!({"source": 0, "texts": [], "removes": [], "attributes": [],
            "adds": [{"parentId": body_id(&document), "nextId": null, "node": frame}]}),
        json!({"source": 0, "texts": [], "removes": [], "adds": [], "attributes": [
            change(json!({"src": url("changed")})), change(json!({"srcdoc": MARKUP})),
            change(json!({"SRC": named("changed")}))]}),
        json!({"source": 8, "id": 10, "adds": [rule]}),
        font,
    ];
    let mut events = vec![
        json!({"type": 4, "timestamp": at, "data": {"href": SCRIPT, "width": 800, "height": 500}}),
        json!({"type": 2, "timestamp": at + 10, "data": {"node": document, "initialOffset": {"left": 0, "top": 0}}}),
    ];
    for (n, data) in (0i64..).zip(data) {
        events.push(json!({"type": 3, "timestamp": at + 100 + n, "data": data}));
    }
    events.push(json!({"type": 5, "timestamp": at + 500, "data": {"tag": MARKUP, "payload": {}}}));
    events
}

/// Returns the ID of a document's body.
fn body_id(document: &Value) -> &Value {
    &document["childNodes"][0]["childNodes"][1]["id"]
}
