//! Tools answer with secrets, in colors, Markdown and nested JSON: none of them is in any file of the store.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

#[path = "../src/root.rs"]
mod root;
#[path = "../src/server.rs"]
mod server;
mod support;
#[path = "../src/tools/mod.rs"]
mod tools;

use std::{fs, path::Path};

use rmcp::ServiceExt;
use serde_json::{Value, json};
use server::ToolServer;
use support::{Client, Fixture, call};
use tower_activity::{ActivityLog, mcp::WithActivityExt, record::Capture};

/// Secrets that must not be stored.
const SECRETS: &[&str] = &[
    "colors-9f8e7d6c",
    "osc-link-5b4a3f2e",
    "markdown-1a2b3c4d",
    "table-7c6d5e4f",
    "nested-0f1e2d3c",
    "deeper-8a7b6c5d",
    "number-4d3c2b1a",
    "url-6e5f4a3b",
    "block-2c3d4e5f",
    "row-3b2a1f0e",
    "error-5d4c3b2a",
    "glpat-zY8xW7vU6tS5rQ4pO3nM",
    "MIIEowIBAAKCAQEAx7Kq",
];

/// Text beside them that must be found, which proves that the search works.
const KEPT: &str = "kept-beside-secrets";

/// Files and rows that hold them.
fn plant(root: &Path) {
    let colors = format!(
        "{KEPT} \u{1b}[1m\u{1b}[33mDB_PASSWORD\u{1b}[0m=\u{1b}[32m{}\u{1b}[0m\n\
         \u{1b}]8;;https://ann:{}@git.example.com/\u{1b}\\link\u{1b}]8;;\u{1b}\\\n\
         \u{1b}[36m{}\u{1b}[39m pushed\n",
        SECRETS[0], SECRETS[1], SECRETS[11]
    );
    let markdown = format!(
        "# {KEPT}\n\n**Password:** `{}`\n\n| name | value |\n|---|---|\n| api_key | {} |\n\n\
         ```yaml\npassword: |\n  {}\nurl: https://ann:{}@h/\n```\n",
        SECRETS[2], SECRETS[3], SECRETS[8], SECRETS[7]
    );
    let inner = json!({"client_secret": SECRETS[4]}).to_string();
    let middle = json!({"body": inner, "headers": [["x-api-key", SECRETS[5]]]}).to_string();
    let nested = json!({"note": KEPT, "message": middle, "token": [SECRETS[6]]});
    let key = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        SECRETS[12].repeat(3)
    );
    fs::write(root.join("deploy.log"), colors).unwrap();
    fs::write(root.join("notes.md"), markdown).unwrap();
    fs::write(root.join("nested.json"), nested.to_string()).unwrap();
    fs::write(root.join("key.pem"), key).unwrap();
    fs::write(root.join("invoices/9.json"), nested.to_string()).unwrap();
    let database = rusqlite::Connection::open(root.join("users.db")).unwrap();
    let values = [KEPT, SECRETS[9]];
    database
        .execute_batch("CREATE TABLE user (name TEXT, password TEXT)")
        .unwrap();
    database
        .execute("INSERT INTO user VALUES (?1, ?2)", values)
        .unwrap();
}

/// Calls the tools so that each secret is in an answer, an argument or an error.
async fn call_tools(client: &Client) {
    let mut said = String::new();
    let sql = "SELECT name, password FROM user";
    let failing = format!("SELECT 1 FROM \"password={}\"", SECRETS[10]);
    for (tool, arguments) in [
        ("read_file", json!({"path": "deploy.log"})),
        ("read_file", json!({"path": "notes.md"})),
        ("read_file", json!({"path": "nested.json"})),
        ("read_file", json!({"path": "key.pem"})),
        ("fetch_invoice", json!({"number": 9})),
        // Not those that the search splits into lines, out of their context.
        ("search_source", json!({"text": "api_key"})),
        ("search_source", json!({"text": "client_secret"})),
        ("find_and_read", json!({"text": "Password:"})),
        ("query_sqlite", json!({"database": "users.db", "sql": sql})),
        (
            "query_sqlite",
            json!({"database": "users.db", "sql": failing}),
        ),
    ] {
        let answer = client.call_tool(call(tool, arguments)).await.unwrap();
        said += &answer.content[0].as_text().unwrap().text;
    }
    for secret in SECRETS {
        assert!(said.contains(secret), "no tool said {secret}");
    }
}

/// Searches every byte of every file.
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

fn check(store: &Path) {
    let found = files(store);
    for (name, bytes) in &found {
        for secret in SECRETS {
            assert!(!is_in(bytes, secret), "{secret} is in {name}");
        }
    }
}

#[tokio::test]
async fn no_secret_of_a_payload_is_stored() {
    for capture in [Capture::Preview, Capture::Full] {
        let fixture = Fixture::new();
        let store = tempfile::tempdir().unwrap();
        let log = ActivityLog::open(store.path().join("activity.db")).unwrap();
        let folder = fixture.root();
        plant(&folder);
        let root = root::Root::new(&folder).unwrap();
        let tools = log.tools().previews(capture);
        let server = ToolServer::new(&log, &root).with_activity(tools);
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let serving =
            tokio::spawn(async move { server.serve(ours).await.unwrap().waiting().await });
        let client: Client = ().serve(theirs).await.unwrap();
        call_tools(&client).await;
        log.flush().await.unwrap();
        // While the store is open, with records only in its WAL, and afterwards.
        check(store.path());
        client.cancel().await.unwrap();
        serving.await.unwrap().unwrap();
        log.shutdown().await.unwrap();
        check(store.path());
        let kept = files(store.path());
        assert!(kept.iter().any(|(_, bytes)| is_in(bytes, KEPT)));
    }
}

#[tokio::test]
async fn no_secret_is_stored_by_the_real_server() {
    let fixture = Fixture::new();
    plant(&fixture.root());
    let client = fixture.over_stdio().await;
    call_tools(&client).await;
    client.cancel().await.unwrap();
    fixture.until(|rows| rows.len() == 12).await;
    for (name, bytes) in files(fixture.store().parent().unwrap()) {
        // The served folder is beside the store.
        if name.contains("/activity.db") {
            for secret in SECRETS {
                assert!(!is_in(&bytes, secret), "{secret} is in {name}");
            }
        }
    }
    let rows: Value = json!(
        fixture
            .rows()
            .iter()
            .map(|row| row.name.as_str())
            .collect::<Vec<_>>()
    );
    assert!(rows.to_string().contains("query_sqlite"));
}
