//! An axum application with the API nested into it.

mod served;

use std::error::Error;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
    routing::get,
};
use tower::ServiceExt;
use tower_activity::{ActivityLayer, Kind, web::Access};

async fn ask(app: &Router, path: &str) -> Result<(StatusCode, String), Box<dyn Error>> {
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Body::empty())?;
    let response = app.clone().oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await?;
    Ok((status, String::from_utf8(body.to_vec())?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = served::open()?;
    let app = Router::new()
        .route("/users/{id}", get(async || "ann"))
        .layer(ActivityLayer::http(&log))
        .nest_service("/ops", log.router().auth(|_| Access::Everything));
    assert_eq!(ask(&app, "/users/7").await?, (StatusCode::OK, "ann".into()));
    log.flush().await?;
    let (status, body) = ask(&app, "/ops/api/activities").await?;
    assert!(
        status == StatusCode::OK && body.contains("GET /users/{id}"),
        "{body}"
    );
    // Without the feature `recording`, which brings zstd, the API refuses to read recordings.
    let (status, body) = ask(&app, "/ops/api/recordings/1/chunks").await?;
    assert!(
        status == StatusCode::NOT_FOUND && body.contains("without the feature"),
        "{body}"
    );
    let (_, body) = ask(&app, "/ops/api/openapi.json").await?;
    assert!(
        body.contains("/recordings/{id}") && !body.contains("/chunks"),
        "{body}"
    );
    served::check(log, Kind::Http, "GET /users/{id}").await
}
