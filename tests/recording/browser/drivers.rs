//! Browsers found through their drivers.

use serde_json::json;
use tower_activity::{ActivityLog, Describe, Outcome, recording::Browser};

use crate::browser::{chromium::Chromium, ended, events, recording_when, site::Site};

/// Records while the browser shows the site's first page, and checks that the page is recorded.
async fn check(browser: Browser, chromium: &Chromium, site: &Site) {
    let log = ActivityLog::open(":memory:").unwrap();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let recording = call.attach(browser).await;
    assert!(recording.outcome().is_ok(), "{recording:?}");
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver
        .wait(&tab, "document.readyState === 'complete' && window.mark")
        .await;
    call.end(Outcome::success());
    drop(recording);
    let recording = recording_when(&log, id, ended).await;
    let all = serde_json::to_string(&events(&log, &recording)).unwrap();
    assert!(all.contains("page-"), "{all}");
}

#[cfg(feature = "chromiumoxide")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_that_chromiumoxide_drives_is_recorded() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let connected = chromiumoxide::Browser::connect(&chromium.address).await;
    let (driven, mut events) = connected.unwrap();
    tokio::spawn(
        async move { while futures_util::StreamExt::next(&mut events).await.is_some() {} },
    );
    check(Browser::from_driver(&driven), &chromium, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_of_a_webdriver_session_is_recorded() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let address = chromium.address.strip_prefix("http://").unwrap();
    let capabilities = json!({"goog:chromeOptions": {"debuggerAddress": address}});
    let browser = Browser::from_driver(capabilities.as_object().unwrap());
    check(browser, &chromium, &site).await;
}

#[tokio::test]
async fn a_browser_without_devtools_is_not_recorded_and_no_call_fails() {
    let capabilities = json!({"browserName": "firefox"});
    let log = ActivityLog::open(":memory:").unwrap();
    let call = log.start(Describe::tool("shop_search"));
    let browser = Browser::from_driver(capabilities.as_object().unwrap());
    let recording = call.attach(browser).await;
    let error = recording.outcome().unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains("no DevTools address"), "{error}");
}
