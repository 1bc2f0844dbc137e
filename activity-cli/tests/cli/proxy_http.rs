//! `activity proxy --to`: requests to a server over HTTP pass, and the calls are on record.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower_activity::{
    Kind, Status,
    record::ActivityRecord,
    web::{Server, ServiceAccess},
};

use crate::fixture::Fixture;

/// A proxy that runs.
pub(crate) struct Proxy {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
}

impl Proxy {
    pub(crate) fn start(fixture: &Fixture, to: &str, more: &[&str]) -> Self {
        let mut command = Proxy::command(fixture, to);
        command.args(more);
        Proxy::spawn(command)
    }

    pub(crate) fn command(fixture: &Fixture, to: &str) -> Command {
        let path = fixture.path();
        let mut args = vec!["--store", path.to_str().unwrap(), "proxy", "--to", to];
        args.extend(["--listen", "127.0.0.1:0"]);
        fixture.command(&args)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it has ended");
            if let Some((_, rest)) = line.split_once("Proxy:  http://") {
                let (address, _) = rest.split_once('/').unwrap();
                break address.parse().unwrap();
            }
        };
        Proxy {
            child,
            stderr,
            address,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let timeout = Some(Duration::from_secs(60));
        stream.set_read_timeout(timeout).unwrap();
        stream
    }

    /// Sends a request, and returns the whole response.
    pub(crate) fn send(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Ends it as systemd does. Returns the rest of what it says.
    pub(crate) fn terminate(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status} {rest}");
        rest
    }
}

/// A server that answers each request with this function.
async fn server(answer: impl Fn(Request) -> Response + Clone + Send + Sync + 'static) -> String {
    let service = tower::service_fn(move |request: Request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer(request)) }
    });
    let access = ServiceAccess::new();
    let server = Server::bind_service("127.0.0.1:0", &access, service);
    let server = server.await.unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    format!("http://{address}/mcp")
}

pub(crate) fn post(path: &str, message: &Value, headers: &str) -> String {
    let message = message.to_string();
    let length = message.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         {headers}Connection: close\r\n\r\n{message}"
    )
}

pub(crate) fn call(id: u32, name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}})
}

fn answered(content_type: &str, body: impl Into<Body>) -> Response {
    let response = Response::builder().header("content-type", content_type);
    response.body(body.into()).unwrap()
}

pub(crate) fn rows(fixture: &Fixture) -> Vec<ActivityRecord> {
    fixture.json(&["list", "--all", "-n", "1000"])
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_pass_and_each_call_is_on_record() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_server = seen.clone();
    let to = server(move |request| {
        let (parts, _) = request.into_parts();
        of_server.lock().unwrap().push(parts);
        answered(
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        )
    })
    .await;
    let fixture = Fixture::new();
    let proxy = Proxy::start(&fixture, &to, &["--project", "acme", "--name", "files"]);
    let headers = "Accept-Encoding: gzip\r\nAuthorization: Bearer theirs\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n";
    let response = proxy.send(&post("/mcp?key=1", &call(1, "read"), headers));
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        response.contains(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#),
        "{response}"
    );
    proxy.send("GET /.well-known/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(proxy.terminate(), "");

    let seen = seen.lock().unwrap();
    let header = |name: &str| {
        seen[0]
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(seen[0].uri, "/mcp?key=1");
    assert!(to.contains(header("host").unwrap()));
    assert_eq!(header("authorization"), Some("Bearer theirs"));
    assert_eq!(header("x-mine"), Some("1"));
    assert_eq!(
        (header("accept-encoding"), header("keep-alive")),
        (Some("identity"), None)
    );
    assert_eq!(seen[1].uri, "/.well-known/x");
    let rows = rows(&fixture);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.name.as_str(), row.kind, row.status),
        ("read", Kind::Tool, Status::Success)
    );
    assert_eq!(row.scope.project.as_deref(), Some("acme"));
    assert_eq!(row.attributes["mcp.server.name"], "files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_asked_and_its_reasons_are_found() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_server = seen.clone();
    let service = tower::service_fn(move |request: Request| {
        let seen = of_server.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let message: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(parts.headers["content-length"], body.len().to_string());
            let tools = json!([{"name": "read", "inputSchema": {"type": "object"}}]);
            let result = match message["method"] == "tools/list" {
                true => json!({"tools": tools}),
                false => json!({"content": []}),
            };
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            seen.lock().unwrap().push(message);
            Ok::<_, Infallible>(answered("application/json", answer.to_string()))
        }
    });
    let access = ServiceAccess::new();
    let server = Server::bind_service("127.0.0.1:0", &access, service);
    let server = server.await.unwrap();
    let to = format!("http://{}/mcp", server.address());
    tokio::spawn(server.run());
    let fixture = Fixture::new();
    let options = [
        "--intent=required",
        "--missing-tool",
        "--session-argument",
        "path",
    ];
    let proxy = Proxy::start(&fixture, &to, &options);
    let send = |message: &Value| -> Value {
        let response = proxy.send(&post("/mcp", message, ""));
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let length = format!("content-length: {}", body.len());
        assert!(head.to_lowercase().contains(&length), "{head}");
        serde_json::from_str(body).unwrap()
    };
    let list = send(&json!({"jsonrpc": "2.0", "id": 0, "method": "tools/list"}));
    let tools = &list["result"]["tools"];
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["call_intent"]));
    assert_eq!(tools[1]["name"], "report_missing_tool");
    let with = |id: u32, name: &str, arguments: Value| {
        let mut call = call(id, name);
        call["params"]["arguments"] = arguments;
        call
    };
    send(&with(
        1,
        "read",
        json!({"path": "/a", "call_intent": "find the refund"}),
    ));
    let report = json!({"missing": "delete a file", "call_intent": "tidy up"});
    let report = send(&with(2, "report_missing_tool", report));
    assert_eq!(report["result"]["isError"], false);
    assert_eq!(proxy.terminate(), "");

    let seen = seen.lock().unwrap();
    let methods: Vec<_> = seen.iter().map(|message| &message["method"]).collect();
    assert_eq!(methods, ["tools/list", "tools/call"]);
    assert_eq!(seen[1]["params"]["arguments"], json!({"path": "/a"}));
    let list = |filter: &str| -> Vec<ActivityRecord> { fixture.json(&["list", filter]) };
    let rows = list("attr.mcp.intent:*refund* session:/a");
    assert_eq!(
        (rows.len(), rows[0].name.as_str()),
        (1, "read"),
        "{rows:#?}"
    );
    let rows = list("attr.mcp.missing_tool:*");
    assert_eq!(
        (rows.len(), rows[0].status),
        (1, Status::Success),
        "{rows:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_passes_before_the_stream_ends() {
    let (events, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let to = server(move |_| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        let stream = stream_of(receiver);
        answered("text/event-stream", Body::from_stream(stream))
    })
    .await;
    let fixture = Fixture::new();
    let proxy = Proxy::start(&fixture, &to, &[]);
    let mut stream = proxy.connect();
    stream
        .write_all(post("/mcp", &call(1, "streams"), "").as_bytes())
        .unwrap();
    let mut reader = BufReader::new(stream);
    let mut until = |text: &str| {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "no {text}");
        }
    };
    events
        .send("data: {\"method\":\"notifications/progress\"}\n\n".into())
        .await
        .unwrap();
    until("progress");
    events
        .send("data: {\"id\":1,\"result\":{}}\n\n".into())
        .await
        .unwrap();
    until("result");
    drop(events);
    proxy.terminate();
    let rows = rows(&fixture);
    assert_eq!(
        (rows.len(), rows[0].status),
        (1, Status::Success),
        "{rows:?}"
    );
}

fn stream_of(
    receiver: mpsc::Receiver<Bytes>,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    futures_util::stream::unfold(receiver, |mut receiver: mpsc::Receiver<Bytes>| async move {
        let bytes = receiver.recv().await?;
        Some((Ok(bytes), receiver))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_runs_at_the_end_is_cancelled() {
    let (started, mut has_started) = mpsc::channel(1);
    let to = server(move |_| {
        started.try_send(()).unwrap();
        let stream = futures_util::stream::pending::<Result<Bytes, Infallible>>();
        answered("text/event-stream", Body::from_stream(stream))
    })
    .await;
    let fixture = Fixture::new();
    let proxy = Proxy::start(&fixture, &to, &[]);
    let mut stream = proxy.connect();
    stream
        .write_all(post("/mcp", &call(1, "waits"), "").as_bytes())
        .unwrap();
    has_started.recv().await.unwrap();
    proxy.terminate();
    let rows = rows(&fixture);
    assert_eq!(
        (rows.len(), rows[0].status),
        (1, Status::Cancelled),
        "{rows:?}"
    );
}

#[test]
fn a_server_that_is_away_is_a_502_and_a_request_that_failed() {
    let fixture = Fixture::new();
    let away = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let to = format!("http://{away}/mcp");
    let proxy = Proxy::start(&fixture, &to, &[]);
    let response = proxy.send(&post("/mcp", &call(1, "lost"), ""));
    assert!(response.starts_with("HTTP/1.1 502"), "{response}");
    let expected = format!("activity proxy: cannot reach {to}: Connection refused");
    assert!(response.contains(&expected), "{response}");
    let fix = "start the server, or start the proxy with its address: --to URL\n";
    assert!(response.ends_with(fix), "{response}");
    proxy.terminate();
    let rows = rows(&fixture);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.name.as_str(), row.error_type.as_deref()),
        ("POST", Some("502"))
    );
}

#[test]
fn a_server_that_leaves_before_it_responds_was_reached() {
    let fixture = Fixture::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/mcp", listener.local_addr().unwrap());
    let leaving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1 << 10];
        assert!(stream.read(&mut request).unwrap() > 0);
    });
    let proxy = Proxy::start(&fixture, &to, &[]);
    let response = proxy.send(&post("/mcp", &call(1, "lost"), ""));
    leaving.join().unwrap();
    assert!(response.starts_with("HTTP/1.1 502"), "{response}");
    let expected = format!("activity proxy: no response from {to}: ");
    assert!(response.contains(&expected), "{response}");
    proxy.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_clients_without_the_token_are_rejected() {
    let to = server(|request| {
        let has_token = request.headers().contains_key("authorization");
        answered("text/plain", format!("token seen: {has_token}"))
    })
    .await;
    let fixture = Fixture::new();
    let get = |host: &str, headers: &str| {
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n")
    };
    let proxy = Proxy::start(&fixture, &to, &["--host", "mcp.example.com"]);
    let check = |proxy: &Proxy, host: &str, headers: &str, expected: &str| {
        let response = proxy.send(&get(host, headers));
        let status = response.split(' ').nth(1).unwrap();
        assert_eq!(status, expected, "{host} {headers} {response}");
        response
    };
    check(&proxy, "localhost:1", "", "200");
    check(
        &proxy,
        "localhost",
        "Origin: http://localhost:6274\r\n",
        "200",
    );
    check(&proxy, "mcp.example.com", "", "200");
    check(&proxy, "evil.example.com", "", "421");
    check(
        &proxy,
        "localhost",
        "Origin: http://evil.example.com\r\n",
        "403",
    );
    check(&proxy, "localhost", "Origin: null\r\n", "403");
    let forwarded = check(&proxy, "localhost", "X-Forwarded-For: 192.0.2.1\r\n", "403");
    assert!(
        forwarded.contains("set a token to allow others"),
        "{forwarded}"
    );
    assert!(!forwarded.contains("`auth`"), "{forwarded}");
    // Without an origin: an image, or a link.
    for sent in [
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
    ] {
        check(&proxy, "localhost", sent, "403");
    }
    let page =
        "Origin: http://localhost:6274\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n";
    check(&proxy, "127.0.0.1", page, "200");
    check(&proxy, "localhost", "Sec-Fetch-Site: none\r\n", "200");
    proxy.terminate();

    let secret = "0123456789abcdef";
    let proxy = Proxy::start(&fixture, &to, &["--token", secret]);
    let response = check(&proxy, "localhost", "", "401");
    assert!(response.contains("www-authenticate: Bearer"), "{response}");
    check(
        &proxy,
        "localhost",
        "Authorization: Bearer wrong\r\n",
        "401",
    );
    let sent = format!("Authorization: Bearer {secret}\r\n");
    let response = check(&proxy, "localhost", &sent, "200");
    assert!(response.ends_with("token seen: false"), "{response}");
    let twice = format!("{sent}Proxy-{sent}");
    let response = check(&proxy, "localhost", &twice, "200");
    assert!(response.ends_with("token seen: false"), "{response}");
    let both = format!("Authorization: Bearer theirs\r\nProxy-Authorization: Bearer {secret}\r\n");
    let response = check(&proxy, "localhost", &both, "200");
    assert!(response.ends_with("token seen: true"), "{response}");
    proxy.terminate();
}

#[test]
fn what_cannot_be_served_is_an_error() {
    let fixture = Fixture::new();
    let check = |args: &[&str], code: i32, expected: &str| {
        let output = fixture.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?} {said}");
        assert!(said.contains(expected), "{args:?} {said}");
    };
    let to = ["proxy", "--to"];
    let with = |more: &[&'static str]| [&to[..], more].concat();
    check(&with(&["localhost:1"]), 2, "is not the URL of a server");
    check(&with(&["https://a/?key=1"]), 2, "has a query");
    check(
        &with(&["http://a/", "--listen", "0.0.0.0:0"]),
        2,
        "without a token",
    );
    check(
        &with(&["http://a/", "--listen", "nonsense"]),
        2,
        "cannot listen on",
    );
    check(&with(&["http://a/", "--", "cat"]), 2, "cannot be used with");
    check(
        &["proxy", "--listen", "127.0.0.1:0", "--", "cat"],
        2,
        "cannot be used with",
    );
}
