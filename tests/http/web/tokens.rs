//! Named tokens of the store: each reads what its filter matches, until it is revoked or expires.

use std::path::PathBuf;

use axum::{Router, body::Body};
use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Request};
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Filter,
    recording::{Chunk, Stream},
    store::{AccessToken, Store, sqlite::SqliteStore},
    web::{Access, TokenSecret},
};

use crate::web::{
    live_client::LiveClient,
    support::{Answer, get, request, send},
};

/// A log in a file, with records of two projects and of two actors whose names differ by case.
struct Fixture {
    log: ActivityLog,
    path: PathBuf,
    recording: String,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::open(&path).unwrap();
        for (project, actor) in [("acme", "ann"), ("acme", "Ann"), ("apex", "ann")] {
            let describe = Describe::tool("call").project(project).actor(actor);
            log.start(describe).end(Outcome::success());
            log.event("deployment")
                .project(project)
                .actor(actor)
                .record();
        }
        let call = log.start(Describe::tool("recorded").project("apex"));
        let recording = call.attach(Stream::new("text")).await;
        recording.append(Chunk::new("secret of apex"));
        let id = call.id().unwrap();
        recording.stop().await;
        call.end(Outcome::success());
        log.flush().await.unwrap();
        let recordings = log.reader().unwrap().recordings_of(id).unwrap();
        Fixture {
            log,
            path,
            recording: recordings[0].id.to_string(),
            _folder: folder,
        }
    }

    /// Adds a token as another process does, and returns its secret.
    fn token(&self, name: &str, filter: &str, expires_at: Option<DateTime<Utc>>) -> String {
        let secret = TokenSecret::random().unwrap();
        let mut token = AccessToken::new(name, secret.hash(), filter, Utc::now());
        token.expires_at = expires_at;
        let store = SqliteStore::new(&self.path).unwrap();
        assert!(store.maintenance().unwrap().create_token(&token).unwrap());
        secret.reveal().to_owned()
    }

    fn revoke(&self, name: &str) -> bool {
        let store = SqliteStore::new(&self.path).unwrap();
        store.maintenance().unwrap().revoke_token(name).unwrap()
    }

    fn addresses(&self) -> Vec<String> {
        let mut all: Vec<String> = [
            "activities",
            "events",
            "export",
            "export?what=events",
            "digest",
            "health",
            "metrics/overall",
            "metrics/projects",
            "metrics/projects/apex",
            "metrics/names",
            "metrics/types",
        ]
        .map(|path| format!("/api/{path}"))
        .into();
        let id = &self.recording;
        all.push(format!("/api/recordings/{id}"));
        all.push(format!("/api/recordings/{id}/chunks"));
        all
    }
}

fn with_bearer(path: &str, secret: &str) -> Request<Body> {
    let mut request = request("GET", path);
    let bearer = format!("Bearer {secret}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    request
}

async fn get_with(app: &Router, path: &str, secret: &str) -> Answer {
    send(app, with_bearer(path, secret)).await
}

#[tokio::test]
async fn a_token_shows_what_its_filter_matches_on_every_endpoint() {
    let fixture = Fixture::new().await;
    let app: Router = fixture.log.router().stored_tokens().into();
    for filter in ["project:acme", "actor:ann", "-project:apex"] {
        let secret = fixture.token(filter, filter, None);
        let only = Filter::parse(filter, Utc::now()).unwrap();
        let limited = fixture.log.router();
        let limited: Router = limited.auth(move |_| Access::only(only.clone())).into();
        for path in fixture.addresses() {
            let answer = get_with(&app, &path, &secret).await;
            let expected = get(&limited, &path).await;
            assert_eq!(answer.status, expected.status, "{filter} {path}");
            let same = |answer: &Answer| {
                // Windows end now.
                let text = answer.text.clone();
                (!path.contains("metrics")).then_some(text)
            };
            assert_eq!(same(&answer), same(&expected), "{filter} {path}");
            if filter != "actor:ann" {
                assert!(
                    !answer.text.contains("\"apex\""),
                    "{filter} {path}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_ann_never_shows_records_of_another_spelling() {
    let fixture = Fixture::new().await;
    let app: Router = fixture.log.router().stored_tokens().into();
    let secret = fixture.token("ann", "actor:ann", None);
    for path in [
        "/api/activities?q=actor:Ann",
        "/api/activities",
        "/api/events",
    ] {
        let shown = get_with(&app, path, &secret).await;
        assert_eq!(shown.status, 200);
        assert!(shown.text.contains("\"ann\""), "{shown:?}");
        assert!(!shown.text.contains("\"Ann\""), "{path}: {shown:?}");
    }
}

#[tokio::test]
async fn a_token_is_accepted_in_every_mode_and_beside_the_router_s_own() {
    let fixture = Fixture::new().await;
    let own = "correct horse battery staple".replace(' ', "-");
    let secret = fixture.token("acme", "project:acme", None);
    let routers = [
        fixture.log.router(),
        fixture.log.router().token(&own),
        fixture.log.router().auth(|_| Access::Denied),
    ];
    for router in routers {
        let app: Router = router.clone().stored_tokens().into();
        let shown = get_with(&app, "/api/activities", &secret).await;
        assert_eq!(shown.status, 200, "{router:?}");
        assert!(!shown.text.contains("\"apex\""), "{shown:?}");
        // A new one, too, after a guess.
        let guess = format!("{}0", &secret[..secret.len() - 1]);
        let refused = get_with(&app, "/api/activities", &format!("{guess}0")).await;
        refused.problem(401, "unauthorized");
        let new = fixture.token(&format!("{router:?}"), "project:apex", None);
        assert_eq!(get_with(&app, "/api/activities", &new).await.status, 200);
    }
    let app: Router = fixture.log.router().token(&own).stored_tokens().into();
    let health = get_with(&app, "/api/health", &own).await;
    assert_eq!(health.status, 200);
    // Without the setting it is any wrong token.
    let app: Router = fixture.log.router().token(&own).into();
    let refused = get_with(&app, "/api/activities", &secret).await;
    refused.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_token_that_is_revoked_or_expired_is_rejected_and_shows_no_more_than_before() {
    let fixture = Fixture::new().await;
    // Without a token, clients on this machine see everything.
    let app: Router = fixture.log.router().stored_tokens().into();
    assert_eq!(get(&app, "/api/health").await.status, 200);
    let secret = fixture.token("acme", "project:acme", None);
    let path = "/api/activities";
    assert_eq!(get_with(&app, path, &secret).await.status, 200);
    let mut live = LiveClient::send(&app, with_bearer("/api/live", &secret)).await;
    assert!(fixture.revoke("acme") && !fixture.revoke("acme"));
    get_with(&app, path, &secret)
        .await
        .problem(401, "unauthorized");
    live.ended().await;

    let past = Some(Utc::now() - TimeDelta::seconds(1));
    let expired = fixture.token("old", "project:acme", past);
    get_with(&app, path, &expired)
        .await
        .problem(401, "unauthorized");
    let future = Some(Utc::now() + TimeDelta::days(1));
    let valid = fixture.token("new", "project:acme", future);
    assert_eq!(get_with(&app, path, &valid).await.status, 200);
}

#[tokio::test]
async fn a_token_only_grants_reading() {
    let fixture = Fixture::new().await;
    let router = fixture.log.router().accept_events();
    let app: Router = router.stored_tokens().into();
    for (name, filter) in [("all", ""), ("acme", "project:acme")] {
        let secret = fixture.token(name, filter, None);
        let mut event = with_bearer("/api/events", &secret);
        *event.method_mut() = Method::POST;
        let json = "application/json".parse().unwrap();
        event.headers_mut().insert("content-type", json);
        *event.body_mut() = Body::from("{\"type\":\"forged\"}");
        send(&app, event).await.problem(403, "forbidden");
    }
    let all = fixture.token("health", "", None);
    assert_eq!(get_with(&app, "/api/health", &all).await.status, 200);
}

#[tokio::test]
async fn a_link_with_a_token_signs_a_browser_in_and_another_link_replaces_it() {
    let fixture = Fixture::new().await;
    let app: Router = fixture.log.router().stored_tokens().into();
    let mut names = Vec::new();
    for (project, hidden) in [("acme", "apex"), ("apex", "acme")] {
        let secret = fixture.token(project, &format!("project:{project}"), None);
        let exchanged = get(&app, &format!("/?token={secret}")).await;
        assert_eq!(exchanged.status, 303);
        let cookie = exchanged
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        names.push(cookie.split('=').next().unwrap().to_owned());
        let mut asked = request("GET", "/api/activities");
        asked
            .headers_mut()
            .insert("cookie", cookie.parse().unwrap());
        let shown = send(&app, asked).await;
        assert_eq!(shown.status, 200);
        assert!(!shown.text.contains(&format!("\"{hidden}\"")), "{shown:?}");
        // Left over, it does not lock out the clients of this machine.
        assert!(fixture.revoke(project));
        let restarted: Router = fixture.log.router().stored_tokens().into();
        let mut asked = request("GET", "/api/health");
        asked
            .headers_mut()
            .insert("cookie", cookie.parse().unwrap());
        assert_eq!(send(&restarted, asked).await.status, 200);
    }
    assert_eq!(names[0], names[1]);
}

#[tokio::test]
async fn the_store_has_the_hash_of_a_secret_and_not_the_secret() {
    let fixture = Fixture::new().await;
    let secret = fixture.token("acme", "project:acme", None);
    let mut reader = fixture.log.reader().unwrap();
    let tokens = reader.tokens().unwrap();
    assert_eq!((tokens[0].name.as_str(), tokens.len()), ("acme", 1));
    assert!(!format!("{tokens:?}").contains("hash"), "{tokens:?}");
    for entry in std::fs::read_dir(fixture.path.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{path:?}");
        }
    }
}

#[test]
fn a_filter_that_cannot_limit_access_is_refused() {
    let check = |filter: &str, ok: bool| {
        let access = Access::only(Filter::parse(filter, Utc::now()).unwrap());
        assert_eq!(access.check().is_ok(), ok, "{filter}");
    };
    check("project:acme since:24h", true);
    check("-environment:dev actor:ann", true);
    check("", false);
    check("kind:tool", false);
    check("acme", false);
}

#[tokio::test]
async fn a_token_whose_window_has_passed_shows_nothing_and_is_no_error() {
    let fixture = Fixture::new().await;
    let app: Router = fixture.log.router().stored_tokens().into();
    let secret = fixture.token("passed", "since:1h until:2020-01-01", None);
    let answer = get_with(&app, "/api/activities", &secret).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text.contains(r#""activities":[]"#), "{answer:?}");
}
