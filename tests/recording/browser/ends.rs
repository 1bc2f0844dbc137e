//! Ends of browser recordings; none of them fails a call.

use serde_json::json;
use tower_activity::{
    Activity, ActivityLog, Describe, Outcome, record::RecordingStatus, recording::Browser,
};

use crate::browser::{
    chromium::Chromium, ended, events, recording_when, recordings, site::Site, wait_until,
};

#[tokio::test]
async fn without_a_browser_or_a_page_or_an_activity_there_is_no_recording_and_no_error() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut chromium = Chromium::start().await;
    let outside = Activity::current()
        .attach(Browser::at(&chromium.address))
        .await;
    assert!(outside.outcome().is_err());

    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let silent = call.attach(Browser::at(&chromium.address)).await;
    assert!(silent.outcome().is_ok(), "{silent:?}");
    drop(silent);
    call.end(Outcome::success());
    chromium.kill();

    let call = log.start(Describe::tool("shop_search"));
    let none = call.attach(Browser::at(&chromium.address)).await;
    let error = none.outcome().unwrap_err().to_string();
    assert!(
        error.starts_with("no browser at http://127.0.0.1:"),
        "{error}"
    );
    let other = call.attach(Browser::at("chrome")).await;
    assert!(other.outcome().unwrap_err().is_invalid());
    let last = call.id();
    call.end(Outcome::success());
    assert_eq!(
        (recordings(&log, id), recordings(&log, last)),
        (vec![], vec![])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_browser_and_a_crashed_page_are_reported_and_lose_only_the_open_batch() {
    for status in [RecordingStatus::Gone, RecordingStatus::Crashed] {
        let (site, mut chromium) = (Site::start().await, Chromium::start().await);
        let log = ActivityLog::open(":memory:").unwrap();
        let call = log.start(Describe::tool("shop_search"));
        let id = call.id();
        let recording = call.attach(Browser::at(&chromium.address)).await;
        let mut driver = chromium.driver().await;
        let tab = driver.open(&site.url("/"), None).await;
        driver
            .wait(&tab, "document.readyState === 'complete' && window.mark")
            .await;
        driver.eval(&tab, "mark('before;')").await;
        // Already received by the recorder.
        recording.flush().await;
        driver.eval(&tab, "mark('at-last;')").await;
        if status == RecordingStatus::Gone {
            chromium.kill();
        } else {
            driver.send(Some(&tab.0), "Page.crash", json!({})).await;
        }
        wait_until(|| recording.outcome().ok() == Some(status)).await;
        drop(recording);
        call.end(Outcome::success());
        let recording = recording_when(&log, id, ended).await;
        assert_eq!(recording.status, status);
        let all = serde_json::to_string(&events(&log, &recording)).unwrap();
        assert!(all.contains("before;"));
    }
}
