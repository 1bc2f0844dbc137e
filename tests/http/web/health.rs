//! `api/health`.

use chrono::{TimeDelta, Utc};
use serde_json::json;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Capture,
    store::{Store, sqlite::SqliteStore},
};

use crate::web::support::{get, router};

#[tokio::test]
async fn health_shows_the_growth_by_field() {
    let log = ActivityLog::open(":memory:").unwrap();
    for _ in 0..3 {
        let call = log.start(Describe::tool("a").attribute("rows", 42));
        call.set_input(&json!({"q": "x".repeat(91)}), Capture::Full);
        call.event("note").summary("short").record();
        call.end(Outcome::success());
    }
    log.flush().await.unwrap();
    let health = get(&router(&log), "/api/health").await.json();
    let growth = &health["growth"];
    assert_eq!(
        (
            &growth["activities_per_day"],
            &growth["events_per_day"],
            &growth["chunks_per_day"]
        ),
        (&json!(3), &json!(3), &json!(0))
    );
    let field = |field: &str, mean: usize| {
        let of = if field == "summary" {
            "event"
        } else {
            "activity"
        };
        json!({"of": of, "field": field, "mean_bytes": mean, "bytes_per_day": 3 * mean})
    };
    let input = "{\"q\":\"\"}".len() + 91;
    assert_eq!(
        growth["fields"],
        json!([
            field("attributes", "{\"rows\":42}".len()),
            field("input", input),
            field("summary", 5)
        ])
    );
    assert_eq!(health["unindexed"].as_u64().map(|n| n <= 6), Some(true));
    assert_eq!(health["retention"]["recordings_s"], 30 * 86_400);
}

#[tokio::test]
async fn health_is_not_ok_if_the_last_check_missed_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    for _ in 0..3 {
        log.event("note").record();
    }
    log.flush().await.unwrap();
    let app = router(&log);
    let health = get(&app, "/api/health").await.json();
    assert_eq!(
        (&health["ok"], &health["last_check"]),
        (&json!(true), &json!(null))
    );

    let mut maintenance = SqliteStore::new(&path).unwrap().maintenance().unwrap();
    let now = Utc::now();
    while maintenance.check(now).unwrap() {}
    let health = get(&app, "/api/health").await.json();
    let check = &health["last_check"];
    assert_eq!(
        (&health["ok"], &check["missing"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(check["finished_at"], check["complete_at"]);

    let store = rusqlite::Connection::open(&path).unwrap();
    store
        .execute("DELETE FROM event WHERE seq = 2", ())
        .unwrap();
    while maintenance.check(now + TimeDelta::days(2)).unwrap() {}
    let health = get(&app, "/api/health").await.json();
    let then = &health["last_check"];
    assert_eq!(
        (&health["ok"], &then["missing"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(then["complete_at"], check["complete_at"]);
}
