//! Authorization, and what must not leak.

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo};
use http::Request;
use tower_activity::{ActivityLog, record::Filter, web::Access};

use crate::web::support::{Answer, get, log_with, request, router, send};

/// Built at run time, so that secret scanners find nothing here.
fn secret() -> String {
    "correct horse battery staple".replace(' ', "-")
}

fn with(name: &str, value: &str) -> Request<axum::body::Body> {
    let mut request = request("GET", "/api/activities");
    let name: http::HeaderName = name.parse().unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn from(peer: Option<&str>) -> Request<axum::body::Body> {
    let mut request = request("GET", "/api/activities");
    request.extensions_mut().clear();
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    request
}

#[tokio::test]
async fn without_a_token_only_this_machine_has_access() {
    let app = router(&log_with(&["a"]).await);
    for peer in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert_eq!(send(&app, from(Some(peer))).await.status, 200, "{peer}");
    }
    for peer in [
        None,
        Some("192.0.2.1:1"),
        Some("[2001:db8::1]:1"),
        Some("0.0.0.0:1"),
    ] {
        send(&app, from(peer)).await.problem(403, "forbidden");
    }
    // Forwarded by a proxy on this machine.
    for name in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
        let refused = send(&app, with(name, "192.0.2.1")).await;
        assert!(refused.problem(403, "forbidden").contains(name));
    }
}

#[tokio::test]
async fn an_unknown_host_name_is_rejected() {
    let log = log_with(&["a"]).await;
    let app = router(&log);
    for host in ["localhost:8787", "127.0.0.1", "[::1]:80", "LOCALHOST"] {
        assert_eq!(send(&app, with("host", host)).await.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8787",
    ] {
        send(&app, with("host", host))
            .await
            .problem(421, "wrong_host");
    }
    let mut nameless = request("GET", "/api/activities");
    nameless.headers_mut().remove("host");
    send(&app, nameless).await.problem(400, "invalid");
    let mut twice = request("GET", "/api/activities");
    twice
        .headers_mut()
        .append("host", "localhost".parse().unwrap());
    send(&app, twice).await.problem(400, "invalid");

    let named: Router = log.router().hosts(["logs.example"]).into();
    assert_eq!(send(&named, with("host", "logs.example")).await.status, 200);
    send(&named, with("host", "evil.example"))
        .await
        .problem(421, "wrong_host");
}

#[tokio::test]
async fn cross_site_requests_are_rejected() {
    let app = router(&log_with(&["a"]).await);
    for site in ["cross-site", "same-site"] {
        for path in ["/api/activities", "/api/live", "/api/export"] {
            let mut asked = request("GET", path);
            asked
                .headers_mut()
                .insert("sec-fetch-site", site.parse().unwrap());
            asked
                .headers_mut()
                .insert("sec-fetch-mode", "no-cors".parse().unwrap());
            send(&app, asked).await.problem(403, "cross_origin");
        }
    }
    let same = send(&app, with("sec-fetch-site", "same-origin")).await;
    assert_eq!(same.status, 200);
    assert!(!same.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let log = log_with(&["a"]).await;
    let app: Router = log.router().token(secret()).into();
    let mut answers = vec![get(&app, "/api/activities").await, get(&app, "/").await];
    for path in ["/api/activities", "/api/nothing", "/nothing"] {
        let mut asked = request("GET", path);
        let bearer = format!("Bearer {}", secret());
        asked
            .headers_mut()
            .insert("authorization", bearer.parse().unwrap());
        answers.push(send(&app, asked).await);
    }
    for answer in answers {
        assert_eq!(
            answer.header("x-content-type-options"),
            "nosniff",
            "{answer:?}"
        );
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
}

async fn with_token(app: &Router, path: &str, how: &[(&str, String)]) -> Answer {
    let mut asked = request("GET", path);
    for (name, value) in how {
        let name: http::HeaderName = name.parse().unwrap();
        asked.headers_mut().append(name, value.parse().unwrap());
    }
    send(app, asked).await
}

#[tokio::test]
async fn a_token_in_the_url_is_exchanged_for_a_cookie() {
    let log = log_with(&["a"]).await;
    for prefix in ["", "/ops/activity"] {
        let inner = log.router().token(secret());
        let app = match prefix {
            "" => inner.into(),
            prefix => Router::new().nest_service(prefix, inner),
        };
        let api = format!("{prefix}/api/activities");
        get(&app, &api).await.problem(401, "unauthorized");
        let bearer = ("authorization", format!("Bearer {}", secret()));
        assert_eq!(with_token(&app, &api, &[bearer]).await.status, 200);

        let exchanged = get(&app, &format!("{prefix}/?a=1&token={}&b=%20", secret())).await;
        assert_eq!(exchanged.status, 303);
        assert_eq!(exchanged.header("location"), "./?a=1&b=%20");
        assert_eq!(exchanged.header("cache-control"), "no-store");
        let cookie = exchanged.header("set-cookie");
        let (pair, rest) = cookie.split_once("; ").unwrap();
        assert_eq!(rest, "HttpOnly; SameSite=Strict");
        assert!(!cookie.contains(&secret()), "{cookie}");

        let known = with_token(&app, &api, &[("cookie", format!("x=1; {pair}; y=2"))]).await;
        assert_eq!(known.status, 200);
        // With an outdated cookie beside it.
        let (name, _) = pair.split_once('=').unwrap();
        let both = with_token(&app, &api, &[("cookie", format!("{name}=6162; {pair}"))]).await;
        assert_eq!(both.status, 200);
    }
}

#[tokio::test]
async fn a_token_in_the_url_of_the_api_is_ignored() {
    let app: Router = log_with(&["a"]).await.router().token(secret()).into();
    let asked = get(&app, &format!("/api/activities?token={}", secret())).await;
    assert_eq!(asked.status, 401);
    assert!(!asked.text.contains(&secret()), "{asked:?}");
    assert!(!asked.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn browsers_get_a_login_form_and_programs_a_problem() {
    let app: Router = log_with(&[]).await.router().token(secret()).into();
    let form = with_token(&app, "/", &[("accept", "text/html,*/*".into())]).await;
    assert_eq!(
        (form.status.as_u16(), form.header("content-type")),
        (401, "text/html; charset=utf-8")
    );
    assert!(
        form.text.contains("name=token") && !form.text.contains("script"),
        "{}",
        form.text
    );
    assert!(
        form.header("content-security-policy")
            .contains("form-action 'self'")
    );
    get(&app, "/").await.problem(401, "unauthorized");
    let api = with_token(&app, "/api/health", &[("accept", "text/html,*/*".into())]).await;
    api.problem(401, "unauthorized");
    // At another address the form leads to the first page.
    for (path, home) in [
        ("/nope/nope", "./../"),
        ("/a/b/c?q=a", "./../../"),
        ("/a.b", "./"),
    ] {
        let form = with_token(&app, path, &[("accept", "text/html,*/*".into())]).await;
        assert_eq!(form.status, 401, "{path}");
        assert_eq!(form.header("content-type"), "text/html; charset=utf-8");
        let action = format!("action=\"{home}\"");
        assert!(form.text.contains(&action), "{}", form.text);
        get(&app, path).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn the_login_form_leads_back_to_its_address_and_nowhere_else() {
    let log = log_with(&[]).await;
    let nested = Router::new().nest_service("/ops/activity", log.router().token(secret()));
    let root: Router = log.router().token(secret()).into();
    let html = || [("accept", "text/html".to_owned())];
    let query = "q=status%3Afailed&x=%22%3E%3Cb%3E&token=wrong";
    let form = with_token(&root, &format!("/timeline?{query}"), &html()).await;
    assert!(
        form.text.contains("name=\"q\" value=\"status:failed\"")
            && form.text.contains("value=\"&quot;&gt;&lt;b&gt;\"")
            && form.text.contains("role=alert"),
        "{}",
        form.text
    );
    // Without an address of its own it is sent to the one that it stands at.
    assert!(
        !form.text.contains("action=") && !form.text.contains("wrong"),
        "{}",
        form.text
    );
    let first = with_token(&root, "/timeline", &html()).await;
    assert!(!first.text.contains("role=alert"), "{}", first.text);

    for (app, path, location) in [
        (&root, "/timeline?q=a", "./timeline?q=a"),
        (&root, "//evil.example?q=a", "./evil.example?q=a"),
        (&nested, "/ops/activity/timeline?q=a", "./timeline?q=a"),
        (&nested, "/ops/activity?q=a", "./activity?q=a"),
        (&nested, "/ops/activity/?q=a", "./?q=a"),
    ] {
        let answer = get(app, &format!("{path}&token={}", secret())).await;
        if answer.status == 303 {
            assert_eq!(answer.header("location"), location, "{path}");
        } else {
            assert_eq!(answer.status, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn the_application_authorizes_requests() {
    let log = log_with(&["a"]).await;
    let app: Router = log
        .router()
        .auth(
            |parts| match parts.headers.get("x-user").map(|user| user.as_bytes()) {
                Some(b"admin") => Access::Everything,
                Some(b"guest") => Access::projects::<&str>([]),
                Some(b"mistake") => Access::only(Filter::default()),
                _ => Access::Denied,
            },
        )
        .into();
    assert_eq!(send(&app, with("x-user", "admin")).await.status, 200);
    send(&app, with("x-user", "guest"))
        .await
        .problem(403, "forbidden");
    send(&app, with("x-user", "ann"))
        .await
        .problem(403, "forbidden");
    send(&app, with("x-user", "mistake"))
        .await
        .problem(500, "access");
}

#[tokio::test]
async fn requests_cannot_inject_sql_or_paths() {
    let log = log_with(&["a"]).await;
    let app = router(&log);
    for text in [
        "';DROP TABLE activity;--",
        "\" OR 1=1 --",
        "a' UNION SELECT 1 --",
        "%00",
        "*?[a-z]",
    ] {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let quoted = format!("%22{}%22", escaped.replace("%22", "%5c%22"));
        for path in [
            format!("/api/activities?q=name:{quoted}"),
            format!("/api/activities?q={quoted}"),
            format!("/api/events?q=type:{quoted}"),
            format!("/api/export?q=project:{quoted}"),
        ] {
            let answer = get(&app, &path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            assert!(!answer.text.contains("\"name\""), "{path}: {answer:?}");
        }
        get(&app, &format!("/api/metrics/projects/{escaped}"))
            .await
            .problem(404, "not_found");
        get(&app, &format!("/api/activities/{escaped}"))
            .await
            .problem(404, "not_found");
    }
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/assets/../index.html",
    ] {
        get(&app, path).await.problem(404, "not_found");
    }
    let all = get(&app, "/api/activities").await.json();
    assert_eq!(all["activities"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_forged_cursor_shows_nothing_that_the_list_does_not() {
    let log = log_with(&["a", "b"]).await;
    let app = router(&log);
    for cursor in [
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let page = get(
            &app,
            &format!("/api/activities?q=project:other&cursor={cursor}"),
        )
        .await;
        assert_eq!(
            page.json()["activities"].as_array().unwrap().len(),
            0,
            "{cursor}"
        );
    }
    get(&app, "/api/activities?cursor=%27%3b--")
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn other_methods_are_rejected() {
    let app = router(&log_with(&["a"]).await);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/api/activities", "/api/events", "/api/health"] {
            let mut asked = request(method, path);
            asked
                .headers_mut()
                .insert("sec-fetch-site", "same-origin".parse().unwrap());
            let refused = send(&app, asked).await;
            refused.problem(405, "method");
            assert_eq!(refused.header("allow"), "GET,HEAD", "{method} {path}");
        }
    }
    let head = send(&app, request("HEAD", "/api/activities")).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert!(head.headers.contains_key("content-length"));
}

#[test]
fn the_debug_output_of_a_router_has_no_secret() {
    let log = ActivityLog::disabled();
    let shown = format!("{:?}", log.router().token(secret()));
    assert!(!shown.contains(&secret()), "{shown}");
}
