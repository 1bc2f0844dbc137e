//! Pages that hang, crash or close, and browsers that do not respond.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tower_activity::{Describe, Outcome, record::RecordingStatus, recording::Browser};

use crate::browser::{
    chromium::Chromium, contains, ended, log_with_timeout, patient_log, recording_when, site::Site,
    wait_until,
};

const LOADED: &str = "document.readyState === 'complete' && window.mark";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_hangs_does_not_block_the_recording_of_others() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.elsewhere("/hangs"), None).await;
    driver.wait(&tab, LOADED).await;
    let hang = json!({"expression": "for (;;);"});
    driver.send(Some(&tab.0), "Runtime.evaluate", hang).await;

    let log = log_with_timeout(Duration::from_secs(4));
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let recording = call.attach(Browser::at(&chromium.address)).await;
    assert!(recording.outcome().is_ok(), "{recording:?}");
    let tab = driver.open(&site.url("/goes-on"), None).await;
    driver.wait(&tab, LOADED).await;
    driver.eval(&tab, "mark('goes-on;')").await;
    wait_until(|| contains(&log, id, "goes-on;")).await;
    drop(recording);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_has_crashed_is_not_waited_for() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    // Long enough that a test waiting for it fails.
    let log = log_with_timeout(Duration::from_secs(3600));
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let recording = call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    driver.send(Some(&tab.0), "Page.crash", json!({})).await;
    wait_until(|| recording.outcome().ok() == Some(RecordingStatus::Crashed)).await;
    recording.flush().await;
    // After a reload, recording continues.
    driver.send(Some(&tab.0), "Page.reload", json!({})).await;
    driver.wait(&tab, LOADED).await;
    driver.eval(&tab, "mark('again;')").await;
    drop(recording);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Crashed);
    assert!(contains(&log, id, "again;"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_tab_that_closes_itself_are_recorded() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = patient_log();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    let open = format!(
        "window.popup = open('{}', 'popup', 'popup'); 0",
        site.url("/popup")
    );
    driver.eval(&tab, &open).await;
    let loaded = "popup.mark && popup.document.readyState === 'complete'";
    driver.wait(&tab, loaded).await;
    driver
        .eval(&tab, "popup.mark('at-last;'); popup.close()")
        .await;
    driver.wait(&tab, "popup.closed").await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(
        (recording.status, recording.lost),
        (RecordingStatus::Complete, 0)
    );
    assert!(contains(&log, id, "at-last;"));
}

#[tokio::test]
async fn a_browser_that_does_not_respond_is_not_reported_as_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = log_with_timeout(Duration::from_millis(100));
    let call = log.start(Describe::tool("shop_search"));
    for scheme in ["http", "ws"] {
        let browser = Browser::at(format!("{scheme}://{address}/?token=t"));
        assert!(!format!("{browser:?}").contains("token"), "{browser:?}");
        let recording = call.attach(browser).await;
        let error = recording.outcome().unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
    drop(listener);
    let recording = call
        .attach(Browser::at(format!("ws://{address}/?token=t")))
        .await;
    let error = recording.outcome().unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let said = format!("{error} {error:?}");
    assert!(!said.contains("token"), "{said}");
}
