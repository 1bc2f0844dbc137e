//! The cost of recording a browser, for calls and for pages. Needs the Chromium that the variable `CHROMIUM` names, and is
//! skipped without it. `BENCH_ROUNDS` sets the number of rounds (default 100).
#![allow(missing_docs)]

mod calls;
mod pages;

use std::time::Duration;

use benches::{is_quick, quantile, setting};

use self::{
    chromium::{Chromium, Driver, Tab},
    site::Site,
};

#[path = "../../tests/recording/browser/chromium.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod chromium;
#[path = "../../tests/recording/browser/site.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod site;

/// An error that ends a run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const LOADED: &str =
    "document.readyState === 'complete' && window.burst && performance.timing.loadEventEnd > 0";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    if std::env::var_os("CHROMIUM").is_none() {
        println!("recording: skipped, set CHROMIUM to the path of a browser");
        return Ok(());
    }
    let rounds = match is_quick() {
        true => 2,
        false => setting("BENCH_ROUNDS", 100),
    };
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    calls::calls(&site, &chromium, rounds).await?;
    pages::pages(&site, &chromium, rounds).await
}

/// Opens a page of the site, and waits until it is loaded.
async fn open(driver: &mut Driver, site: &Site) -> Tab {
    let tab = driver.open(&site.url("/"), None).await;
    driver.wait(&tab, LOADED).await;
    tab
}

async fn close(driver: &mut Driver, tab: &Tab) {
    driver
        .call(Some(&tab.0), "Page.close", serde_json::json!({}))
        .await;
}

/// Sorts samples. Returns the median and the 99th percentile.
fn columns(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let (median, most) = (quantile(times, 0.5), quantile(times, 0.99));
    format!("{median:>11.1?} {most:>11.1?}  ")
}
