//! The time that a call's response waits for its recording, and the time until the recording is linked.

use std::time::{Duration, Instant};

use benches::{print_ratio, quantile};
use tower_activity::{
    ActivityLog, Describe,
    activity::ByResult,
    log::{FlushMode, RecordingOptions},
    query::ActivityReader,
    record::ActivityId,
    recording::Browser,
};

use crate::{Failure, chromium::Chromium, close, columns, open, site::Site};

/// The flush modes: their names for people and machines.
const WAYS: [(&str, &str, Option<FlushMode>); 3] = [
    ("without a recording", "none", None),
    (
        "handed over after the answer",
        "background",
        Some(FlushMode::Background),
    ),
    (
        "handed over before the answer",
        "before_answer",
        Some(FlushMode::BeforeResponse),
    ),
];

/// The polling interval of the store, which is the error of the figures.
const POLL: Duration = Duration::from_millis(1);
/// Much longer than the log waits for a browser's last events.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn calls(site: &Site, chromium: &Chromium, rounds: usize) -> Result<(), Failure> {
    println!(
        "{:<32} {:>11} {:>11}   {:>10} {:>11}",
        "call", "answer p50", "p99", "linked p50", "p99"
    );
    let mut figures = Vec::new();
    let mut driver = chromium.driver().await;
    for (what, way, handover) in WAYS {
        let folder = tempfile::tempdir()?;
        let recordings = RecordingOptions::default().flush_mode(handover.unwrap_or_default());
        let log = ActivityLog::builder()
            .recordings(recordings)
            .open(folder.path().join("activity.db"))?;
        let mut reader = log.reader()?;
        let (mut answers, mut links) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let tab = open(&mut driver, site).await;
            let call = log.start(Describe::tool("shop_search"));
            let id = call.id().ok_or("the call is not on record")?;
            if handover.is_some() {
                let recording = call.attach(Browser::at(&chromium.address)).await;
                recording.outcome().map_err(|why| why.to_string())?;
            }
            // So that the page has pending events.
            driver.eval(&tab, "burst(50)").await;
            let returned = Instant::now();
            call.observe_with(async { Ok::<_, ()>(()) }, ByResult::default())
                .await
                .map_err(|()| "the call failed")?;
            answers.push(returned.elapsed());
            if handover.is_some() {
                links.push(linked(&mut reader, id, returned).await?);
            }
            close(&mut driver, &tab).await;
        }
        print!("{what:<32} {}", columns(&mut answers));
        if handover.is_some() {
            print!("{}", columns(&mut links));
        }
        println!();
        for (name, times) in [("answer", &answers), ("linked", &links)] {
            let ms = |share| quantile(times, share).as_secs_f64() * 1e3;
            if !times.is_empty() {
                figures.push((format!("recording_{name}_{way}_p50_ms"), ms(0.5)));
                figures.push((format!("recording_{name}_{way}_p99_ms"), ms(0.99)));
            }
        }
        log.shutdown().await?;
    }
    for (name, value) in figures {
        print_ratio(&name, value);
    }
    Ok(())
}

/// Waits until the recording of a call is linked to it. Returns the time since the call returned.
async fn linked(
    reader: &mut ActivityReader,
    id: ActivityId,
    returned: Instant,
) -> Result<Duration, Failure> {
    loop {
        let found = reader.recordings_of(id)?;
        let mut links = found.iter().flat_map(|recording| &recording.links);
        if links.any(|link| link.until.is_some()) {
            return Ok(returned.elapsed());
        }
        if returned.elapsed() > PATIENCE {
            return Err(format!("no recording was linked to the call {id} in {PATIENCE:?}").into());
        }
        tokio::time::sleep(POLL).await;
    }
}
