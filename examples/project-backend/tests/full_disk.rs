//! A disk that fills up midway: operations continue, records that do not fit are counted, and the rest is committed in the end.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chrono::Utc;
use project_backend::{Backend, Caller, Console, Endpoint};
use tower_activity::{ActivityLog, query::ActivityReader, record::Filter};

/// The folder of the child process in which the test runs again, with SIGXFSZ ignored.
const PLACE: &str = "PROJECT_BACKEND_TEST_PLACE";
/// Maximum file size while the disk is full, in bytes: only the log's file is larger.
const FULL: u64 = 64 << 10;
/// A number of queries that exceeds the log's memory limit.
const QUERIES: usize = 20_000;

fn limit_files(bytes: &str) {
    let process = std::process::id().to_string();
    let limit = format!("--fsize={bytes}");
    let ran = Command::new("prlimit")
        .args([&limit, "--pid", &process])
        .status();
    assert!(ran.unwrap().success());
}

fn types(console: &Console<'_>, filter: &str) -> Vec<String> {
    let (mut cursor, mut types) = (None, Vec::new());
    loop {
        // One per page, so that an unstable order fails the test.
        let page = console.timeline("ann", "shop", filter, Utc::now(), cursor, 1);
        let page = page.unwrap();
        types.extend(
            page.records
                .iter()
                .map(|event| event.event_type.to_string()),
        );
        cursor = page.next;
        if cursor.is_none() {
            return types;
        }
    }
}

#[test]
fn every_operation_succeeds_on_a_full_disk_and_the_timeline_is_complete_in_the_end() {
    let Some(folder) = std::env::var_os(PLACE).map(PathBuf::from) else {
        let folder = tempfile::tempdir().unwrap();
        let ran = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .env(PLACE, folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:#?}");
        return;
    };
    let path = folder.join("activity.db");
    let log = ActivityLog::builder().memory_limit(256 << 10);
    let log = log.open(&path).unwrap();
    let backend = Backend::new(&log, folder.join("projects"));
    let ann = Caller {
        user: "ann".into(),
        request: None,
    };
    let remote = folder.join("far-away.git");
    fs::create_dir(&remote).unwrap();
    let git = Command::new("git")
        .args(["init", "--quiet", "--bare"])
        .arg(&remote)
        .env_remove("GIT_DIR")
        .status();
    assert!(git.unwrap().success());
    backend.create_project(&ann, "shop").unwrap();
    log.flush().wait().unwrap();

    let size = |path: &Path| fs::metadata(path).unwrap().len();
    assert!(size(&folder.join("activity.db-wal")) > FULL);
    limit_files(&format!("{FULL}:"));
    let endpoint = |route| Endpoint {
        route,
        sql: "SELECT 1",
    };
    let table = ["CREATE TABLE item (name)"];
    backend.run_queries(&ann, "shop", &table).unwrap();
    let both = ["GET /a", "GET /b"].map(endpoint);
    backend.add_endpoints(&ann, "shop", &both).unwrap();
    backend.modify_endpoints(&ann, "shop", &both[..1]).unwrap();
    let three = ["GET /c", "GET /d", "GET /e"].map(endpoint);
    backend.add_endpoints(&ann, "shop", &three).unwrap();
    backend.push(&ann, "shop", &remote).unwrap();
    backend.deploy(&ann, "shop").unwrap();
    let rejected = || log.accounting().activities.rejected() + log.accounting().events.rejected();
    let asked = (0..QUERIES).find(|_| {
        backend.run_queries(&ann, "shop", &["SELECT 1"]).unwrap();
        rejected() > 0
    });
    assert!(asked.is_some(), "{:?}", log.accounting());
    // Nothing of it is committed yet.
    let created = ["database_created", "project_created"];
    assert_eq!(types(&backend.console(), ""), created);

    limit_files("unlimited:");
    log.flush().wait().unwrap();
    let expected = [
        "deployment",
        "github_push",
        "endpoints_added",
        "endpoints_modified",
        "endpoints_added",
        "tables_added",
        "queries_executed",
        "database_created",
        "project_created",
    ];
    let mut found = types(&backend.console(), "");
    assert_eq!(found, types(&backend.console(), ""));
    // The newest are the queries that filled the memory.
    let more = found.len() - expected.len();
    assert!(found.drain(..more).all(|one| one == "queries_executed"));
    assert_eq!(found, expected);

    let counts = log.shutdown().wait().unwrap();
    assert!(counts.adds_up(), "{counts:?}");
    assert_eq!((counts.activities.lost(), counts.events.lost()), (0, 0));
    let mut reader = ActivityReader::open(&path).unwrap();
    let saved = &reader.health().unwrap().instances[0].accounting;
    assert!(saved.activities.rejected() + saved.events.rejected() > 0);
    assert_eq!(saved, &counts);
    let failed = Filter::parse("status:failed", Utc::now()).unwrap();
    assert_eq!(reader.page(&failed, None, 1).unwrap().records, []);
}
