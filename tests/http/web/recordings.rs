//! The list of recordings.

use serde_json::Value;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Filter,
    recording::{Chunk, Stream},
    web::Access,
};

use crate::web::support::{get, router};

/// A log with a session of three calls, the last of which failed, and a terminal of another project.
async fn recorded() -> ActivityLog {
    let log = ActivityLog::open(":memory:").unwrap();
    let login = log.start(Describe::tool("login").project("acme"));
    let session = login.attach(Stream::new("rrweb")).await;
    session.append(Chunk::new("{}").events(4));
    login.end(Outcome::success());
    for (name, outcome) in [
        ("search", Outcome::success()),
        ("pay", Outcome::failed("denied").with_message("refused")),
        ("leave", Outcome::success()),
    ] {
        let call = log.start(Describe::tool(name).project("acme"));
        session.link(&call);
        call.end(outcome);
    }
    session.stop().await;
    let job = log.start(Describe::job("tests").project("nova"));
    let terminal = job.attach(Stream::new("asciicast")).await;
    terminal.append(Chunk::new("{}"));
    terminal.stop().await;
    job.end(Outcome::success());
    log.start(Describe::tool("unrecorded"))
        .end(Outcome::success());
    log.flush().await.unwrap();
    log
}

fn formats(page: &Value) -> Vec<&str> {
    let rows = page["recordings"].as_array().unwrap().iter();
    rows.map(|row| row["format"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_recording_is_listed_once_with_its_calls() {
    let log = recorded().await;
    let page = get(&router(&log), "/api/recordings").await.json();
    assert_eq!(formats(&page), ["asciicast", "rrweb"]);
    assert_eq!(page["next"], Value::Null);
    let session = &page["recordings"][1];
    assert_eq!(session["call_count"], 4);
    assert_eq!(session["failed_count"], 1);
    assert_eq!(session["status"], "complete");
    assert_eq!(session["events"], 4);
    assert!(session["bytes"].as_u64() > Some(0));
    assert!(session["duration_ns"].as_u64() > Some(0));
    let names = session["calls"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|call| call["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["login", "search", "pay"]);
    assert_eq!(session["failure"]["message"], "refused");
    assert_eq!(page["recordings"][0]["failure"], Value::Null);
}

#[tokio::test]
async fn recordings_are_filtered_by_their_calls_and_read_page_by_page() {
    let log = recorded().await;
    let app = router(&log);
    let check = async |query: &str, expected: &[&str]| {
        let page = get(&app, &format!("/api/recordings?q={query}"))
            .await
            .json();
        assert_eq!(formats(&page), expected, "{query}");
    };
    check("status:failed", &["rrweb"]).await;
    check("name:leave", &["rrweb"]).await;
    check("kind:job", &["asciicast"]).await;
    check("project:acme,nova", &["asciicast", "rrweb"]).await;
    check("name:unrecorded", &[]).await;

    let first = get(&app, "/api/recordings?limit=1").await.json();
    assert_eq!(formats(&first), ["asciicast"]);
    let cursor = first["next"].as_str().unwrap();
    let second = get(&app, &format!("/api/recordings?limit=1&cursor={cursor}")).await;
    let second = second.json();
    assert_eq!(formats(&second), ["rrweb"]);
    assert_eq!(second["next"], Value::Null);

    for query in ["q=colour:red", "q=type:log", "cursor=x", "limit=0"] {
        let answer = get(&app, &format!("/api/recordings?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn a_recording_is_listed_only_if_all_its_calls_may_be_seen() {
    let log = recorded().await;
    let other = log.start(Describe::tool("other").project("nova"));
    let shared = other.attach(Stream::new("shared")).await;
    shared.append(Chunk::new("{}"));
    let call = log.start(Describe::tool("call").project("acme"));
    shared.link(&call);
    call.end(Outcome::success());
    shared.stop().await;
    other.end(Outcome::success());
    log.flush().await.unwrap();
    let only = |project: &'static str| {
        let access = move |_: &_| Access::only(Filter::for_project(project));
        log.router().auth(access).into()
    };
    let page = get(&only("acme"), "/api/recordings").await.json();
    assert_eq!(formats(&page), ["rrweb"]);
    let page = get(&only("nova"), "/api/recordings?q=project:acme")
        .await
        .json();
    assert!(formats(&page).is_empty(), "{page}");
}
