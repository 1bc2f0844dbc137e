//! Events are recorded on every way to leave a page.

use serde_json::json;
use tower_activity::{Describe, Outcome, record::RecordingStatus, recording::Browser};

use crate::browser::{
    chromium::{Chromium, Driver, Tab},
    ended, events, patient_log, recording_when,
    site::Site,
    wait_until,
};

const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/pages/dist/record.js");

/// Adds a mark to a page right before it is left, and waits for the next page.
pub(crate) async fn leave(driver: &mut Driver, tab: &Tab, site: &Site, number: usize, how: &str) {
    let before = site.served();
    driver
        .eval(tab, &format!("mark('left-{number};'); {how}; 0"))
        .await;
    let arrived = format!("document.body && document.body.textContent.includes('page-{before};')");
    driver
        .wait(
            tab,
            &format!("document.readyState === 'complete' && {arrived}"),
        )
        .await;
}

/// The alternative: the page keeps its events in an array, to be read at the end.
pub(crate) async fn keep_in_page(driver: &mut Driver, tab: &Tab) {
    let record = std::fs::read_to_string(RECORD).unwrap();
    let source = format!(
        "(() => {{ {record}; window.kept = []; window.keep = text => kept.push(text);
                   towerActivity.start({{binding: 'keep'}}); }})()"
    );
    driver.call(Some(&tab.0), "Page.enable", json!({})).await;
    let method = "Page.addScriptToEvaluateOnNewDocument";
    driver
        .call(Some(&tab.0), method, json!({"source": source}))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_however_a_page_is_left() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = patient_log();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let recording = call.attach(Browser::at(&chromium.address)).await;
    assert_eq!(recording.outcome().ok(), Some(RecordingStatus::Recording));
    drop(recording);

    let mut driver = chromium.driver().await;
    let tab = driver.open("about:blank", None).await;
    keep_in_page(&mut driver, &tab).await;
    let first = format!("location.href = '{}'; 0", site.url("/"));
    driver.eval(&tab, &first).await;
    driver
        .wait(
            &tab,
            "document.readyState === 'complete' && document.body.textContent.includes('page-0;')",
        )
        .await;
    let steps = [
        format!("location.href = '{}'", site.url("/same")),
        format!("location.href = '{}'", site.elsewhere("/other")),
        "location.reload()".to_owned(),
        "document.getElementById('post').submit()".to_owned(),
        format!("location.href = '{}'", site.url("/framed")),
        format!("location.href = '{}'", site.url("/last")),
    ];
    for (number, how) in steps.iter().enumerate() {
        leave(&mut driver, &tab, &site, number, how).await;
    }
    // Then, from the last page: a burst, a popup, a new tab, back and forward.
    let left = steps.len();
    driver.eval(&tab, "burst(2000)").await;
    let before = site.served();
    driver
        .eval(
            &tab,
            &format!("window.open('{}', 'popup', 'popup'); 0", site.url("/popup")),
        )
        .await;
    let second = driver.open(&site.url("/tab"), None).await;
    driver
        .wait(&second, "document.readyState === 'complete' && window.mark")
        .await;
    driver.eval(&second, "mark('second-tab;')").await;
    wait_until(|| site.served() == before + 2).await;
    driver
        .eval(&tab, &format!("mark('left-{left};'); history.back(); 0"))
        .await;
    driver
        .wait(
            &tab,
            "location.pathname === '/framed' && document.readyState === 'complete'",
        )
        .await;
    driver
        .eval(&tab, "mark('back;'); history.forward(); 0")
        .await;
    driver
        .wait(
            &tab,
            "location.pathname === '/last' && document.readyState === 'complete'",
        )
        .await;
    driver.eval(&tab, "mark('forward;')").await;
    let targets = driver.call(None, "Target.getTargets", json!({})).await;
    let targets = targets["targetInfos"].as_array().unwrap().clone();
    let found = targets.iter().find(|one| {
        one["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("/popup"))
    });
    let popup = driver
        .tab(found.unwrap()["targetId"].as_str().unwrap())
        .await;
    driver
        .wait(&popup, "document.readyState === 'complete' && window.mark")
        .await;
    driver.eval(&popup, "mark('popup;')").await;

    let in_page = driver.eval(&tab, "window.kept.join('')").await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(
        (recording.status, recording.lost),
        (RecordingStatus::Complete, 0)
    );
    assert_eq!(recording.tracks.len(), 3, "{recording:?}");
    let tracks = events(&log, &recording);
    let all = serde_json::to_string(&tracks).unwrap();
    let mut marks: Vec<String> = (0..site.served()).map(|n| format!("page-{n};")).collect();
    marks.extend((0..=left).map(|n| format!("left-{n};")));
    marks.extend((0..2000).map(|n| format!("burst-{n};")));
    marks.extend(["second-tab;", "back;", "forward;", "popup;"].map(String::from));
    let missing: Vec<_> = marks
        .iter()
        .filter(|mark| !all.contains(mark.as_str()))
        .collect();
    let in_page = in_page.as_str().unwrap();
    let kept = marks.iter().filter(|mark| in_page.contains(mark.as_str()));
    println!(
        "marks lost: {} of {}, in {} events; {} with an array in the page that is read at the end",
        missing.len(),
        marks.len(),
        recording.events,
        marks.len() - kept.count(),
    );
    assert!(missing.is_empty(), "{missing:?}");
    let count: usize = tracks.iter().map(Vec::len).sum();
    assert_eq!(count as u64, recording.events);
    for track in tracks {
        let types = track.iter().map(|event| event["type"].as_u64());
        let shown: Vec<_> = types.skip_while(|one| *one != Some(4)).take(2).collect();
        assert_eq!(
            shown,
            [Some(4), Some(2)],
            "a track begins with what it looks like"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_share_a_browser_never_mix_their_pages() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = patient_log();
    let url = site.url("/");
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let (log, url, address) = (log.clone(), url.clone(), chromium.address.clone());
            let driver = chromium.driver();
            async move {
                let mut driver = driver.await;
                let context = driver
                    .call(None, "Target.createBrowserContext", json!({}))
                    .await;
                let context = context["browserContextId"].as_str().unwrap().to_owned();
                let call = log.start(Describe::tool("shop_search"));
                let id = call.id();
                let browser = Browser::at(address).context(context.as_str());
                let recording = call.attach(browser).await;
                assert!(recording.outcome().is_ok(), "{recording:?}");
                let tab = driver.open(&url, Some(&context)).await;
                driver
                    .wait(&tab, "document.readyState === 'complete' && window.mark")
                    .await;
                driver.eval(&tab, &format!("mark('call-{n};')")).await;
                call.end(Outcome::success());
                (n, id)
            }
        })
        .collect();
    for (n, id) in futures_util::future::join_all(calls).await {
        let recording = recording_when(&log, id, ended).await;
        let all = serde_json::to_string(&events(&log, &recording)).unwrap();
        let marks: Vec<_> = (0..20)
            .filter(|n| all.contains(&format!("call-{n};")))
            .collect();
        assert_eq!(marks, [n]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_batches_stay_in_order() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = patient_log();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver
        .wait(&tab, "document.readyState === 'complete' && window.mark")
        .await;
    let marks: Vec<_> = (0..6).map(|n| format!("step-{n};")).collect();
    for (n, mark) in marks.iter().enumerate() {
        // Every other batch is large, and sent immediately.
        let size = 400_000 * (1 - n % 2);
        let heavy = format!("mark('{mark}' + 'words '.repeat({size} / 6)); 0");
        driver.eval(&tab, &heavy).await;
    }
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(
        (recording.status, recording.lost),
        (RecordingStatus::Complete, 0)
    );
    let track = serde_json::to_string(&events(&log, &recording)).unwrap();
    let places: Vec<_> = marks.iter().map(|mark| track.find(mark).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}
