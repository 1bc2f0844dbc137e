//! Options of browser recordings, and pages restored from the back/forward cache.

use serde_json::{Value, json};
use tower_activity::{ActivityLog, Describe, Outcome, record::RecordingRecord, recording::Browser};

use crate::browser::{
    chromium::{Chromium, Driver, Tab},
    ended, events, recording_when,
    site::Site,
};

const LOADED: &str = "document.readyState === 'complete' && window.mark";

/// Records actions in a tab that shows the site. Returns the events of the first track.
async fn recorded(
    choose: impl FnOnce(Browser) -> Browser,
    act: impl AsyncFnOnce(&mut Driver, &Tab, &Site),
) -> (RecordingRecord, Vec<Value>) {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = ActivityLog::open(":memory:").unwrap();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    call.attach(choose(Browser::at(&chromium.address))).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    act(&mut driver, &tab, &site).await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let track = events(&log, &recording).swap_remove(0);
    (recording, track)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_cannot_see_an_isolated_recorder_and_nothing_is_lost() {
    let left_behind = "Object.getOwnPropertySymbols(document).length
        + Object.getOwnPropertyNames(window).filter(name => name.startsWith('__')).length";
    for (isolated, seen) in [(false, 2), (true, 0)] {
        let choose = |browser: Browser| match isolated {
            true => browser.isolated(),
            false => browser,
        };
        let (recording, track) = recorded(choose, async |driver, tab, site| {
            assert_eq!(driver.eval(tab, left_behind).await, seen);
            driver
                .eval(tab, "mark('first;'); location.reload(); 0")
                .await;
            driver
                .wait(
                    tab,
                    "document.body && document.body.textContent.includes('page-1;')",
                )
                .await;
            let away = format!(
                "mark('second;'); location.href = '{}'; 0",
                site.elsewhere("/away")
            );
            driver.wait(tab, LOADED).await;
            driver.eval(tab, &away).await;
            driver
                .wait(
                    tab,
                    "location.pathname === '/away' && document.readyState === 'complete'",
                )
                .await;
            driver.eval(tab, "mark('third;')").await;
        })
        .await;
        assert_eq!(recording.lost, 0, "{recording:?}");
        let all = serde_json::to_string(&track).unwrap();
        for mark in [
            "page-0;", "first;", "page-1;", "second;", "page-2;", "third;",
        ] {
            assert!(
                all.contains(mark),
                "{mark} is missing, isolated: {isolated}"
            );
        }
    }
}

/// An added iframe crashes Chromium while its first page is loading, and is visible to pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_iframe_is_added_to_a_page() {
    let watch = "window.added = []; new MutationObserver(all => all.forEach(one =>
        one.addedNodes.forEach(node => added.push(node.nodeName)))).observe(document, {childList: true, subtree: true})";
    recorded(
        |browser| browser,
        async |driver, tab, _| {
            driver.call(Some(&tab.0), "Page.enable", json!({})).await;
            let method = "Page.addScriptToEvaluateOnNewDocument";
            let script = json!({"source": watch});
            driver.call(Some(&tab.0), method, script).await;
            driver.eval(tab, "location.reload(); 0").await;
            driver.wait(tab, &format!("{LOADED} && window.added")).await;
            let seen = driver
                .eval(tab, "[added.includes('BODY'), added.includes('IFRAME')]")
                .await;
            assert_eq!(seen, json!([true, false]));
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_and_ignored_elements_are_not_recorded() {
    let act = async |driver: &mut Driver, tab: &Tab, _: &Site| {
        let typed = "const box = document.createElement('div');
            box.className = 'private';
            box.textContent = 'balance-17;';
            document.body.append(box);
            const field = document.querySelector('[name=q]');
            field.value = 'shoes';
            field.dispatchEvent(new Event('input', {bubbles: true}));
            mark('after;')";
        driver.eval(tab, typed).await;
    };
    let inputs = |track: &[Value]| {
        let input = |event: &&Value| event["type"] == 3 && event["data"]["source"] == 5;
        track.iter().filter(input).count()
    };
    let (_, plain) = recorded(|browser| browser, act).await;
    assert!(
        serde_json::to_string(&plain)
            .unwrap()
            .contains("balance-17;")
    );
    assert!(inputs(&plain) > 0);

    let choose = |browser: Browser| browser.block(".private").ignore("[name=q]");
    let (_, track) = recorded(choose, act).await;
    let all = serde_json::to_string(&track).unwrap();
    assert!(
        all.contains("after;") && !all.contains("balance-17;"),
        "{all}"
    );
    assert_eq!(inputs(&track), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_restored_from_the_cache_gets_a_new_snapshot() {
    let (recording, track) = recorded(
        |browser| browser,
        async |driver, tab, site| {
            driver.eval(tab, "mark('before;'); 0").await;
            let version = driver.call(None, "Browser.getVersion", json!({})).await;
            // A headless shell has no back/forward cache: simulate the event.
            if version["product"].as_str().unwrap().contains("Headless") {
                let back =
                    "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})); 0";
                driver.eval(tab, back).await;
            } else {
                let next = format!("location.href = '{}'; 0", site.url("/next"));
                driver.eval(tab, &next).await;
                let there = "location.pathname === '/next' && document.readyState === 'complete'";
                driver.wait(tab, there).await;
                driver.eval(tab, "history.back(); 0").await;
            }
            // It was restored, not loaded again.
            driver
                .wait(tab, "document.body.textContent.includes('restored;')")
                .await;
            driver.eval(tab, "mark('after;')").await;
        },
    )
    .await;
    assert_eq!(recording.lost, 0);
    let last = track.iter().rfind(|event| event["type"] == 2);
    let last = last.unwrap().to_string();
    assert!(last.contains("before;"), "{last}");
    assert!(
        track
            .iter()
            .any(|event| event.to_string().contains("after;"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_restored_after_the_end_is_not_recorded() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = ActivityLog::open(":memory:").unwrap();
    let call = log.start(Describe::tool("shop_search"));
    let session = call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    session.stop().await;
    let comes_back = "window.failed = 0; addEventListener('error', () => failed++);
        dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})); failed";
    assert_eq!(driver.eval(&tab, comes_back).await, 0);
}
