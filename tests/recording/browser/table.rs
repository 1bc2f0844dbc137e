//! Events lost per way of leaving a page, compared with an array in the page: the table of `docs/recordings.md`.

use serde_json::json;
use tower_activity::{
    Describe, Outcome,
    record::RecordingStatus,
    recording::{Browser, Recording},
};

use crate::browser::{
    chromium::{Chromium, Driver, Tab},
    ended, events,
    pages::{keep_in_page, leave},
    patient_log, recording_when,
    site::Site,
    wait_until,
};

const LOADED: &str = "document.readyState === 'complete' && window.mark";
/// Number of marks added before the page is left.
const BEFORE: usize = 20;

/// How the browser failed at the end.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    Well,
    PageCrashes,
    BrowserIsKilled,
}

#[derive(Debug)]
struct Row {
    case: &'static str,
    marks: usize,
    lost: usize,
    lost_in_page: usize,
    outcome: String,
}

/// Adds marks to a page, runs an action, and checks which marks are recorded. The action returns its own marks.
async fn row(
    case: &'static str,
    ends: Ends,
    act: impl AsyncFnOnce(&mut Driver, &Tab, &Site) -> Vec<String>,
) -> Row {
    let (site, mut chromium) = (Site::start().await, Chromium::start().await);
    let log = patient_log();
    let call = log.start(Describe::tool("shop_search"));
    let id = call.id();
    let recording = call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open("about:blank", None).await;
    keep_in_page(&mut driver, &tab).await;
    let first = format!("location.href = '{}'; 0", site.url("/"));
    driver.eval(&tab, &first).await;
    driver
        .wait(&tab, &format!("location.pathname === '/' && {LOADED}"))
        .await;
    let mut marks = vec!["page-0;".to_owned()];
    for n in 0..BEFORE {
        driver.eval(&tab, &format!("mark('before-{n};')")).await;
        marks.push(format!("before-{n};"));
    }
    marks.extend(act(&mut driver, &tab, &site).await);
    let in_page = match ends {
        Ends::Well => {
            let kept = driver.eval(&tab, "window.kept.join('')").await;
            kept.as_str().unwrap().to_owned()
        }
        // No page is left to read the array from.
        _ => {
            crash(ends, &recording, &mut driver, &tab, &mut chromium).await;
            marks.push("at-last;".to_owned());
            String::new()
        }
    };
    drop(recording);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let all = serde_json::to_string(&events(&log, &recording)).unwrap();
    let missing = |text: &str| {
        marks
            .iter()
            .filter(|mark| !text.contains(mark.as_str()))
            .count()
    };
    Row {
        case,
        marks: marks.len(),
        lost: missing(&all),
        lost_in_page: missing(&in_page),
        outcome: recording.status.to_string(),
    }
}

/// Crashes the page or the browser with a mark that is not yet sent.
async fn crash(
    ends: Ends,
    recording: &Recording,
    driver: &mut Driver,
    tab: &Tab,
    chromium: &mut Chromium,
) {
    recording.flush().await;
    driver.eval(tab, "mark('at-last;')").await;
    let status = match ends {
        Ends::BrowserIsKilled => {
            chromium.kill();
            RecordingStatus::Gone
        }
        _ => {
            driver.send(Some(&tab.0), "Page.crash", json!({})).await;
            RecordingStatus::Crashed
        }
    };
    wait_until(|| recording.outcome().ok() == Some(status)).await;
}

/// Leaves the page, and returns its marks.
async fn left(driver: &mut Driver, tab: &Tab, site: &Site, how: &str) -> Vec<String> {
    let next = format!("page-{};", site.served());
    leave(driver, tab, site, 0, how).await;
    vec!["left-0;".to_owned(), next]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_but_what_a_crash_takes_along() {
    let nothing = async |_: &mut Driver, _: &Tab, _: &Site| Vec::new();
    let rows = [
        row(
            "same-site navigation",
            Ends::Well,
            async |driver, tab, site| {
                left(
                    driver,
                    tab,
                    site,
                    &format!("location.href = '{}'", site.url("/next")),
                )
                .await
            },
        )
        .await,
        row(
            "cross-site navigation",
            Ends::Well,
            async |driver, tab, site| {
                left(
                    driver,
                    tab,
                    site,
                    &format!("location.href = '{}'", site.elsewhere("/next")),
                )
                .await
            },
        )
        .await,
        row("reload", Ends::Well, async |driver, tab, site| {
            left(driver, tab, site, "location.reload()").await
        })
        .await,
        row("form post", Ends::Well, async |driver, tab, site| {
            left(
                driver,
                tab,
                site,
                "document.getElementById('post').submit()",
            )
            .await
        })
        .await,
        row("popup", Ends::Well, async |driver, tab, site| {
            let open = format!(
                "window.popup = window.open('{}', 'popup', 'popup'); 0",
                site.url("/popup")
            );
            driver.eval(tab, &open).await;
            driver
                .wait(
                    tab,
                    "popup.mark && popup.document.readyState === 'complete'",
                )
                .await;
            driver.eval(tab, "popup.mark('popup;')").await;
            vec!["page-1;".to_owned(), "popup;".to_owned()]
        })
        .await,
        row("new tab", Ends::Well, async |driver, _, site| {
            let second = driver.open(&site.url("/tab"), None).await;
            driver
                .wait(
                    &second,
                    &format!("location.pathname === '/tab' && {LOADED}"),
                )
                .await;
            driver.eval(&second, "mark('second;')").await;
            vec!["page-1;".to_owned(), "second;".to_owned()]
        })
        .await,
        row(
            "burst of 2,000 mutations",
            Ends::Well,
            async |driver, tab, _| {
                driver.eval(tab, "burst(2000)").await;
                (0..2000).map(|n| format!("burst-{n};")).collect()
            },
        )
        .await,
        row("back and forward", Ends::Well, async |driver, tab, site| {
            let mut marks = left(
                driver,
                tab,
                site,
                &format!("location.href = '{}'", site.url("/next")),
            )
            .await;
            for (way, path) in [("back", "/"), ("forward", "/next")] {
                driver
                    .eval(tab, &format!("mark('{way}-from;'); history.{way}(); 0"))
                    .await;
                driver
                    .wait(tab, &format!("location.pathname === '{path}' && {LOADED}"))
                    .await;
                driver.eval(tab, &format!("mark('{way}-to;')")).await;
                marks.extend([format!("{way}-from;"), format!("{way}-to;")]);
            }
            marks
        })
        .await,
        row("page crash", Ends::PageCrashes, nothing).await,
        row("browser killed", Ends::BrowserIsKilled, nothing).await,
    ];
    println!("| what happens | marks | lost | lost with an array in the page | outcome |");
    println!("|---|---|---|---|---|");
    for row in &rows {
        println!(
            "| {} | {} | {} | {} | `{}` |",
            row.case, row.marks, row.lost, row.lost_in_page, row.outcome
        );
    }
    for row in &rows {
        let (lost, outcome) = match row.case {
            // The open batch: the mark that was not yet sent.
            "page crash" => (1, "crashed"),
            "browser killed" => (1, "gone"),
            _ => (0, "complete"),
        };
        assert!(row.lost <= lost && row.outcome == outcome, "{row:?}");
    }
}
