//! Every path of the API answers from the store, or with a problem.

use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_activity::{ActivityLog, Describe, Kind, Outcome, Status, record::Capture};

use crate::web::support::{get, log_with, request, router, send};

fn names(page: &Value) -> Vec<&str> {
    let activities = page["activities"].as_array().unwrap();
    activities
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_under_any_prefix() {
    let log = log_with(&["a", "b", "c"]).await;
    let apps = [
        ("", router(&log)),
        (
            "/ops/activity",
            Router::new().nest("/ops/activity", log.router().into()),
        ),
        (
            "/ops/activity",
            Router::new().nest_service("/ops/activity", log.router()),
        ),
    ];
    for (prefix, app) in apps {
        let first = get(&app, &format!("{prefix}/api/activities?limit=2"))
            .await
            .json();
        assert_eq!(names(&first), ["c", "b"]);
        let cursor = first["next"].as_str().unwrap();
        let rest = get(
            &app,
            &format!("{prefix}/api/activities?limit=2&cursor={cursor}"),
        )
        .await
        .json();
        assert_eq!(names(&rest), ["a"]);
        assert_eq!(rest["next"], Value::Null);
    }
}

#[tokio::test]
async fn a_filter_error_has_a_span_and_a_help_text() {
    let log = log_with(&["a", "b"]).await;
    let app = router(&log);
    let page = get(&app, "/api/activities?q=project%3Aacme%20-name%3Aa")
        .await
        .json();
    assert_eq!(names(&page), ["b"]);

    for address in ["activities", "events", "export", "digest", "live"] {
        let path = format!("/api/{address}?q=since:12:00%20until:11:00&tz=Asia/Kathmandu");
        let wrong = get(&app, &path).await;
        let message = wrong.problem(400, "bad_filter");
        assert_eq!(
            message, "nothing is both `since:12:00` and `until:11:00`",
            "{address}"
        );
        let wrong = get(&app, &format!("/api/{address}?tz=Asia/Atlantis")).await;
        wrong.problem(400, "invalid");
    }

    let wrong = get(&app, "/api/activities?q=%C3%A9%20status%3Afaild").await;
    assert_eq!(wrong.problem(400, "bad_filter"), "`faild` is not a status");
    let problem = wrong.json();
    assert_eq!(problem["span"], json!([9, 14]));
    assert!(
        problem["help"]
            .as_str()
            .unwrap()
            .starts_with("did you mean `failed`?"),
        "{problem}"
    );
}

#[tokio::test]
async fn an_invalid_request_is_rejected_with_a_reason() {
    let log = log_with(&["a"]).await;
    log.event("deployment").record();
    log.flush().await.unwrap();
    let app = router(&log);
    for (path, said) in [
        ("/api/activities?limit=0", "1 to 1000"),
        ("/api/activities?limit=1000000000", "1 to 1000"),
        ("/api/activities?limit=99999999999999999999999", "limit"),
        ("/api/activities?limit=-1", "limit"),
        ("/api/activities?cursor=1", "is not a cursor"),
        (
            "/api/activities?cursor=e.01890a5d-ac96-774b-bcce-b302099a8057",
            "is a cursor of a list of events, not of activities",
        ),
        (
            "/api/events?cursor=01890a5d-ac96-774b-bcce-b302099a8057",
            "is not a cursor of a list of events",
        ),
        ("/api/activities?qq=a", "unknown field `qq`"),
        ("/api/activities?q=a&q=b", "duplicate field `q`"),
        ("/api/activities?q=type:a", "activities have no `type:`"),
        ("/api/events?q=kind:tool", "events have no `kind:`"),
        (
            "/api/metrics/overall?window=year",
            "\"year\" is not a window",
        ),
        ("/api/metrics/overall?tz=Asia/Atlantis", "unknown time zone"),
        (
            "/api/metrics/overall?at=noon",
            "invalid `at`: \"noon\" is not a time; a time is an age",
        ),
        (
            "/api/metrics/overall?step=minute",
            "invalid `step`: \"minute\"",
        ),
        ("/api/metrics/projects/acme?window=", "is not a window"),
        ("/api/export?format=xml", "not an export format"),
        ("/api/export?what=all", "invalid `what`: \"all\""),
        ("/api/digest?tokens=1", "cannot fit"),
        ("/api/digest?days=2&today=true", "exclude each other"),
        ("/api/live?after=x", "not a message ID: \"x\""),
        ("/api/metrics/projects/%ff", "UTF-8"),
    ] {
        let detail = get(&app, path).await.problem(400, "invalid");
        assert!(detail.contains(said), "{path}: {detail}");
    }
}

#[tokio::test]
async fn an_unknown_resource_is_not_found_with_a_reason() {
    let log = log_with(&["a"]).await;
    let app = router(&log);
    for (path, said) in [
        (
            "/api/activities/0199e5a2-7c00-7000-8000-000000000000",
            "it was never recorded, or was pruned",
        ),
        ("/api/activities/7", "not an activity ID: \"7\""),
        (
            "/api/metrics/projects/unknown",
            "no activity of the project \"unknown\"",
        ),
        ("/api/metrics/agents/unknown", "the agent \"unknown\""),
        ("/api/metrics/names/unknown", "the name \"unknown\""),
        ("/api/nothing", "nothing at"),
    ] {
        let detail = get(&app, path).await.problem(404, "not_found");
        assert!(detail.contains(said), "{path}: {detail}");
    }
}

#[tokio::test]
async fn an_activity_has_its_tree_and_its_events() {
    let log = ActivityLog::open(":memory:").unwrap();
    let request = log.start(Describe::new(Kind::Http, "POST /mcp"));
    let login = log.start(Describe::tool("login").parent(&request));
    login.set_input(&json!({"user": "ann"}), Capture::Full);
    log.event("free").record();
    login.event("typed").summary("a password").record();
    let id = login.id().unwrap();
    login.end(Outcome::failed("denied"));
    log.flush().await.unwrap();

    let one = get(&router(&log), &format!("/api/activities/{id}"))
        .await
        .json();
    assert_eq!(one["name"], "login");
    assert_eq!(one["error_type"], "denied");
    let tree: Vec<_> = one["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| &node["name"])
        .collect();
    assert_eq!(tree, ["POST /mcp", "login"]);
    assert_eq!(one["tree"][0]["status"], "running");
    assert_eq!(one["input"]["text"], "{\"user\":\"ann\"}");
    assert_eq!(one["tree"][1]["input"], Value::Null);
    let events: Vec<_> = one["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["summary"])
        .collect();
    assert_eq!(events, ["a password"]);
    assert_eq!(one["recordings"], json!([]));
}

#[tokio::test]
async fn metrics_have_a_window_a_total_and_a_history() {
    let log = log_with(&["GET /users/{id}", "b", "b"]).await;
    let app = router(&log);
    let overall = get(
        &app,
        "/api/metrics/overall?window=week&tz=Asia/Kathmandu&step=day",
    )
    .await
    .json();
    assert_eq!(overall["current"]["count"], 3);
    let history = overall["history"].as_array().unwrap();
    assert_eq!(history.len(), 7);
    assert_eq!(
        history
            .iter()
            .map(|step| step["count"].as_u64().unwrap())
            .sum::<u64>(),
        3
    );
    assert!(
        overall["window"]["start"]
            .as_str()
            .unwrap()
            .contains("T18:15:00"),
        "{overall}"
    );

    for path in [
        "/api/metrics/projects/acme",
        "/api/metrics/overall?at=2026-02-18",
        "/api/metrics/overall?at=2026-02-18T09:30:00%2B01:00",
    ] {
        assert_eq!(get(&app, path).await.status, 200, "{path}");
    }
    for path in [
        "/api/metrics/names/GET%20%2Fusers%2F%7Bid%7D",
        "/api/metrics/names/GET%20/users/%7Bid%7D",
    ] {
        assert_eq!(
            get(&app, path).await.json()["current"]["count"],
            1,
            "{path}"
        );
    }

    let ranking = get(&app, "/api/metrics/names").await.json();
    assert_eq!(ranking["ranking"][0]["id"], "b");
    assert_eq!(ranking["ranking"][0]["count"], 2);
    assert_eq!(
        get(&app, "/api/metrics/projects").await.json()["ranking"][0]["id"],
        "acme"
    );
    assert_eq!(
        get(&app, "/api/metrics/agents").await.json()["ranking"],
        json!([])
    );
    assert_eq!(
        get(&app, "/api/metrics/brands").await.json()["ranking"],
        json!([])
    );
}

#[tokio::test]
async fn events_are_listed_counted_and_summarized() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.event("endpoints_added")
        .count(2)
        .summary("two")
        .actor("ann")
        .record();
    log.event("endpoints_added")
        .count(3)
        .summary("three")
        .record();
    log.event("endpoints_added").status(Status::Failed).record();
    log.flush().await.unwrap();
    let app = router(&log);
    let page = get(
        &app,
        "/api/events?q=type:endpoints_added+status:success&limit=1",
    )
    .await
    .json();
    assert_eq!(page["events"][0]["summary"], "three");
    assert!(page["next"].is_string());
    let types = get(&app, "/api/metrics/types").await.json();
    assert_eq!(
        types["types"],
        json!([{"type": "endpoints_added", "count": 5, "events": 3, "failed": 1, "running": 0, "cancelled": 0, "skipped": 0, "abandoned": 0}])
    );
    let digest = get(&app, "/api/digest?grouped=true&today=true")
        .await
        .json();
    let markdown = digest["markdown"].as_str().unwrap();
    assert!(
        markdown.starts_with("### Recent activity\n- 5 endpoints added today, 1 attempt failed\n"),
        "{markdown}"
    );
    let digest = get(&app, "/api/digest?actor=ann").await.json();
    assert_eq!(digest["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn log_lines_are_events_on_request_and_always_those_of_their_activity() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.event("deployment").summary("v3").record();
    let call = log.start(Describe::tool("import"));
    let id = call.id().unwrap();
    call.event("log").summary("a line").record();
    call.end(Outcome::success());
    log.flush().await.unwrap();
    let app = router(&log);
    let summaries = async |path: &str| {
        let page = get(&app, path).await.json();
        let summaries = page["events"].as_array().unwrap().iter();
        summaries
            .map(|event| event["summary"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(summaries("/api/events").await, ["v3"]);
    assert_eq!(summaries("/api/events?q=-type:chat_session").await, ["v3"]);
    assert_eq!(summaries("/api/events?q=type:*").await, ["a line", "v3"]);
    assert_eq!(summaries("/api/events?q=type:log").await, ["a line"]);
    assert_eq!(
        summaries(&format!("/api/activities/{id}")).await,
        ["a line"]
    );
    let export = get(&app, "/api/export?what=events").await.text;
    assert_eq!(export.lines().count(), 2, "{export}");
}

#[tokio::test]
async fn an_export_is_a_file_with_every_record() {
    let log = log_with(&["a", "b", "c"]).await;
    log.event("deployment").record();
    log.flush().await.unwrap();
    let app = router(&log);
    let csv = get(&app, "/api/export?format=csv&q=-name:b").await;
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"activities.csv\""
    );
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 3, "{}", csv.text);
    let lines = get(&app, "/api/export").await;
    let seq: Vec<i64> = lines
        .text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["seq"]
                .as_i64()
                .unwrap()
        })
        .collect();
    assert_eq!(seq.len(), 3);
    let rest = get(&app, &format!("/api/export?after={}", seq[1])).await;
    assert_eq!(rest.text.lines().count(), 1);
    let events = get(&app, "/api/export?what=events&format=cloudevents").await;
    assert!(events.text.contains("event.deployment"), "{}", events.text);
}

#[tokio::test]
async fn health_adds_up() {
    let log = log_with(&["a", "b"]).await;
    let health = get(&router(&log), "/api/health").await.json();
    assert_eq!(health["ok"], true);
    assert_eq!(health["accounting"]["committed"], 2);
    assert_eq!(health["activities"], 2);
    assert_eq!(health["retention"]["sums_s"], 30 * 24 * 60 * 60);
    assert_eq!(health["retention"]["activities_s"], Value::Null);
    assert_eq!(health["instances"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_log_is_a_503_and_not_an_empty_list() {
    let app = router(&ActivityLog::disabled());
    get(&app, "/api/activities").await.problem(503, "disabled");
}

#[tokio::test]
async fn the_path_of_the_router_ends_with_a_slash() {
    let log = log_with(&[]).await;
    let app = Router::new().nest_service("/ops/activity", log.router());
    let moved = get(&app, "/ops/activity?a=1").await;
    assert_eq!(moved.status, 308);
    assert_eq!(moved.header("location"), "./activity/?a=1");
    // With the dashboard these paths are its pages.
    assert_ne!(get(&app, "/ops/activity/").await.status, 308);
    assert_ne!(get(&router(&log), "/").await.status, 308);
}

#[tokio::test]
async fn responses_have_an_etag_and_are_compressed() {
    let log = log_with(&["a", "b", "c"]).await;
    let app = router(&log);
    let first = get(&app, "/api/activities").await;
    let tag = first.header("etag").to_owned();
    let known = |tag: &str| {
        let mut asked = request("GET", "/api/activities");
        asked
            .headers_mut()
            .insert("if-none-match", tag.parse().unwrap());
        asked
    };
    for tag in [&tag, &format!("\"x\", {tag}")] {
        let again = send(&app, known(tag)).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        assert_eq!(again.header("etag"), first.header("etag"));
    }
    assert_eq!(send(&app, known("\"x\"")).await.status, 200);
    log.start(Describe::tool("d")).end(Outcome::success());
    log.flush().await.unwrap();
    assert_eq!(send(&app, known(&tag)).await.status, 200);

    for (path, packed) in [
        ("/api/activities", true),
        ("/api/export", true),
        ("/api/live", false),
    ] {
        let mut asked = request("GET", path);
        asked
            .headers_mut()
            .insert("accept-encoding", "gzip".parse().unwrap());
        let answer = app.clone().oneshot(asked).await.unwrap();
        assert_eq!(
            answer.headers().contains_key("content-encoding"),
            packed,
            "{path}"
        );
    }
}

#[tokio::test]
async fn options_lists_the_methods() {
    let app = router(&log_with(&[]).await);
    let options = send(&app, request("OPTIONS", "/api/activities")).await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow")),
        (204, "GET,HEAD")
    );
    assert!(!options.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_query_timeout_is_a_problem_that_names_the_fix() {
    let log = log_with(&["a"]).await;
    let impatient: Router = log.router().read_timeout(Duration::ZERO).into();
    for path in [
        "activities",
        "events",
        "metrics/overall",
        "health",
        "export",
        "live",
    ] {
        let refused = get(&impatient, &format!("/api/{path}")).await;
        let detail = refused.problem(503, "too_slow");
        assert!(detail.contains("query timed out"), "{detail}");
        let help = refused.json()["help"].as_str().unwrap().to_owned();
        assert!(help.contains("since:24h"), "{help}");
    }
}
