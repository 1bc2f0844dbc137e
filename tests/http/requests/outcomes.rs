//! The end and the outcome of requests.

use std::net::SocketAddr;

use serde_json::json;
use tower_activity::{ActivityLayer, ActivityLog, Kind, Status, record::ActivityRecord};

use crate::{
    requests::app::{ask, ended, leave_after, read_until, routes, send, serve},
    support::until,
};

struct Site {
    log: ActivityLog,
    address: SocketAddr,
}

impl Site {
    async fn open() -> Site {
        let log = ActivityLog::open(":memory:").unwrap();
        let address = serve(routes().layer(ActivityLayer::http(&log))).await;
        Site { log, address }
    }

    /// Returns the record of a request whose response was read to its end.
    async fn read(&self, method: &str, path: &str, name: &str) -> ActivityRecord {
        ask(self.address, method, path).await;
        ended(&self.log, name)
    }

    /// Returns the record of a request whose client disconnected after this text.
    async fn disconnect(&self, path: &str, seen: &str) -> ActivityRecord {
        leave_after(self.address, path, seen).await;
        ended(&self.log, &format!("GET {path}"))
    }
}

fn check(row: &ActivityRecord, status: Status, error_type: Option<&str>, code: u16, bytes: u64) {
    let name = &row.name;
    assert_eq!(row.status, status, "{name}: {row:?}");
    assert_eq!(row.error_type.as_deref(), error_type, "{name}");
    let attribute = |key: &str| &row.attributes[key];
    assert_eq!(*attribute("http.response.status_code"), code, "{name}");
    assert_eq!(*attribute("http.response.body.size"), bytes, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_named_by_its_route_and_has_client_attributes() {
    let site = Site::open().await;
    let headers = "connection: close\r\ncontent-length: 5\r\nuser-agent: curl/8\r\n\
                   x-request-id: r-7\r\n\r\nhello";
    let mut connection = send(site.address, "POST", "/users/7?token=abc", headers).await;
    read_until(&mut connection, "hello").await;
    let row = ended(&site.log, "POST /users/{id}");
    assert_eq!(row.kind, Kind::Http);
    check(&row, Status::Success, None, 200, 5);
    assert_eq!(row.scope.request.as_deref(), Some("r-7"));
    for (key, expected) in [
        ("url.path", json!("/users/7")),
        ("user_agent.original", json!("curl/8")),
        ("client.address", json!("127.0.0.1")),
        ("http.request.body.size", json!(5)),
    ] {
        assert_eq!(row.attributes[key], expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_route_is_named_by_its_method() {
    let site = Site::open().await;
    let row = site.read("GET", "/wp-login.php", "GET").await;
    check(&row, Status::Success, None, 404, 0);
    let row = site.read("BREW", "/users/7", "_OTHER /users/{id}").await;
    check(&row, Status::Success, None, 405, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_with_the_last_byte_of_its_response() {
    let site = Site::open().await;
    for (path, code, bytes) in [
        ("/stream", 200, 13),
        ("/trailers", 200, 3),
        // A body is not polled again after its last byte.
        ("/exact", 200, 8),
        ("/empty", 204, 0),
        ("/fresh", 304, 0),
        ("/moved", 303, 0),
        ("/denied", 403, 7),
    ] {
        let row = site.read("GET", path, &format!("GET {path}")).await;
        check(&row, Status::Success, None, code, bytes);
    }
    let row = site.read("HEAD", "/stream", "HEAD /stream").await;
    check(&row, Status::Success, None, 200, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_activity_is_current_in_every_frame_and_when_the_body_is_dropped() {
    let site = Site::open().await;
    let read = site.read("GET", "/stream", "GET /stream").await;
    assert_eq!(read.attributes["steps_left"], 0);
    assert_eq!(read.attributes["body_dropped"], true);
    let left = site.disconnect("/endless", "one").await;
    assert_eq!(left.attributes["body_dropped"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_fails_whether_or_not_its_body_is_read() {
    let site = Site::open().await;
    let row = site.read("GET", "/down", "GET /down").await;
    check(&row, Status::Failed, Some("503"), 503, 5);
    let row = site.disconnect("/down/endless", "later").await;
    check(&row, Status::Failed, Some("503"), 503, 6);
    let row = site.read("GET", "/torn", "GET /torn").await;
    check(&row, Status::Failed, Some("std::io::error::Error"), 200, 4);
    assert_eq!(row.message.as_deref(), Some("broken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_cancelled_when_its_client_disconnects() {
    let site = Site::open().await;
    let row = site.disconnect("/endless", "one").await;
    check(&row, Status::Cancelled, None, 200, 4);
    let connection = send(site.address, "GET", "/never", "").await;
    // A client that disconnects before its request is read has no request.
    until(&site.log, |rows| rows.names().contains(&"GET /never"));
    drop(connection);
    let row = ended(&site.log, "GET /never");
    assert_eq!(row.status, Status::Cancelled, "{row:?}");
    assert!(!row.attributes.contains_key("http.response.status_code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_succeeds_when_its_client_disconnects() {
    let site = Site::open().await;
    let row = site.disconnect("/events", "data: 1").await;
    check(&row, Status::Success, None, 200, 9);
    assert_eq!(row.attributes["client_closed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_recorded_in_the_handler_and_in_the_body() {
    let site = Site::open().await;
    let row = site.read("GET", "/panic", "GET /panic").await;
    assert_eq!(row.error_type.as_deref(), Some("panic"));
    assert_eq!(row.message.as_deref(), Some("in the handler"));
    let row = site.read("GET", "/panic/body", "GET /panic/body").await;
    assert_eq!(row.error_type.as_deref(), Some("panic"));
    assert_eq!(row.message.as_deref(), Some("in the body"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_cancelled_when_the_runtime_shuts_down() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app = routes().layer(ActivityLayer::http(&log));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let address = serve(app).await;
            let mut connection = send(address, "GET", "/endless", "").await;
            read_until(&mut connection, "one").await;
        });
    })
    .join()
    .unwrap();
    assert_eq!(ended(&log, "GET /endless").status, Status::Cancelled);
}
