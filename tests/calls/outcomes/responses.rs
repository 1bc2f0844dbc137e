//! Responses of a tool server that have no answer which can be read.

use std::path::Path;

use axum::{Router, body::Bytes, response::Response, routing::post};
use tower_activity::ActivityLog;

use crate::outcomes::{
    Case, Ran, check,
    lines::{Http, call},
    mcp_http::serve,
    measured,
};

const ANSWER: &str = r#"{"jsonrpc": "2.0", "id": 7, "result": {"content": []}}"#;
const OTHER: &str = r#"{"jsonrpc": "2.0", "id": 8, "result": {"content": []}}"#;

/// The status and headers of a response, and its body.
type Sent = (u16, &'static [(&'static str, &'static str)], &'static str);

const JSON: (&str, &str) = ("content-type", "application/json");

const RESPONSES: [(&str, Sent); 7] = [
    ("an answer", (200, &[JSON], ANSWER)),
    (
        "a redirect",
        (307, &[("location", "http://localhost/mcp/")], ""),
    ),
    ("401 or 403", (401, &[], "")),
    ("another 4xx or 5xx", (404, &[JSON], OTHER)),
    ("504", (504, &[], "")),
    ("no answer to it", (200, &[JSON], OTHER)),
    (
        "a compressed body",
        (200, &[JSON, ("content-encoding", "br")], "?"),
    ),
];

async fn tapped((status, headers, body): Sent, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let respond = move |_: Bytes| async move {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(axum::body::Body::from(body)).unwrap()
    };
    let app = Router::new().route("/mcp", post(respond));
    let address = serve(app.layer(log.tools().http_tap())).await;
    let mut client = Http::post(address, None, &call("works")).await;
    client.closed().await;
    Ok(Box::new((log, client)))
}

#[test]
fn what_a_tool_server_responds_in_place_of_an_answer_is_recorded_as_the_table_says() {
    let cells = RESPONSES.map(|(_, sent)| {
        // The call has ended with its response.
        measured(Case::Success, |store| Box::pin(tapped(sent, store)))
    });
    let row = format!(
        "| `http_tap`, `activity proxy --to` | {} |",
        cells.join(" | ")
    );
    check(&RESPONSES.map(|(title, _)| title), &[row]);
}
