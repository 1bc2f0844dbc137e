//! Webhooks in `api/health`.

use std::{fs, sync::Arc};

use axum::Router;
use serde_json::json;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    notify::{Webhook, Webhooks},
    store::sqlite::SqliteStore,
    web::{Access, ActivityRouter},
};

use crate::web::support::{get, router};

#[tokio::test]
async fn health_shows_every_webhook_with_only_the_origin_of_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    log.flush().await.unwrap();
    let app = router(&log);
    let none = get(&app, "/api/health").await.json();
    assert_eq!(none["webhooks"], json!([]));
    assert!(
        !folder.path().join("activity.db-webhooks").exists(),
        "reading created a file"
    );

    let webhooks = Webhooks::open(&path).unwrap();
    let url = "https://example.com/services/confidential?key=classified";
    let alerts = Webhook::activities("alerts", url).unwrap();
    let secret = webhooks.add(&alerts).unwrap();
    for _ in 0..3 {
        log.start(Describe::tool("a")).end(Outcome::success());
    }
    log.flush().await.unwrap();
    // A server that only reads the store shows the same.
    let store = Arc::new(SqliteStore::new(&path).unwrap());
    for app in [app, ActivityRouter::from_store(store).into()] {
        let answer = get(&app, "/api/health").await;
        let shown = &answer.json()["webhooks"];
        assert_eq!(shown.as_array().map(Vec::len), Some(1), "{shown}");
        let one = &shown[0];
        let facts = ["name", "url", "behind", "delivered", "dead_letters"].map(|key| &one[key]);
        assert_eq!(
            json!(facts),
            json!(["alerts", "https://example.com", 3, 0, 0])
        );
        let nothing = ["trouble", "stopped_at", "again_at"].map(|key| one[key].is_null());
        assert_eq!(nothing, [true; 3], "{one}");
        for hidden in ["confidential", "classified", &secret.reveal()] {
            assert!(!answer.text.contains(hidden), "{hidden}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn limited_access_shows_no_webhooks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    log.flush().await.unwrap();
    let webhook = Webhook::events("alerts", "https://example.com/hook").unwrap();
    Webhooks::open(&path).unwrap().add(&webhook).unwrap();
    let app: Router = log.router().auth(|_| Access::projects(["acme"])).into();
    let answer = get(&app, "/api/health").await;
    answer.problem(403, "forbidden");
    assert!(!answer.text.contains("example.com"), "{answer:?}");
}

#[tokio::test]
async fn health_is_shown_even_if_webhooks_cannot_be_read() {
    let log = ActivityLog::open(":memory:").unwrap();
    let health = get(&router(&log), "/api/health").await;
    assert_eq!(
        (health.status, &health.json()["webhooks"]),
        (200.try_into().unwrap(), &json!([]))
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    log.flush().await.unwrap();
    fs::write(folder.path().join("activity.db-webhooks"), "no database").unwrap();
    let health = get(&router(&log), "/api/health").await.json();
    assert_eq!(
        (&health["ok"], &health["webhooks"]),
        (&json!(true), &json!(null))
    );
}
