//! Rate limits.

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo};
use http::HeaderValue;
use tower::ServiceExt;
use tower_activity::web::Access;

use crate::web::support::{get, log_with, request, router, send};

/// Built at run time, so that secret scanners find nothing here.
fn secret() -> String {
    "correct horse battery staple".replace(' ', "-")
}

/// Returns the status of a response that may be endless.
async fn status(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut asked = request(method, path);
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        asked.headers_mut().append(name, value);
    }
    app.clone().oneshot(asked).await.unwrap().status().as_u16()
}

/// Returns the cookie that a browser gets for the token.
async fn cookie(app: &Router, secret: &str) -> String {
    let exchanged = get(app, &format!("/?token={secret}")).await;
    let cookie = exchanged.header("set-cookie").split(';').next();
    cookie.unwrap().to_owned()
}

#[tokio::test]
async fn no_number_of_wrong_tokens_locks_out_the_right_one() {
    let log = log_with(&["a"]).await;
    let app: Router = log.router().token(secret()).into();
    let cookie = cookie(&app, &secret()).await;
    let bearer = |scheme: &str| format!("{scheme} {}", secret());
    for n in 0..1_600 {
        let guess = format!("Bearer guess-{n}");
        let given = [("authorization", guess.as_str())];
        assert_eq!(status(&app, "GET", "/api/activities", &given).await, 401);
        let address = format!("/?token=guess-{n}");
        assert_eq!(status(&app, "GET", &address, &[]).await, 401);
        assert_eq!(status(&app, "GET", "/api/activities", &[]).await, 401);
    }
    for _ in 0..20 {
        for scheme in ["Bearer", "bearer", "BEARER", "Bearer ", "bearer   "] {
            let bearer = bearer(scheme);
            let given = [("authorization", bearer.as_str())];
            for path in ["/api/activities", "/api/live", "/api/health"] {
                assert_eq!(status(&app, "GET", path, &given).await, 200, "{scheme}");
            }
            assert_eq!(status(&app, "HEAD", "/api/activities", &given).await, 200);
            assert_eq!(
                status(&app, "OPTIONS", "/api/activities", &given).await,
                204
            );
        }
        let given = [("cookie", cookie.as_str())];
        for path in ["/api/activities", "/api/live"] {
            assert_eq!(status(&app, "GET", path, &given).await, 200, "{path}");
        }
        for method in ["GET", "HEAD"] {
            let address = format!("/?token={}", secret());
            assert_eq!(status(&app, method, &address, &[]).await, 303, "{method}");
        }
    }
}

#[tokio::test]
async fn one_valid_token_among_several_is_enough() {
    let secret = "пароль-correct-horse-battery";
    let log = log_with(&["a"]).await;
    let app: Router = log.router().token(secret).into();
    let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let cookie = cookie(&app, &encoded).await;
    let bearer = format!("Bearer {secret}");
    let check = async |path: &str, given: &[(&str, &str)], expected: u16| {
        assert_eq!(
            status(&app, "GET", path, given).await,
            expected,
            "{given:?}"
        );
    };
    let api = "/api/activities";
    check(api, &[("authorization", &bearer)], 200).await;
    let wrong = ("authorization", "Bearer wrong");
    check(api, &[wrong, ("cookie", &cookie)], 200).await;
    check(api, &[wrong, ("authorization", &bearer)], 200).await;
    let from_proxy = ("authorization", "Basic YTpi");
    check(api, &[from_proxy, ("authorization", &bearer)], 200).await;
    let others = format!("name=Zoë; {cookie}; broken");
    check(api, &[("cookie", &others)], 200).await;
    // An old bookmark in a browser with a valid cookie redirects.
    check("/?token=wrong", &[("cookie", &cookie)], 303).await;
    check(&format!("/?token=wrong&token={encoded}"), &[], 303).await;
    check(api, &[wrong], 401).await;
    check(api, &[("authorization", secret)], 401).await;
    check(api, &[("authorization", "Bearer")], 401).await;
    check("/?token=wrong", &[], 401).await;
}

#[tokio::test]
async fn cross_site_requests_do_not_count_toward_the_rate_limit() {
    let app = router(&log_with(&["a"]).await);
    let cross = ("sec-fetch-site", "cross-site");
    let forged: [&[(&str, &str)]; 5] = [
        &[cross, ("sec-fetch-mode", "no-cors")],
        &[cross, ("sec-fetch-mode", "cors")],
        &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
        // A frame, which may be invisible.
        &[
            cross,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
        ],
        &[("host", "evil.example")],
    ];
    for headers in forged {
        for _ in 0..1_600 {
            let mut asked = request("GET", "/api/activities");
            for (name, value) in headers {
                let name: http::HeaderName = name.parse().unwrap();
                asked.headers_mut().insert(name, value.parse().unwrap());
            }
            let refused = app.clone().oneshot(asked).await.unwrap().status();
            assert!([403, 421].contains(&refused.as_u16()), "{refused}");
        }
        assert_eq!(status(&app, "GET", "/api/activities", &[]).await, 200);
    }
    // Following a link from another site is allowed.
    let link = [
        cross,
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    assert_eq!(status(&app, "GET", "/api/activities", &link).await, 200);
    assert_eq!(status(&app, "POST", "/api/activities", &link).await, 403);
}

#[tokio::test]
async fn denied_requests_do_not_use_up_the_limit_of_authorized_ones() {
    let log = log_with(&["a"]).await;
    let who = |parts: &http::request::Parts| match parts.headers.contains_key("x-admin") {
        true => Access::Everything,
        false => Access::Denied,
    };
    let app: Router = log.router().auth(who).into();
    for _ in 0..1_600 {
        assert_eq!(status(&app, "GET", "/api/activities", &[]).await, 403);
    }
    for _ in 0..20 {
        let admin = [("x-admin", "1")];
        assert_eq!(status(&app, "GET", "/api/activities", &admin).await, 200);
    }
}

#[tokio::test]
async fn methods_that_no_route_has_do_not_count_toward_the_rate_limit() {
    let app = router(&log_with(&["a"]).await);
    for method in ["POST", "PUT", "DELETE", "TRACE"] {
        for _ in 0..600 {
            let refused = status(&app, method, "/api/activities", &[]).await;
            assert_eq!(refused, 405, "{method}");
        }
    }
    assert_eq!(status(&app, "GET", "/api/activities", &[]).await, 200);
}

#[tokio::test]
async fn requests_of_one_client_are_rate_limited_and_those_of_others_are_not() {
    let log = log_with(&["a"]).await;
    let who = |parts: &http::request::Parts| match parts.headers.get("x-project") {
        Some(project) => Access::projects([project.to_str().unwrap_or_default()]),
        None => Access::Everything,
    };
    let app: Router = log.router().auth(who).into();
    exhaust(&app).await;
    // All from one address: a user who sees other records, and a browser.
    let others = [("x-project", "acme"), ("sec-fetch-site", "same-origin")];
    for other in others {
        assert_eq!(status(&app, "GET", "/api/activities", &[other]).await, 200);
    }
    let mut elsewhere = request("GET", "/api/activities");
    let peer: SocketAddr = "192.0.2.7:1".parse().unwrap();
    elsewhere.extensions_mut().insert(ConnectInfo(peer));
    assert_eq!(send(&app, elsewhere).await.status, 200);
}

/// Sends requests until they are rate limited.
async fn exhaust(app: &Router) {
    // A slow machine needs more, because the bucket refills meanwhile.
    for _ in 0..100_000 {
        let answer = get(app, "/api/nothing").await;
        if answer.status == 429 {
            answer.problem(429, "too_many");
            return;
        }
    }
    panic!("not rate limited");
}
