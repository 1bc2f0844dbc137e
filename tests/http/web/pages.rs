//! The pages of the dashboard, as served by the router.

use axum::{Router, body::Body};
use http::{HeaderValue, Request, header};

use crate::web::support::{get, log_with, request, router, send};

const PAGES: [&str; 7] = [
    "overview", "timeline", "mcp", "activity", "replay", "events", "health",
];

#[tokio::test]
async fn each_page_is_one_document_under_any_prefix() {
    let log = log_with(&["login"]).await;
    let root = router(&log);
    let nested: Router = Router::new().nest_service("/ops/activity", router(&log));
    let first = get(&root, "/").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(first.header("cache-control"), "private, no-cache");
    assert!(
        !first.text.contains("\"/"),
        "an absolute URL: {}",
        first.text
    );
    for page in PAGES {
        for (router, prefix) in [(&root, "/"), (&nested, "/ops/activity/")] {
            let answer = get(router, &format!("{prefix}{page}?q=status%3Afailed")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.text),
                (200, first.text.clone()),
                "{prefix}{page}"
            );
        }
    }
}

#[tokio::test]
async fn assets_are_immutable_and_compressed() {
    let router = router(&log_with(&["login"]).await);
    let index = get(&router, "/").await.text;
    let script = index
        .split("src=\"./")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let plain = get(&router, &format!("/{script}")).await;
    assert_eq!(
        plain.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        plain.header("cache-control"),
        "private, max-age=31536000, immutable"
    );
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert!(!plain.headers.contains_key("content-encoding"));
    for (codings, compressed) in [
        ("br, gzip", true),
        ("gzip;q=0", false),
        ("gzip;q=0.5", true),
    ] {
        let mut request: Request<Body> = request("GET", &format!("/{script}"));
        let codings = HeaderValue::from_static(codings);
        request
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, codings.clone());
        let response = tower::ServiceExt::oneshot(router.clone(), request)
            .await
            .unwrap();
        let found = response.headers().contains_key("content-encoding");
        assert_eq!(found, compressed, "{codings:?}");
    }
}

#[tokio::test]
async fn pages_have_a_strict_content_security_policy() {
    let router = router(&log_with(&["login"]).await);
    let page = get(&router, "/timeline").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let replay = get(&router, "/replay.html").await;
    let policy = replay.header("content-security-policy");
    assert!(
        policy.contains("sandbox allow-scripts") && !policy.contains("connect-src"),
        "{policy}"
    );
    assert!(
        policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'self'"),
        "{policy}"
    );
}

#[tokio::test]
async fn an_unknown_page_is_not_found() {
    let router = router(&log_with(&["login"]).await);
    for path in [
        "/nonsense",
        "/Timeline",
        "/assets/nothing.js",
        "/assets/..%2findex.html",
        "/timeline/more",
    ] {
        let answer = send(&router, request("GET", path)).await;
        answer.problem(404, "not_found");

        let mut asked = request("GET", path);
        let accept = HeaderValue::from_static("text/html,*/*;q=0.8");
        asked.headers_mut().insert(header::ACCEPT, accept);
        let document = send(&router, asked).await;
        assert_eq!(
            (document.status.as_u16(), document.header("content-type")),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
        let policy = document.header("content-security-policy");
        assert!(
            !policy.contains("unsafe") && !policy.contains("script"),
            "{policy}"
        );
    }
}
