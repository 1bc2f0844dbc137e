//! Each request is recorded under its route.
#![allow(clippy::unwrap_used)]

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use axum_app::app;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;
use tower_activity::ActivityLog;

async fn visit(app: &Router, method: &str, path: &str, body: Body) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    response.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn every_request_is_recorded_under_its_route() {
    let (log, _clock) = ActivityLog::test();
    let app = app(&log);
    let note = json!({"author": "ann", "text": "tea"}).to_string();
    assert_eq!(visit(&app, "POST", "/notes", note.into()).await, 201);
    assert_eq!(visit(&app, "GET", "/notes/1", Body::empty()).await, 200);
    assert_eq!(visit(&app, "DELETE", "/notes/1", Body::empty()).await, 204);
    assert_eq!(visit(&app, "GET", "/health", Body::empty()).await, 200);

    let recorded = log.assert().await;
    recorded.one("POST /notes").succeeded().actor("ann");
    recorded.one("GET /notes/{id}").succeeded();
    recorded.one("archive").under("DELETE /notes/{id}");
    recorded.none("GET /health");
}
