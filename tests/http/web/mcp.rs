//! MCP calls by server, client and tool: every count is the number of calls that a filter lists.

use axum::Router;
use serde_json::{Value, json};
use tower_activity::{ActivityLog, Describe, Kind, Outcome, record::Filter, web::Access};

use crate::web::support::{get, router};

/// The calls that the figures are of.
const CALLS: &str = "attr.mcp.method.name:=tools/call,=prompts/get,=resources/read";

/// A call: its server, client with version, method, name, error type, reason, and the missing tool that it reports.
#[derive(Default, Clone, Copy)]
struct Call {
    server: Option<&'static str>,
    client: Option<(&'static str, Option<&'static str>)>,
    method: &'static str,
    name: &'static str,
    error: Option<&'static str>,
    reason: Option<&'static str>,
    missing: Option<&'static str>,
}

impl Call {
    fn record(self, log: &ActivityLog) {
        let kind = match self.method {
            "tools/call" => Kind::Tool,
            "prompts/get" => Kind::Prompt,
            "resources/read" => Kind::Resource,
            _ => Kind::Custom,
        };
        let mut describe = Describe::new(kind, self.name).attribute("mcp.method.name", self.method);
        let (client, version) = self.client.unzip();
        for (key, value) in [
            ("mcp.server.name", self.server),
            ("mcp.client.name", client),
            ("mcp.client.version", version.flatten()),
            ("mcp.intent", self.reason),
            ("mcp.missing_tool", self.missing),
        ] {
            if let Some(value) = value {
                describe = describe.attribute(key, value);
            }
        }
        let running = log.start(describe.project(self.server.unwrap_or("nameless")));
        running.end(match self.error {
            Some(error) => Outcome::failed(error),
            None => Outcome::success(),
        });
    }
}

/// Calls of two servers and of one without a name, with texts that a filter has to quote.
async fn log() -> ActivityLog {
    let log = ActivityLog::open(":memory:").unwrap();
    let files = Call {
        server: Some("files"),
        client: Some(("claude-code", Some("2.0"))),
        method: "tools/call",
        name: "read",
        ..Call::default()
    };
    let newer = Call {
        client: Some(("claude-code", Some("2.1"))),
        ..files
    };
    let odd = Call {
        server: Some("a \"b\", c: d"),
        client: Some(("cursor \u{202e}", None)),
        name: "read",
        ..files
    };
    for (call, times) in [
        (files, 3),
        (
            Call {
                error: Some("tool_error"),
                ..files
            },
            2,
        ),
        (
            Call {
                error: Some("-32602"),
                ..newer
            },
            1,
        ),
        (
            Call {
                reason: Some("find the \"config\""),
                ..newer
            },
            2,
        ),
        (Call { name: "", ..newer }, 1),
        (odd, 4),
        (
            Call {
                method: "prompts/get",
                ..odd
            },
            1,
        ),
        (
            Call {
                method: "resources/read",
                name: "file",
                ..odd
            },
            1,
        ),
        (
            Call {
                server: None,
                client: None,
                ..files
            },
            2,
        ),
        (
            Call {
                server: Some(""),
                client: Some(("", Some(""))),
                ..files
            },
            1,
        ),
        (
            Call {
                name: "report",
                missing: Some("send e-mail"),
                ..files
            },
            2,
        ),
        (
            Call {
                name: "report",
                missing: Some("null"),
                ..files
            },
            1,
        ),
        // Requests of a server to its client, and calls of other protocols, are no calls of tools.
        (
            Call {
                method: "sampling/createMessage",
                ..files
            },
            5,
        ),
    ] {
        for _ in 0..times {
            call.record(&log);
        }
    }
    log.start(Describe::tool("plain")).end(Outcome::success());
    let running = Describe::tool("running").attribute("mcp.method.name", "tools/call");
    std::mem::forget(log.start(running));
    log.flush().await.unwrap();
    log
}

async fn mcp(app: &Router, filter: &str) -> Value {
    let path = format!("/api/mcp?window=week&q={}", encoded(filter));
    get(app, &path).await.json()
}

/// Counts the activities that a filter lists.
async fn listed(app: &Router, filter: &str) -> usize {
    let path = format!("/api/activities?limit=1000&q={}", encoded(filter));
    let page = get(app, &path).await.json();
    page["activities"].as_array().unwrap().len()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Returns the term for exactly this value of a field, or for none.
fn term(field: &str, value: &Value) -> String {
    match value.as_str() {
        None => format!("-{field}:*"),
        Some(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{field}:=\"{text}\"")
        }
    }
}

#[tokio::test]
async fn every_row_counts_what_its_filter_lists() {
    let app = router(&log().await);
    for scope in [
        "",
        "project:=files",
        "-attr.mcp.server.name:files",
        "name:read status:failed",
    ] {
        let answer = mcp(&app, scope).await;
        assert_eq!(answer["unknown"], Value::Null);
        let [start, end] = ["start", "end"].map(|at| answer["counted"][at].as_str().unwrap());
        let base = format!("{CALLS} {scope} -status:running since:{start} until:{end}");
        let base = base.replace(
            "-status:running",
            if scope.contains("status:") {
                ""
            } else {
                "-status:running"
            },
        );
        let rows = |list: &str| answer[list].as_array().unwrap().clone();
        assert_eq!(
            listed(&app, &base).await,
            answer["calls"]["count"],
            "{scope}"
        );

        let mut counted = Vec::new();
        for one in rows("servers") {
            counted.push((term("attr.mcp.server.name", &one["name"]), one));
        }
        for one in rows("clients") {
            let name = term("attr.mcp.client.name", &one["name"]);
            let version = term("attr.mcp.client.version", &one["version"]);
            counted.push((format!("{name} {version}"), one));
        }
        for one in rows("tools") {
            let server = term("attr.mcp.server.name", &one["server"]);
            let method = term("attr.mcp.method.name", &one["method"]);
            let mut terms = format!("{server} {method}");
            if !scope.contains("name:read") {
                terms.push_str(&format!(" {}", term("name", &one["name"])));
            }
            counted.push((terms, one));
        }
        for (terms, one) in &counted {
            // Two terms of one field would be alternatives.
            let base = match terms.contains("mcp.method.name") {
                true => base.replace(CALLS, ""),
                false => base.clone(),
            };
            let filter = format!("{terms} {base}");
            assert_eq!(listed(&app, &filter).await, one["count"], "{filter}");
            let failed = filter.replace("-status:running", "status:failed");
            assert_eq!(listed(&app, &failed).await, one["failed"], "{failed}");
        }
        assert!(!counted.is_empty(), "{scope}");
        let sum = |list: &str| -> u64 {
            rows(list)
                .iter()
                .map(|one| one["count"].as_u64().unwrap())
                .sum()
        };
        assert_eq!(
            [sum("servers"), sum("clients"), sum("tools")],
            [answer["calls"]["count"].as_u64().unwrap(); 3]
        );
    }
}

#[tokio::test]
async fn the_methods_that_a_filter_allows_list_the_calls_that_are_counted() {
    let app = router(&log().await);
    let [call, prompt, resource] = ["tools/call", "prompts/get", "resources/read"];
    for (scope, exclusions, expected) in [
        ("", "", &[call, prompt, resource][..]),
        (
            "attr.mcp.method.name:TOOLS/call,sampling/createMessage",
            "",
            &[call],
        ),
        (
            "attr.\"mcp.method.name\":*get,=resources/read",
            "",
            &[prompt, resource],
        ),
        (
            "-attr.mcp.method.name:tools/* status:success",
            "-attr.mcp.method.name:tools/* status:success",
            &[prompt, resource],
        ),
        ("attr.mcp.method.name:sampling/createMessage", "", &[]),
    ] {
        let answer = mcp(&app, scope).await;
        assert_eq!(answer["methods"], json!(expected), "{scope}");
        let count = match expected.join(",=") {
            none if none.is_empty() => 0,
            methods => {
                let [start, end] =
                    ["start", "end"].map(|at| answer["counted"][at].as_str().unwrap());
                let filter = format!(
                    "attr.mcp.method.name:={methods} {exclusions} -status:running since:{start} until:{end}"
                );
                listed(&app, &filter).await
            }
        };
        assert_eq!(answer["calls"]["count"], count, "{scope}");
    }
}

#[tokio::test]
async fn tools_have_their_errors_and_what_models_missed_is_reported_last_first() {
    let app = router(&log().await);
    let answer = mcp(&app, "").await;
    let read = &answer["tools"][0];
    assert_eq!(
        (&read["server"], &read["name"], &read["count"]),
        (&json!("files"), &json!("read"), &json!(8))
    );
    let errors =
        json!([{"error_type": "tool_error", "count": 2}, {"error_type": "-32602", "count": 1}]);
    assert_eq!(read["errors"], errors);
    assert_eq!(read["reasons"], 2);
    assert_eq!(answer["reason_count"], 2);
    assert_eq!(answer["reasons"][0]["text"], "find the \"config\"");
    let id = answer["reasons"][0]["activity"].as_str().unwrap();
    let call = get(&app, &format!("/api/activities/{id}")).await.json();
    assert_eq!(call["attributes"]["mcp.intent"], "find the \"config\"");

    assert_eq!(answer["missing_count"], 2);
    for (row, text, count) in [(0, "null", 1), (1, "send e-mail", 2)] {
        let missing = &answer["missing"][row];
        assert_eq!(
            (&missing["text"], &missing["count"]),
            (&json!(text), &json!(count))
        );
        let filter = term("attr.mcp.missing_tool", &missing["text"]);
        assert_eq!(listed(&app, &filter).await, count);
    }
}

#[tokio::test]
async fn long_lists_are_cut_and_counted() {
    let log = ActivityLog::open(":memory:").unwrap();
    for n in 0..150_usize {
        for _ in 0..=n % 3 {
            let call = Describe::tool(format!("tool {n}"))
                .attribute("mcp.method.name", "tools/call")
                .attribute("mcp.server.name", n)
                .attribute("mcp.client.name", "c")
                .attribute("mcp.client.version", format!("0.{n}"))
                .attribute("mcp.missing_tool", format!("a tool for {n}"))
                .attribute("mcp.intent", format!("reason {n}"));
            log.start(call).end(Outcome::success());
        }
    }
    log.flush().await.unwrap();
    let answer = mcp(&router(&log), "").await;
    for (list, count) in [
        ("servers", "server_count"),
        ("clients", "client_count"),
        ("tools", "tool_count"),
        ("missing", "missing_count"),
    ] {
        assert_eq!(answer[count], 150, "{list}");
        assert_eq!(answer[list].as_array().unwrap().len(), 100, "{list}");
    }
    assert_eq!(answer["tools"][0]["count"], 3);
    assert_eq!(answer["reason_count"], answer["calls"]["count"]);
    assert_eq!(answer["reasons"].as_array().unwrap().len(), 100);
    assert_eq!(answer["reasons"][0]["text"], "reason 149");
    // The number of a server is as the filter finds it.
    let server = term("attr.mcp.server.name", &answer["servers"][0]["name"]);
    assert_eq!(
        listed(&router(&log), &server).await,
        answer["servers"][0]["count"]
    );
}

#[tokio::test]
async fn readers_count_what_they_may_see_and_bad_queries_are_refused() {
    let log = log().await;
    let access = |_: &_| Access::only(Filter::for_project("files"));
    let app: Router = log.router().auth(access).into();
    let answer = mcp(&app, "").await;
    assert_eq!(answer["server_count"], 1);
    assert_eq!(answer["servers"][0]["name"], "files");
    let none = mcp(&app, "project:nameless").await;
    assert_eq!(
        (&none["calls"]["count"], &none["calls"]["p50_ns"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(none["tools"], json!([]));

    let app = router(&log);
    get(&app, "/api/mcp?q=colour:red")
        .await
        .problem(400, "bad_filter");
    get(&app, "/api/mcp?window=year")
        .await
        .problem(400, "invalid");
    get(&app, "/api/mcp?q=type:log")
        .await
        .problem(400, "invalid");
    get(&app, "/api/mcp?sort=name")
        .await
        .problem(400, "invalid");
}
