//! A page that sends forged payloads to the recorder.

use tower_activity::{Describe, Outcome, record::RecordingStatus, recording::Browser};

use crate::browser::{chromium::Chromium, ended, events, patient_log, recording_when, site::Site};

/// Payloads that a page sends through the binding: three lines are not events, the rest are not batches at all.
const FORGED: &str = r"
const name = Object.getOwnPropertyNames(window).find(name => name.startsWith('__'));
const say = window[name];
say('');
say('no head');
say('x 0 1\n{}\n');
say('x 18446744073709551615 1 2\n{}\n');
say('x -5 1 2\n{}\n');
say('x 0 99999999999999999999 2\n{}\n');
say('n'.repeat(100000) + ' 0 1 2\n{}\n');
say('y 0 1 2\nnot json\n{\n[1]\n');
for (let n = 0; n < 1100; n++) say('made-up-' + n + ' 0 1 2\n{}\n');
typeof say";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_payloads_break_nothing_and_use_no_memory() {
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
    assert_eq!(driver.eval(&tab, FORGED).await, "function");
    driver.eval(&tab, "mark('after;')").await;
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    // The three invalid lines, and the page's own events if forged documents evicted its document.
    assert_eq!(recording.status, RecordingStatus::Lost);
    assert!((3..1000).contains(&recording.lost), "{recording:?}");
    assert_eq!(recording.tracks, ["tab 1"]);
    // The recording is readable, and contains the whole page.
    let track = events(&log, &recording).swap_remove(0);
    assert_eq!(track.len() as u64, recording.events);
    let all = serde_json::to_string(&track).unwrap();
    assert!(all.contains("page-0;") && all.contains("after;"), "{all}");
}
