//! Access limited by a filter is limited on every endpoint.

use axum::Router;
use proptest::{prelude::*, sample::select};
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome,
    record::{ActivityId, Filter},
    recording::{Chunk, Stream},
    web::Access,
};

use crate::web::{
    live_client::LiveClient,
    support::{Answer, request, send},
};

/// Projects, two of which differ in case only, each with a word that occurs in all of its texts.
const PROJECTS: [(&str, &str); 4] = [
    ("acme", "aardvark"),
    ("Acme", "wombat"),
    ("apex", "zebra"),
    ("nova", "okapi"),
];
/// Ended activities of each project: a turn, and a step in each turn.
const ENDED: usize = 1 + PROJECTS.len();

/// Activities, events and recordings of three projects, some nested in those of others.
struct Shared {
    log: ActivityLog,
    ids: Vec<ActivityId>,
    recordings: Vec<String>,
}

/// Sets the scope of an activity.
fn scoped(describe: Describe, project: &'static str, word: &str) -> Describe {
    let said = |what: &str| format!("{word}-{what}");
    let describe = describe
        .project(project)
        .agent(said("agent"))
        .actor(said("actor"));
    describe.brand(said("brand")).session(said("session"))
}

async fn shared() -> Shared {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut ids = Vec::new();
    // Without a project.
    let outer = log.start(Describe::new(Kind::Http, "okapi-outer"));
    for (project, word) in PROJECTS {
        let said = |what: &str| format!("{word}-{what}");
        let turn = scoped(Describe::new(Kind::Turn, said("turn")), project, word);
        let turn = log.start(turn.parent(&outer));
        let recording = turn.attach(Stream::new(said("format"))).await;
        recording.append(Chunk::new(said("chunk")).track(said("track")));
        // A step of another project in the same session.
        for (other, word) in PROJECTS {
            let step = scoped(Describe::tool(format!("{word}-step")), other, word);
            let step = log.start(step.parent(&turn));
            step.event("note").summary(format!("{word}-note")).record();
            ids.extend(step.id());
            step.end(
                Outcome::failed(format!("{word}-error")).with_message(format!("{word} message")),
            );
        }
        log.event(said("type"))
            .project(project)
            .summary(said("summary"))
            .actor(said("actor"))
            .record();
        ids.extend(turn.id());
        drop(recording);
        turn.end(Outcome::success());
        let running = log.start(Describe::tool(said("running")).project(project));
        ids.extend(running.id());
        std::mem::forget(running);
    }
    ids.extend(outer.id());
    outer.end(Outcome::success());
    log.flush().await.unwrap();
    let mut reader = log.reader().unwrap();
    let mut recordings: Vec<String> = Vec::new();
    for id in &ids {
        let of = reader.recordings_of(*id).unwrap();
        recordings.extend(of.iter().map(|one| one.id.to_string()));
    }
    assert_eq!(recordings.len(), PROJECTS.len());
    Shared {
        log,
        ids,
        recordings,
    }
}

/// A router that limits access to the filter in the header `x-only`.
fn app(log: &ActivityLog) -> Router {
    let router = log.router().auth(|parts| {
        let only = parts
            .headers
            .get("x-only")
            .and_then(|only| only.to_str().ok());
        match only.and_then(|only| Filter::parse(only, chrono::Utc::now()).ok()) {
            Some(only) => Access::only(only),
            None => Access::Denied,
        }
    });
    router.into()
}

async fn get_as(app: &Router, only: &str, path: &str) -> Answer {
    let mut asked = request("GET", path);
    asked.headers_mut().insert("x-only", only.parse().unwrap());
    send(app, asked).await
}

/// Every endpoint, with every ID.
fn addresses(shared: &Shared, query: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "activities",
        "events",
        "export",
        "export?what=events",
        "digest",
    ]
    .map(|address| {
        let joined = if address.contains('?') { '&' } else { '?' };
        format!("/api/{address}{joined}q={query}")
    })
    .into();
    all.push("/api/digest?days=9&grouped=true".into());
    all.push("/api/health".into());
    all.push("/api/metrics/types".into());
    for (list, part) in [
        ("overall", ""),
        ("projects", ""),
        ("agents", "agent"),
        ("names", "step"),
        ("brands", "brand"),
    ] {
        all.push(format!("/api/metrics/{list}"));
        for (project, word) in PROJECTS.iter().filter(|_| list != "overall") {
            all.push(match part {
                "" => format!("/api/metrics/{list}/{project}"),
                part => format!("/api/metrics/{list}/{word}-{part}"),
            });
        }
    }
    for id in &shared.ids {
        all.push(format!("/api/activities/{id}"));
        all.push(format!("/api/activities/{id}?tree=none"));
        all.push(format!("/api/activities/{id}/tree?q={query}"));
        all.push(format!("/api/activities/{id}/recordings"));
        all.push(format!("/api/activities?cursor={id}&q={query}"));
    }
    for id in &shared.recordings {
        all.push(format!("/api/recordings/{id}"));
        all.push(format!("/api/recordings/{id}/chunks"));
    }
    all
}

/// Asserts that a response has nothing of other projects. Words of the request itself do not count.
#[track_caller]
fn assert_only_visible(allowed: &[&str], path: &str, answer: &Answer) {
    assert!(answer.status.as_u16() < 500, "{path}: {answer:?}");
    if path.contains("/tree") && answer.status == 200 {
        let page = answer.json();
        let shown = page["activities"].as_array().unwrap().len();
        assert_eq!(
            page["total"], shown,
            "{path} for {allowed:?} counts other records"
        );
    }
    for (project, word) in PROJECTS {
        if !allowed.contains(&project) && !path.contains(word) {
            assert!(
                !answer.text.contains(word),
                "{path} for {allowed:?} shows {word}: {answer:?}"
            );
        }
        if !allowed.contains(&project)
            && path.contains("/metrics/")
            && (path.contains(word) || path.ends_with(project))
        {
            assert_eq!(answer.status, 404, "{path} for {allowed:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn users_see_their_own_records_and_no_others_on_any_endpoint() {
    let shared = shared().await;
    let users: [(&str, &[&str]); 6] = [
        ("project:acme", &["acme"]),
        ("project:Acme", &["Acme"]),
        ("project:apex", &["apex"]),
        ("project:acme,apex", &["acme", "apex"]),
        ("project:a* -project:apex", &["acme"]),
        ("project:unknown", &[]),
    ];
    for (only, allowed) in users {
        for query in [
            "",
            "project:nova",
            "project:*",
            "okapi",
            "-project:acme",
            "status:running",
            "has:project",
        ] {
            // A separate router, because of the rate limit.
            let app = app(&shared.log);
            for path in addresses(&shared, query) {
                let answer = get_as(&app, only, &path).await;
                assert_only_visible(allowed, &path, &answer);
            }
        }
        let app = app(&shared.log);
        // Their own records are visible.
        for (project, word) in PROJECTS
            .iter()
            .filter(|(project, _)| allowed.contains(project))
        {
            for path in [
                "/api/activities?q=".to_owned(),
                "/api/events".to_owned(),
                "/api/export".to_owned(),
                "/api/digest".to_owned(),
                format!("/api/activities?q=project:{project}"),
                format!("/api/activities?q=status:running%20name:{word}-running"),
            ] {
                let answer = get_as(&app, only, &path).await;
                assert!(answer.text.contains(word), "{path} for {only}: {answer:?}");
            }
            let metrics = get_as(&app, only, &format!("/api/metrics/projects/{project}")).await;
            assert_eq!(metrics.json()["current"]["count"], ENDED, "{only}");
        }
        let overall = get_as(&app, only, "/api/metrics/overall").await.json();
        assert_eq!(overall["current"]["count"], ENDED * allowed.len(), "{only}");
        assert_eq!(overall["current"]["active_agents"], allowed.len(), "{only}");
        get_as(&app, only, "/api/health")
            .await
            .problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_recording_is_visible_if_all_its_activities_are() {
    let shared = shared().await;
    let app = app(&shared.log);
    for id in &shared.recordings {
        let all = get_as(
            &app,
            "project:acme,Acme,apex,nova",
            &format!("/api/recordings/{id}/chunks"),
        )
        .await;
        assert_eq!(all.status, 200);
        assert!(all.text.contains("-chunk"), "{all:?}");
        let mut seen_by = 0;
        for (project, _) in PROJECTS {
            let one = get_as(
                &app,
                &format!("project:{project}"),
                &format!("/api/recordings/{id}"),
            )
            .await;
            seen_by += usize::from(one.status == 200);
        }
        assert_eq!(seen_by, 1, "{id}");
    }
}

#[tokio::test]
async fn a_live_stream_has_only_visible_records() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app = app(&log);
    let listening = |query: &str| {
        let mut asked = request("GET", &format!("/api/live?after=0-0&q={query}"));
        asked
            .headers_mut()
            .insert("x-only", "project:acme".parse().unwrap());
        asked
    };
    for (project, word) in PROJECTS {
        log.start(Describe::tool(format!("{word}-tool")).project(project))
            .end(Outcome::success());
        log.event(format!("{word}_type")).project(project).record();
    }
    let last = log.start(Describe::tool("last").project("acme"));
    last.end(Outcome::success());
    log.flush().await.unwrap();
    for query in ["", "project:acme,apex,nova", "-name:x"] {
        let mut client = LiveClient::send(&app, listening(query)).await;
        loop {
            let message = client.next().await;
            assert_eq!(message.data["project"], "acme", "{message:?}");
            if message.data["name"] == "last" {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_query_is_restricted_to_visible_records(
        terms in proptest::collection::vec(select(vec![
            "project:apex", "project:acme", "project:nova,apex", "-project:acme", "project:*", "agent:zebra*", "actor:*",
            "-actor:aardvark*", "zebra", "-aardvark", "status:failed", "status:running,success", "has:actor", "brand:*",
            "session:okapi*", "since:1h", "environment:development",
        ]), 0..5),
        only in select(vec!["project:acme", "project:a*", "-project:nova project:apex,nova", "agent:aardvark-agent"]),
        window in select(vec!["day", "week", "month"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let shared = shared().await;
            let app = app(&shared.log);
            let allowed: &[&str] = match only {
                "project:a*" => &["acme", "apex"],
                "project:acme" | "agent:aardvark-agent" => &["acme"],
                _ => &["apex"],
            };
            let query = terms.join("%20").replace('*', "%2a");
            for path in addresses(&shared, &query) {
                let answer = get_as(&app, only, &path).await;
                assert_only_visible(allowed, &path, &answer);
            }
            let overall = get_as(&app, only, &format!("/api/metrics/overall?window={window}")).await;
            let listed = get_as(&app, only, "/api/activities?limit=1000&q=-status:running").await.json();
            let listed = listed["activities"].as_array().unwrap().len();
            assert_eq!(overall.json()["current"]["count"], listed);
        });
    }
}
