//! Another kind of store behind the API and the pages.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_activity::{testing::conformance::Records, web::ActivityRouter};

use super::shelf::Shelf;

async fn get(router: &ActivityRouter, path: &str) -> (StatusCode, Vec<u8>) {
    let mut request = Request::get(path)
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    let local = SocketAddr::from(([127, 0, 0, 1], 1));
    request.extensions_mut().insert(ConnectInfo(local));
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    (
        status,
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
}

async fn json(router: &ActivityRouter, path: &str) -> Value {
    let (status, body) = get(router, path).await;
    assert_eq!(
        status,
        StatusCode::OK,
        "{path}: {}",
        String::from_utf8_lossy(&body)
    );
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn the_api_and_the_pages_read_another_kind_of_store() {
    let records = Records::from_seed(3);
    let router = ActivityRouter::from_store(Arc::new(Shelf::of(&records)));
    let at = records.now.format("%Y-%m-%d");

    let all = json(&router, "/api/activities?limit=1000").await;
    assert_eq!(
        all["activities"].as_array().unwrap().len(),
        records.activities.len()
    );
    let events = json(&router, "/api/events?limit=1000&q=type:*").await;
    assert_eq!(
        events["events"].as_array().unwrap().len(),
        records.events.len()
    );

    let root = records
        .activities
        .iter()
        .find(|one| one.parent.is_some())
        .unwrap()
        .root;
    let details = json(&router, &format!("/api/activities/{root}")).await;
    assert!(details["tree"].as_array().unwrap().len() > 1, "{details}");

    let day = format!("/api/metrics/overall?window=week&at={at}");
    let metrics = json(&router, &day).await;
    let ended = records
        .activities
        .iter()
        .filter(|one| one.ended_at.is_some());
    let counted = metrics["current"]["count"].as_u64().unwrap();
    assert!(counted >= ended.count() as u64 / 2, "{metrics}");
    for path in [
        &*format!("/api/metrics/projects/acme?at={at}"),
        &*format!("/api/metrics/agents/planner?at={at}"),
        "/api/digest?days=400",
        "/api/health",
        "/api/openapi.json",
    ] {
        json(&router, path).await;
    }
    let (status, lines) = get(&router, "/api/export?format=jsonl").await;
    assert_eq!(status, StatusCode::OK);
    assert!(String::from_utf8(lines).unwrap().lines().count() > 10);
    let (status, page) = get(&router, "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(String::from_utf8(page).unwrap().contains("<html"));
}
