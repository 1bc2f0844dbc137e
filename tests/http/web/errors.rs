//! Errors by group, root causes and what ran inside roots, also for callers who may see a part.

use axum::Router;
use serde_json::{Value, json};
use tower_activity::{ActivityLog, Describe, Outcome, record::Filter, web::Access};

use crate::web::support::{get, router};

/// A job of `acme` whose second attempt failed because of a call of `umbrella`.
async fn failed_job() -> (ActivityLog, String) {
    let log = ActivityLog::open(":memory:").unwrap();
    let job = log.start(Describe::job("nightly").project("acme"));
    let id = job.id().unwrap().to_string();
    let attempt = log.start(Describe::tool("attempt").parent(&job));
    let call = log.start(
        Describe::tool("charge")
            .parent(&attempt)
            .project("umbrella"),
    );
    call.end(Outcome::failed("http_402").with_message("card 4711 of us17 was declined"));
    attempt.end(Outcome::failed("tool_error").with_message("no attempt left"));
    log.start(Describe::tool("clean up").parent(&job))
        .end(Outcome::success());
    job.end(Outcome::failed("job_error").with_message("the job failed"));
    log.flush().await.unwrap();
    (log, id)
}

fn only(log: &ActivityLog, project: &'static str) -> Router {
    let access = move |_: &_| Access::only(Filter::for_project(project));
    log.router().auth(access).into()
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_activity_has_the_path_to_its_root_cause() {
    let (log, id) = failed_job().await;
    let app = router(&log);
    let job = get(&app, &format!("/api/activities/{id}?tree=none"))
        .await
        .json();
    assert_eq!(names(&job["root_cause"]), ["nightly", "attempt", "charge"]);
    let cause = &job["root_cause"][2];
    assert_eq!(cause["message"], "card 4711 of us17 was declined");
    let attempt = job["root_cause"][1]["id"].as_str().unwrap();
    let attempt = get(&app, &format!("/api/activities/{attempt}"))
        .await
        .json();
    assert_eq!(names(&attempt["root_cause"]), ["attempt", "charge"]);

    // The path ends at what may be seen.
    let job = get(&only(&log, "acme"), &format!("/api/activities/{id}"))
        .await
        .json();
    assert_eq!(names(&job["root_cause"]), ["nightly", "attempt"]);
}

#[tokio::test]
async fn what_ran_inside_of_roots_is_counted() {
    let (log, id) = failed_job().await;
    let path = format!("/api/descendants?ids={id}");
    let all = get(&router(&log), &path).await.json();
    let expected = json!([{"root": id, "count": 3, "failed": 2, "more": false, "worst": "failed"}]);
    assert_eq!(all["descendants"], expected);
    let visible = get(&only(&log, "acme"), &path).await.json();
    assert_eq!(visible["descendants"][0]["count"], 2);
    assert_eq!(visible["descendants"][0]["failed"], 1);

    let app = router(&log);
    let none = get(&app, "/api/descendants?ids=").await.json();
    assert_eq!(none["descendants"], json!([]));
    get(&app, "/api/descendants?ids=x")
        .await
        .problem(400, "invalid");
    let twice = get(&app, &format!("/api/descendants?ids={id},{id}"))
        .await
        .json();
    assert_eq!(twice["descendants"].as_array().unwrap().len(), 1);
    let numbered = |n: u32| format!("0199e5a2-7c00-7000-8000-{n:012}");
    let many = Vec::from_iter((0..101).map(numbered)).join(",");
    let problem = get(&app, &format!("/api/descendants?ids={many}")).await;
    assert!(problem.problem(400, "invalid").contains("at most 100"));
}

#[tokio::test]
async fn errors_are_grouped_and_open_what_they_count() {
    let (log, _) = failed_job().await;
    for user in ["us18", "us19"] {
        let outcome =
            Outcome::failed("http_402").with_message(format!("card 1 of {user} was declined"));
        log.start(Describe::tool("charge").project("umbrella"))
            .end(outcome);
    }
    log.flush().await.unwrap();
    let app = router(&log);
    let errors = get(&app, "/api/errors?window=week&step=day").await.json();
    assert_eq!(
        (&errors["total"], &errors["group_count"], &errors["others"]),
        (&json!(5), &json!(3), &json!(0))
    );
    let group = &errors["groups"][0];
    assert_eq!(
        (&group["name"], &group["count"], &group["previous"]),
        (&json!("charge"), &json!(3), &json!(0))
    );
    assert_eq!(group["message"], "card … of … was declined");
    assert_eq!(group["is_new"], true);
    let history = group["history"].as_array().unwrap();
    assert_eq!(history.len(), errors["steps"].as_array().unwrap().len());
    assert_eq!(history.iter().filter_map(Value::as_u64).sum::<u64>(), 3);
    let fingerprint = group["fingerprint"].as_str().unwrap();
    let listed = get(
        &app,
        &format!("/api/activities?q=fingerprint:{fingerprint}"),
    )
    .await
    .json();
    assert_eq!(names(&listed["activities"]), ["charge"; 3]);

    let filtered = get(&app, "/api/errors?q=project:acme").await.json();
    assert_eq!(filtered["total"], 2);
    let visible = get(&only(&log, "acme"), "/api/errors").await.json();
    assert_eq!(
        (&visible["total"], &visible["group_count"]),
        (&json!(2), &json!(2))
    );
    assert!(!visible.to_string().contains("declined"));
    get(&app, "/api/errors?q=fingerprint:x")
        .await
        .problem(400, "bad_filter");
}

#[tokio::test]
async fn a_root_cause_is_found_among_many_failures() {
    let log = ActivityLog::open(":memory:").unwrap();
    let job = log.start(Describe::job("nightly"));
    let id = job.id().unwrap().to_string();
    let batch = log.start(Describe::tool("batch").parent(&job));
    let first = log.start(Describe::tool("first").parent(&batch));
    first.end(Outcome::failed("denied"));
    for _ in 0..10_010 {
        let row = log.start(Describe::tool("row").parent(&batch));
        row.end(Outcome::failed("denied"));
    }
    batch.end(Outcome::failed("tool_error"));
    job.end(Outcome::failed("job_error"));
    log.flush().await.unwrap();
    let job = get(&router(&log), &format!("/api/activities/{id}?tree=none"))
        .await
        .json();
    assert_eq!(names(&job["root_cause"]), ["nightly", "batch", "first"]);
}
