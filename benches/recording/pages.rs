//! The time that recording adds to pages, and the size of recordings.

use std::time::Duration;

use benches::{print_ratio, quantile};
use tower_activity::{ActivityLog, Describe, record::RecordingRecord, recording::Browser};

use crate::{
    Failure,
    chromium::{Chromium, Driver, Tab},
    close, columns, open,
    site::Site,
};

/// The time of 2,000 mutations, with the work that they cause before the next task.
const BURST: &str = "new Promise(done => {
  const before = performance.now(), next = new MessageChannel();
  next.port1.onmessage = () => done(performance.now() - before);
  burst(2000);
  next.port2.postMessage(0);
})";
/// The load time of the page.
const LOAD: &str = "performance.getEntriesByType('navigation')[0].loadEventEnd";

/// The times of one page.
#[derive(Default)]
struct Pages {
    loads: Vec<Duration>,
    bursts: Vec<Duration>,
}

pub(crate) async fn pages(site: &Site, chromium: &Chromium, rounds: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let log = ActivityLog::open(folder.path().join("activity.db"))?;
    let (mut alone, mut recorded) = (Pages::default(), Pages::default());
    let mut kept = Vec::new();
    let mut driver = chromium.driver().await;
    // Alternately, so that noise of the machine affects both.
    for _ in 0..rounds {
        let tab = alone.open(&mut driver, site).await?;
        close(&mut driver, &tab).await;

        let call = log.start(Describe::tool("shop_search"));
        let recording = call.attach(Browser::at(&chromium.address)).await;
        let tab = recorded.open(&mut driver, site).await?;
        recording.stop().await;
        log.flush().await?;
        let id = call.id().ok_or("the call is not on record")?;
        kept.extend(log.reader()?.recordings_of(id)?);
        close(&mut driver, &tab).await;
    }
    log.shutdown().await?;

    println!(
        "\n{:<32} {:>11} {:>11}   {:>10} {:>11}",
        "page", "alone p50", "p99", "with p50", "p99"
    );
    let mut figures = Vec::new();
    for (what, name, of, with) in [
        ("load", "load", &mut alone.loads, &mut recorded.loads),
        (
            "burst of 2,000 mutations",
            "burst",
            &mut alone.bursts,
            &mut recorded.bursts,
        ),
    ] {
        println!("{what:<32} {}{}", columns(of), columns(with));
        let more = quantile(with, 0.5).as_secs_f64() / quantile(of, 0.5).as_secs_f64();
        figures.push((format!("recording_{name}_vs_alone"), more));
    }
    print_sizes(&kept)?;
    for (name, value) in figures {
        print_ratio(&name, value);
    }
    Ok(())
}

impl Pages {
    /// Opens a page, runs the mutations, and reads both times.
    async fn open(&mut self, driver: &mut Driver, site: &Site) -> Result<Tab, Failure> {
        let tab = open(driver, site).await;
        for (of, times) in [(LOAD, &mut self.loads), (BURST, &mut self.bursts)] {
            let ms = driver.eval(&tab, of).await.as_f64();
            let ms = ms.ok_or_else(|| format!("the page gave no number for {of}"))?;
            times.push(Duration::from_secs_f64(ms / 1e3));
        }
        Ok(tab)
    }
}

fn print_sizes(kept: &[RecordingRecord]) -> Result<(), Failure> {
    let count = kept.len() as u64;
    if count == 0 {
        return Err("no page was recorded".into());
    }
    let (events, bytes) = kept.iter().fold((0, 0), |(events, bytes), one| {
        (events + one.events, bytes + one.bytes)
    });
    println!(
        "a page with the burst: {} events, {} bytes in the store",
        events / count,
        bytes / count
    );
    Ok(())
}
