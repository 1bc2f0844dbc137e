//! Cross-origin iframes: recorded, and not readable by their page.

use std::collections::BTreeSet;

use tower_activity::{Describe, Outcome, record::RecordingStatus, recording::Browser};

use crate::browser::{chromium::Chromium, ended, events, patient_log, recording_when, site::Site};

async fn check(choose: impl FnOnce(Browser) -> Browser) {
    let (site, other) = (Site::start().await, Site::start().await);
    let chromium = Chromium::start().await;
    let log = patient_log();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    call.attach(choose(Browser::at(&chromium.address))).await;
    let mut driver = chromium.driver().await;
    // Another host name, which gets its own process, and another port, which shares the page's process.
    let frames = format!("{};{}", site.elsewhere("/site"), other.url("/origin"));
    let page = site.url(&format!("/framing?{frames}"));
    let tab = driver.open(&page, None).await;
    driver
        .wait(
            &tab,
            "document.readyState === 'complete' && frames.length === 2",
        )
        .await;
    let tell = "frames[0].postMessage('of-site;', '*'); frames[1].postMessage('of-origin;', '*'); mark('of-page;')";
    driver.eval(&tab, tell).await;
    driver.wait(&tab, "heard.length > 1").await;
    let heard = driver.eval(&tab, "heard.join()").await;
    assert_eq!(
        heard, "marked,marked",
        "no event of theirs comes by the page"
    );
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(
        (recording.status, recording.lost),
        (RecordingStatus::Complete, 0)
    );
    let tracks: BTreeSet<_> = recording.tracks.iter().map(|one| one.to_string()).collect();
    let names = ["tab 1", "tab 1 frame 1", "tab 1 frame 2"].map(String::from);
    assert_eq!(tracks, BTreeSet::from(names));
    let all = events(&log, &recording);
    for mark in ["of-page;", "of-site;", "of-origin;"] {
        let shown = |track: &&_| serde_json::to_string(*track).unwrap().contains(mark);
        assert_eq!(
            all.iter().filter(shown).count(),
            1,
            "{mark} is in one track"
        );
    }
    for track in all {
        let types: Vec<_> = track.iter().map(|event| event["type"].as_u64()).collect();
        assert!(
            types.contains(&Some(2)),
            "it begins with what it looks like"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iframe_of_another_origin_has_a_track_that_its_page_cannot_read() {
    check(|browser| browser).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_from_an_isolated_world() {
    check(Browser::isolated).await;
}
