//! Shared by the tests of the real binary: a folder to serve, the server, and its records.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use rmcp::{
    RoleClient, ServiceExt, model::CallToolRequestParams, service::RunningService,
    transport::TokioChildProcess,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tower_activity::{
    query::ActivityReader,
    record::{ActivityRecord, Filter},
};

pub type Client = RunningService<RoleClient, ()>;

/// A folder to serve, and the store.
pub struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("invoices")).unwrap();
        fs::write(root.join("hello.txt"), "one\nneedle here\n").unwrap();
        fs::write(root.join("invoices/7.json"), r#"{"total": 12}"#).unwrap();
        fs::write(folder.path().join("outside.txt"), "secret").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("outside.txt"), root.join("link.txt"))
            .unwrap();
        let database = rusqlite::Connection::open(root.join("shop.db")).unwrap();
        database
            .execute_batch("CREATE TABLE item (name TEXT, price REAL); INSERT INTO item VALUES ('tea', 2.5), ('cup', 4);")
            .unwrap();
        Fixture { folder }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("activity.db")
    }

    /// The served folder.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn server(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tool-server"));
        command
            .env("ACTIVITY_STORE", self.store())
            .arg("--root")
            .arg(self.root())
            .kill_on_drop(true);
        command
    }

    pub async fn over_stdio(&self) -> Client {
        ().serve(TokioChildProcess::new(self.server()).unwrap())
            .await
            .unwrap()
    }

    /// Starts the server over HTTP; gives its process and its URL.
    pub async fn over_http(&self) -> (Child, String) {
        let mut server = self
            .server()
            .args(["--http", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        let url = first.strip_prefix("tool-server: ").unwrap().to_owned();
        // Keep reading, or later output fills the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (server, url)
    }

    /// All records, oldest first.
    pub fn rows(&self) -> Vec<ActivityRecord> {
        let mut reader = ActivityReader::open(self.store()).unwrap();
        let mut rows = reader
            .page(&Filter::default(), None, 1_000)
            .unwrap()
            .records;
        rows.reverse();
        rows
    }

    /// Reads until the condition holds, for up to 20 seconds.
    pub async fn until(&self, enough: impl Fn(&[ActivityRecord]) -> bool) -> Vec<ActivityRecord> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let rows = self.rows();
            if enough(&rows) {
                return rows;
            }
            assert!(Instant::now() < deadline, "not in time: {rows:#?}");
            tokio::task::yield_now().await;
        }
    }
}

pub fn call(name: &'static str, arguments: Value) -> CallToolRequestParams {
    match arguments {
        Value::Object(arguments) => CallToolRequestParams::new(name).with_arguments(arguments),
        other => panic!("arguments are an object, not {other}"),
    }
}
