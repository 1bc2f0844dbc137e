//! Messages on the console of a page.

use std::{fs, time::Duration};

use serde_json::Value;
use tower_activity::{ActivityLog, Describe, Outcome, log::RecordingOptions, recording::Browser};

use crate::browser::{
    chromium::Chromium, contains, ended, events, patient_log, recording_when, site::Site,
    wait_until,
};

const LOADED: &str = "document.readyState === 'complete' && window.mark";
const TOKEN: &str = "tok-9f8e7d6c5b4a";

/// Returns the level and the text of each message, and the first part of its trace.
fn messages(track: &[Value]) -> Vec<[String; 3]> {
    let logged = track.iter().filter(|event| event["type"] == 6);
    logged
        .map(|event| {
            let payload = &event["data"]["payload"];
            let text = payload["payload"][0].as_str().unwrap();
            let text: String = serde_json::from_str(text).unwrap();
            let text = text.lines().next().unwrap_or_default().to_owned();
            let level = payload["level"].as_str().unwrap().to_owned();
            let trace = payload["trace"][0].as_str().unwrap_or_default();
            [level, text, trace.to_owned()]
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_and_warnings_on_the_console_are_recorded_and_redacted() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    // On a slow machine a recording is not lost.
    let recordings = RecordingOptions::default().timeout(Duration::from_secs(20));
    let log = ActivityLog::builder().recordings(recordings);
    let log = log.open(&path).unwrap();
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    driver.eval(&tab, "console.error('before the call')").await;
    let call = log.start(Describe::tool("shop_pay"));
    let id = call.id();
    call.attach(Browser::at(&chromium.address)).await;
    let written = format!(
        "console.log('not recorded'); console.warn('slow', 3); console.error('POST /pay?access_token={TOKEN}', 402);
         setTimeout(() => {{ throw new TypeError('no such cart') }}); Promise.reject(new Error('it is not caught')); 0"
    );
    driver.eval(&tab, &written).await;
    log.flush().await.unwrap();
    wait_until(|| contains(&log, id, "no such cart") && contains(&log, id, "it is not caught"))
        .await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.lost, 0, "{recording:?}");
    let track = events(&log, &recording).swap_remove(0);
    let mut found = messages(&track);
    found.sort();
    let texts: Vec<_> = found
        .iter()
        .map(|[level, text, _]| format!("{level}: {text}"))
        .collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts[0].starts_with("error: POST /pay?access_token="));
    assert!(texts[0].ends_with(" 402"));
    assert_eq!(
        texts[1..],
        [
            "error: Uncaught (in promise) Error: it is not caught",
            "error: Uncaught TypeError: no such cart",
            "warn: slow 3"
        ]
    );
    log.shutdown().await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let file = fs::read(path).unwrap();
            let found = file
                .windows(TOKEN.len())
                .any(|part| part == TOKEN.as_bytes());
            assert!(!found);
        }
    }
    let all = serde_json::to_string(&track).unwrap();
    assert!(!all.contains(TOKEN), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_beyond_a_thousand_are_counted() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = patient_log();
    let call = log.start(Describe::tool("shop_pay"));
    let id = call.id();
    call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    let written = "for (let n = 0; n < 1003; n++) console.error('x'.repeat(3000) + n); 0";
    driver.eval(&tab, written).await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.lost, 3, "{recording:?}");
    let track = events(&log, &recording).swap_remove(0);
    let found = messages(&track);
    assert_eq!(found.len(), 1_000);
    assert_eq!(found[0][1], format!("{}…", "x".repeat(2_000)));
}
