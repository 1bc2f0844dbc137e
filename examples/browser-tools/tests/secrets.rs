//! Pages and tools show secrets, in colors, Markdown and nested JSON: none of them is in any file of the store, or in a
//! recording as it is read.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

#[path = "../src/browser.rs"]
mod browser;
#[path = "../src/devtools.rs"]
mod devtools;
#[path = "../src/server.rs"]
mod server;
#[path = "../src/session.rs"]
mod session;

use std::{fs, path::Path};

use rmcp::{RoleClient, ServiceExt, model::CallToolRequestParams, service::RunningService};
use serde_json::{Value, json};
use server::ShopTools;
use session::Sessions;
use tower_activity::{
    ActivityLog,
    mcp::WithActivityExt,
    query::ActivityReader,
    record::{Capture, Filter},
};

/// Secrets that must not be stored.
const SECRETS: &[&str] = &[
    "colors-9f8e7d6c",
    "markdown-1a2b3c4d",
    "nested-0f1e2d3c",
    "attribute-7c6d5e4f",
    "hidden-8a7b6c5d",
    "script-4d3c2b1a",
    "query-6e5f4a3b",
    "typed-3b2a1f0e",
    "glpat-zY8xW7vU6tS5rQ4pO3nM",
];

/// Text beside them that must be found, which proves that the search works.
const KEPT: &str = "kept-beside-secrets";

/// A shop whose goods have secrets in their names.
mod shop {
    use std::io;

    use axum::{Router, response::Html, routing::get};
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::{KEPT, SECRETS};

    pub(crate) struct Shop(String);

    impl Shop {
        pub(crate) async fn open() -> io::Result<Self> {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let origin = format!("http://{}", listener.local_addr()?);
            let pages = Router::new().fallback(get(|| async { Html(page()) }));
            tokio::spawn(async { axum::serve(listener, pages).await });
            Ok(Shop(origin))
        }

        pub(crate) fn url(&self, path: &str) -> String {
            format!("{}{path}?token={}", self.0, SECRETS[6])
        }
    }

    fn page() -> String {
        let inner = json!({"client_secret": SECRETS[2]}).to_string();
        let nested = json!({"note": KEPT, "body": inner}).to_string();
        let goods = [
            format!(
                "{KEPT} \u{1b}[33mDB_PASSWORD\u{1b}[0m=\u{1b}[32m{}\u{1b}[0m",
                SECRETS[0]
            ),
            format!("**Password:** `{}`", SECRETS[1]),
            nested.replace('"', "&quot;"),
            format!("the runner uses {}", SECRETS[8]),
        ];
        let goods: String = goods
            .iter()
            .map(|name| {
                format!("<li><span class='name'>{name}</span> <span class='price'>1</span></li>")
            })
            .collect();
        format!(
            "<!doctype html><title>{KEPT}</title><a data-config='api_key={}'>x</a>\
             <input type=hidden name=csrf_token value='{}'><script>console.log('password={}')</script>\
             <p id=welcome>hello</p><input name=text><input type=password name=password>\
             <input name=user><button>ok</button><ul id=goods>{goods}</ul>",
            SECRETS[3], SECRETS[4], SECRETS[5]
        )
    }
}

type Client = RunningService<RoleClient, ()>;

async fn call(client: &Client, tool: &'static str, arguments: Value) -> String {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object, not {arguments}");
    };
    let asked = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = client.call_tool(asked).await.unwrap();
    result.content[0].as_text().unwrap().text.clone()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![(path.display().to_string(), fs::read(&path).unwrap())],
        })
        .collect()
}

fn is_in(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Returns every recording as it is read; in the files they are compressed.
fn recordings(store: &Path) -> Vec<(String, Vec<u8>)> {
    let mut reader = ActivityReader::open(store).unwrap();
    let rows = reader.page(&Filter::default(), None, 100).unwrap().records;
    let mut all = Vec::new();
    for row in rows {
        for recording in reader.recordings_of(row.id).unwrap() {
            for track in &recording.tracks {
                let mut out = Vec::new();
                reader.export(recording.id, track, &mut out).unwrap();
                all.push((format!("the recording of {}", row.name), out));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_pages_and_tools_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let log = ActivityLog::open(&store).unwrap();
    let browser = browser::Browser::start().await.unwrap();
    let sessions = Sessions::new(browser, shop::Shop::open().await.unwrap());
    let tools = log.tools().previews(Capture::Full);
    let server = ShopTools::new(sessions.clone()).with_activity(tools);
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let serving = tokio::spawn(async move { server.serve(ours).await.unwrap().waiting().await });
    let client: Client = ().serve(theirs).await.unwrap();

    let said = call(&client, "search", json!({"text": "x"})).await;
    let typed = json!({"user": "ann", "password": SECRETS[7]});
    call(&client, "log_in", typed).await;
    let missing = format!("token={}", SECRETS[6]);
    call(&client, "log_out", json!({"session": missing})).await;
    for secret in [SECRETS[0], SECRETS[1], SECRETS[2], SECRETS[8]] {
        assert!(said.contains(secret), "no tool said {secret}: {said}");
    }
    client.cancel().await.unwrap();
    serving.await.unwrap().unwrap();
    sessions.close().await;
    log.shutdown().await.unwrap();

    let replays = recordings(&store);
    assert!(!replays.is_empty());
    assert!(replays.iter().any(|(_, bytes)| is_in(bytes, KEPT)));
    let kept = files(folder.path());
    assert!(kept.iter().any(|(_, bytes)| is_in(bytes, KEPT)));
    for (name, bytes) in kept.iter().chain(&replays) {
        for secret in SECRETS {
            assert!(!is_in(bytes, secret), "{secret} is in {name}");
        }
    }
}
