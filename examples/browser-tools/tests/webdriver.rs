//! A browser driven by `fantoccini` through a real chromedriver is recorded. Skipped unless the variable `CHROMEDRIVER`
//! names one, which `cargo xtask test` sets if it finds one.
#![allow(clippy::unwrap_used)]

use std::{
    env,
    ffi::OsStr,
    process::Stdio,
    time::{Duration, Instant},
};

use axum::{Router, response::Html, routing::get};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::{ActivityId, RecordingRecord, RecordingStatus},
    recording::Browser,
};

/// Starts it on a port that it chooses and prints.
async fn start(program: &OsStr) -> (Child, String) {
    let mut command = Command::new(program);
    command.arg("--port=0").stdout(Stdio::piped());
    let mut driver = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("it did not start");
        if let Some((_, port)) = line.split_once("successfully on port ") {
            // Keep reading, or later output fills the pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            let port = port.trim_end_matches('.');
            return (driver, format!("http://127.0.0.1:{port}"));
        }
    }
}

async fn open(address: &str) -> Client {
    let mut options = json!({"args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]});
    if let Some(chromium) = env::var_os("CHROMIUM") {
        options["binary"] = chromium.to_str().unwrap().into();
    }
    let capabilities = json!({"goog:chromeOptions": options});
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities.as_object().unwrap().clone());
    builder.connect(address).await.unwrap()
}

async fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = Html("<!doctype html><title>shop</title><h1>lamps;</h1>");
    let router = Router::new().route("/", get(move || async move { page }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_that_fantoccini_drives_is_recorded() {
    let Some(program) = env::var_os("CHROMEDRIVER") else {
        println!("left out, as the variable CHROMEDRIVER names no chromedriver");
        return;
    };
    let (mut driver, address) = start(&program).await;
    let client = open(&address).await;
    let log = ActivityLog::open(":memory:").unwrap();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id().unwrap();
    let browser = Browser::from_driver(client.capabilities().unwrap());
    let recording = call.attach(browser).await;
    assert!(recording.outcome().is_ok(), "{recording:?}");
    client.goto(&site().await).await.unwrap();
    let mark = "const p = document.createElement('p'); p.textContent = 'at-last;'; document.body.append(p)";
    client.execute(mark, Vec::new()).await.unwrap();
    recording.stop().await;
    call.end(Outcome::success());
    client.close().await.unwrap();
    driver.kill().await.unwrap();

    let recording = ended(&log, id).await;
    assert_eq!(
        (recording.status, recording.lost),
        (RecordingStatus::Complete, 0)
    );
    let mut shown = Vec::new();
    let mut reader = log.reader().unwrap();
    for track in &recording.tracks {
        reader.export(recording.id, track, &mut shown).unwrap();
    }
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.contains("lamps;") && shown.contains("at-last;"),
        "{shown}"
    );
}

/// Waits until the activity's recording is complete, and returns it.
async fn ended(log: &ActivityLog, id: ActivityId) -> RecordingRecord {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        log.flush().await.unwrap();
        let found = log.reader().unwrap().recordings_of(id).unwrap();
        if let [one] = &found[..]
            && one.ended_at.is_some()
        {
            return one.clone();
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        tokio::task::yield_now().await;
    }
}
