//! Recordings play in rrweb's player.

use tower_activity::{ActivityLog, Describe, Outcome, recording::Browser};

use crate::browser::{chromium::Chromium, ended, events, recording_when, site::Site};

const REPLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/pages/dist/replay.js");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_player_shows_the_page_as_it_was_at_each_time() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let log = ActivityLog::open(":memory:").unwrap();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver
        .wait(&tab, "document.readyState === 'complete' && window.mark")
        .await;
    // Far enough apart to be checked in between.
    let later = "new Promise(done => setTimeout(done, 60))";
    for n in 0..3 {
        driver
            .eval(&tab, &format!("{later}.then(() => mark('step-{n};'))"))
            .await;
    }
    driver.eval(&tab, later).await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let [track] = events(&log, &recording).try_into().unwrap();
    // The time of each step, by the first event that contains it.
    let first = track[0]["timestamp"].as_f64().unwrap();
    let at = |n: usize| {
        let mark = format!("step-{n};");
        let found = track.iter().find(|event| event.to_string().contains(&mark));
        found.unwrap()["timestamp"].as_f64().unwrap() - first
    };

    let player = driver.open("about:blank", None).await;
    let script = std::fs::read_to_string(REPLAY).unwrap();
    let events = serde_json::to_string(&track).unwrap();
    let load = format!(
        "{script}; window.player = new towerActivity.Replayer({events}, {{root: document.body, showWarning: false}}); 0"
    );
    driver.eval(&player, &load).await;
    for n in 0..3 {
        let show = format!(
            "(player.pause({}), player.iframe.contentDocument.body.textContent)",
            at(n) + 5.0
        );
        let shown = driver.eval(&player, &show).await;
        let shown = shown.as_str().unwrap();
        assert!(shown.contains("page-0;"), "{shown}");
        let steps: Vec<_> = (0..3)
            .filter(|n| shown.contains(&format!("step-{n};")))
            .collect();
        assert_eq!(steps, (0..=n).collect::<Vec<_>>());
    }
}
