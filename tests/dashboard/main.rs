//! The dashboard in a real browser, with history and a live writer, at the root of a server and under a prefix. The tests
//! themselves are in `src/web/pages/e2e/`. They have the same results for a file and for a central store that it is forwarded to.
#![allow(clippy::unwrap_used)]

#[path = "../../examples/dashboard/history.rs"]
mod history;
mod hostile;
mod live;
#[path = "../../examples/dashboard/messy.rs"]
mod messy;
mod quiet;
#[path = "../../examples/dashboard/session.rs"]
mod session;
mod shown;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/dashboard/work.rs"]
mod work;

use std::{net::SocketAddr, path::Path, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, process::Command, sync::Mutex, time};

use crate::shown::{Kind, Shown};

/// A browser needs a core: one test at a time.
static BROWSER: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_and_control_works_under_any_prefix() {
    run("dashboard").await;
}

/// All the other tests run on a central store with `cargo xtask prove dashboard-postgres`.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_a_central_store_open_what_they_count() {
    run_on(Kind::Central, "overview").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_open_what_they_count() {
    run("overview").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_are_played_with_marks_and_live() {
    run("replay").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_records_execute_nothing_in_the_browser() {
    run("attacks").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messy_records_leave_pages_readable() {
    run("messy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_survive_slow_and_absent_servers_and_ask_little() {
    run("outage").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_keep_their_place() {
    run("lists").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_pages_lead_on() {
    run("entrance").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timeline_is_explored() {
    run("explore").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_calls_are_shown_by_server_client_and_tool() {
    run("mcp").await;
}

/// The token of the locked server.
const TOKEN: &str = "a-token-that-only-the-tests-know";

/// Runs a test file in the browser, against a server at the root and one under a prefix.
async fn run(theme: &str) {
    run_on(Kind::from_environment(), theme).await;
}

async fn run_on(kind: Kind, theme: &str) {
    let _browser = BROWSER.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    history::write(&store).await.unwrap();
    let main = Shown::open(kind, &store).await;
    let log = main.log.clone();
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    hostile::write(&log, elsewhere.local_addr().unwrap()).await;
    if ["messy", "mcp"].contains(&theme) {
        messy::write(&log).await;
    }
    main.settle().await;
    let working = tokio::spawn(work::run_forever(log));
    let root = serve(Router::new().fallback_service(main.router())).await;
    let nested = serve(Router::new().nest_service("/ops/activity", main.router())).await;
    let quiet = Shown::open(kind, &folder.path().join("quiet.db")).await;
    let locked = serve(Router::new().fallback_service(quiet.router().token(TOKEN))).await;
    let control = live::control(main).merge(quiet::control(quiet.clone()));
    let control = serve(control).await;
    let quiet = serve(Router::new().fallback_service(quiet.router())).await;

    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/pages");
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    let run = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(format!("e2e/{theme}.test.mjs"))
        .current_dir(pages)
        .env("CHROMIUM", chromium)
        .env(
            "DASHBOARDS",
            format!("http://{root}/ http://{nested}/ops/activity/"),
        )
        .env("NET_LOG", folder.path().join("net-log.json"))
        .env("CONTROL", format!("http://{control}/"))
        .env("QUIET", format!("http://{quiet}/"))
        .env("LOCKED", format!("http://{locked}/"))
        .env("TOKEN", TOKEN)
        .kill_on_drop(true)
        .output();
    let run = run
        .await
        .expect("could not run node; `cargo xtask test` installs what this test needs");
    working.abort();
    let connection = time::timeout(Duration::ZERO, elsewhere.accept()).await;
    assert!(connection.is_err(), "a recorded page opened {connection:?}");
    assert!(
        run.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}
