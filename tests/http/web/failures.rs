//! Failures of the store: the answers name what failed, and nothing of the server's files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use rusqlite::Connection;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome, store::sqlite::SqliteStore, web::ActivityRouter,
};

use crate::web::support::{Answer, get};

/// The name of the store's folder, which no answer may have.
const SECRET: &str = "home-of-ann-4711";

const PATHS: [&str; 15] = [
    "/",
    "/api/activities",
    "/api/activities?q=status:failed",
    "/api/activities/01a22a64-ec5f-7d48-8000-000000000000",
    "/api/events",
    "/api/recordings",
    "/api/recordings/01a22a64-ec5f-7d48-8000-000000000000/chunks",
    "/api/metrics/overall",
    "/api/metrics/projects",
    "/api/metrics/projects/acme",
    "/api/metrics/types",
    "/api/digest",
    "/api/export",
    "/api/export?what=events",
    "/api/health",
];

/// Returns a store with records, in a folder with the secret name.
fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join(SECRET);
    fs::create_dir(&secret).unwrap();
    let path = secret.join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    for _ in 0..500 {
        log.start(Describe::tool("call").project("acme"))
            .end(Outcome::failed("x"));
    }
    log.event("deployment").summary("v3").record();
    log.shutdown().wait().unwrap();
    (folder, path)
}

fn router(path: &Path) -> Router {
    ActivityRouter::from_store(Arc::new(SqliteStore::new(path).unwrap())).into()
}

/// Breaks a store, and returns the problems of a router that had it open and of one that opens it afterwards.
async fn problems_after(breaks: impl FnOnce(&Path)) -> Vec<String> {
    let (_folder, path) = store();
    let opened = router(&path);
    assert_eq!(get(&opened, "/api/activities").await.status, 200);
    breaks(&path);
    let mut details = problems(&opened, &PATHS).await;
    details.extend(problems(&router(&path), &PATHS).await);
    details
}

/// Checks every answer, and returns the details of the problems.
async fn problems(app: &Router, paths: &[&str]) -> Vec<String> {
    let mut details = Vec::new();
    for path in paths {
        check(path, &get(app, path).await, &mut details);
    }
    details
}

fn check(path: &str, answer: &Answer, details: &mut Vec<String>) {
    for leak in [SECRET, "activity.db", "SELECT", "sqlite"] {
        assert!(!answer.text.contains(leak), "{path} has {leak}: {answer:?}");
    }
    if answer.status.is_server_error() {
        let problem = answer.json();
        assert_eq!(
            problem["error_id"].as_str().unwrap().len(),
            8,
            "{path}: {answer:?}"
        );
        details.push(problem["detail"].as_str().unwrap().to_owned());
    }
}

#[tokio::test]
async fn no_answer_about_a_store_that_fails_has_its_path() {
    let expect = |details: Vec<String>, expected: &str| {
        assert!(
            details.iter().any(|detail| detail.contains(expected)),
            "{expected}: {details:?}"
        );
    };
    let gone = problems_after(|path| fs::remove_dir_all(path.parent().unwrap()).unwrap());
    expect(gone.await, "there is no store");

    let folder = problems_after(|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    expect(folder.await, "is not a store");

    let text = problems_after(|path| fs::write(path, "not a database ".repeat(1_000)).unwrap());
    expect(text.await, "is not a store");

    let foreign = problems_after(|path| {
        fs::remove_file(path).unwrap();
        let other = Connection::open(path).unwrap();
        other.execute_batch("CREATE TABLE song (title)").unwrap();
    });
    expect(foreign.await, "is not a store");

    let newer = problems_after(|path| {
        let store = Connection::open(path).unwrap();
        store.pragma_update(None, "user_version", 99).unwrap();
    });
    expect(newer.await, "a newer version wrote the store");

    let damaged = problems_after(|path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[8192..].fill(0xa5);
        fs::write(path, bytes).unwrap();
    });
    expect(damaged.await, "the store cannot be read or written");

    let altered = problems_after(|path| {
        let store = Connection::open(path).unwrap();
        store
            .execute_batch("PRAGMA foreign_keys = OFF; ALTER TABLE text RENAME TO texts")
            .unwrap();
    });
    expect(altered.await, "the store cannot be read or written");
}

#[tokio::test]
async fn no_answer_about_a_locked_store_has_its_path() {
    let (_folder, path) = store();
    let holder = Connection::open(&path).unwrap();
    holder
        .execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE note (a); COMMIT",
        )
        .unwrap();
    let details = problems(&router(&path), &PATHS[..4]).await;
    assert!(
        !details.is_empty()
            && details
                .iter()
                .all(|detail| detail == "another process has locked the store"),
        "{details:?}"
    );
}
