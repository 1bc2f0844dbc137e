//! Metrics of filters and time spans: every count is the number of records that a filter lists.

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tower_activity::{ActivityLog, Describe, Outcome};

use crate::web::support::{get, router};

/// Actor, project, environment, client and name of some calls. Every third one fails.
const CALLS: [(&str, &str, &str, &str, &str); 7] = [
    ("ann", "acme", "production", "claude-code", "search"),
    ("ann", "acme", "production", "cursor", "search"),
    ("Ann", "acme", "staging", "cursor", "pay, now"),
    ("bob", "zoo", "production", "cursor", "search"),
    ("bob", "zoo", "staging", "claude-code", "pay, now"),
    ("bob", "acme", "staging", "claude-code", "pay, now"),
    ("eve \"e\"", "zoo", "production", "<b>", "search"),
];

async fn log() -> ActivityLog {
    let log = ActivityLog::open(":memory:").unwrap();
    for (n, (actor, project, environment, client, name)) in CALLS.into_iter().enumerate() {
        let describe = Describe::tool(name)
            .project(project)
            .actor(actor)
            .environment(environment)
            .attribute("mcp.client.name", client)
            .attribute("rows", n % 2);
        log.start(describe).end(match n % 3 {
            0 => Outcome::failed(["timeout", "Denied"][n % 2]),
            _ => Outcome::success(),
        });
    }
    log.flush().await.unwrap();
    log
}

/// Counts the activities that a filter lists.
async fn listed(app: &Router, filter: &str) -> usize {
    let path = format!("/api/activities?limit=1000&q={}", encoded(filter));
    let page = get(app, &path).await.json();
    page["activities"].as_array().unwrap().len()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn times(period: &Value) -> String {
    let [start, end] = ["start", "end"].map(|name| period[name].as_str().unwrap());
    format!("-status:running since:{start} until:{end}")
}

fn quoted(text: &Value) -> String {
    text.as_str().unwrap().replace('"', "\\\"")
}

#[tokio::test]
async fn every_ranking_counts_what_its_filter_lists() {
    let app = router(&log().await);
    for (path, field, values) in [
        ("projects", "project", 2),
        ("names", "name", 2),
        ("actors", "actor", 4),
        ("environments", "environment", 2),
        ("errors", "error", 2),
        ("attributes/mcp.client.name", "attr.mcp.client.name", 3),
        ("attributes/rows", "attr.rows", 2),
    ] {
        for scope in ["", "project:=acme", "actor:=bob name:pay*"] {
            let path = format!("/api/metrics/{path}?window=week&q={}", encoded(scope));
            let answer = get(&app, &path).await.json();
            assert_eq!(answer["unknown"], Value::Null, "{path}");
            let ranking = answer["ranking"].as_array().unwrap();
            if scope.is_empty() {
                assert_eq!(ranking.len(), values, "{path}");
            }
            for one in ranking {
                let id = quoted(&one["id"]);
                let times = times(&answer["counted"]);
                // Two terms of one field would be alternatives.
                let of_field = |term: &&str| term.starts_with(&format!("{field}:"));
                let scope = scope.split_whitespace().filter(|term| !of_field(term));
                let scope = Vec::from_iter(scope).join(" ");
                let filter = format!("{scope} {field}:=\"{id}\" {times}");
                assert_eq!(
                    listed(&app, &filter).await,
                    one["count"],
                    "{path}: {filter}"
                );
                let failed = format!("{filter} status:failed");
                assert_eq!(
                    listed(&app, &failed).await,
                    one["failed"],
                    "{path}: {filter}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_filter_and_a_time_span_select_what_is_counted() {
    let app = router(&log().await);
    let now = Utc::now();
    let (since, until) = (now - TimeDelta::hours(1), now + TimeDelta::hours(1));
    let span = format!(
        "since={}&until={}&step=quarter",
        encoded(&since.to_rfc3339()),
        encoded(&until.to_rfc3339())
    );
    for scope in [
        "",
        "project:=acme",
        "status:failed",
        "project:=acme actor:=ann",
        "name:nothing",
    ] {
        let path = format!("/api/metrics/overall?{span}&q={}", encoded(scope));
        let metrics = get(&app, &path).await.json();
        let window = ["start", "end"].map(|name| {
            metrics["window"][name]
                .as_str()
                .unwrap()
                .parse::<DateTime<Utc>>()
                .unwrap()
        });
        assert!(window[0] <= since && until <= window[1], "{path}");
        assert!(window.iter().all(|at| at.timestamp() % 900 == 0), "{path}");
        let filter = format!("{scope} {}", times(&metrics["counted"]));
        assert_eq!(
            listed(&app, &filter).await,
            metrics["current"]["count"],
            "{path}"
        );
        let mut sum = 0;
        for point in metrics["history"].as_array().unwrap() {
            let filter = format!("{scope} {}", times(point));
            assert_eq!(
                listed(&app, &filter).await,
                point["count"],
                "{path}: {filter}"
            );
            sum += point["count"].as_u64().unwrap();
        }
        assert_eq!(sum, metrics["current"]["count"], "{path}");
        let mut sum = 0;
        for range in metrics["durations"].as_array().unwrap() {
            let (min, max) = (&range["min_ns"], &range["max_ns"]);
            let filter = format!("{filter} duration:{min}ns..{max}ns");
            assert_eq!(
                listed(&app, &filter).await,
                range["count"],
                "{path}: {filter}"
            );
            sum += range["count"].as_u64().unwrap();
        }
        assert_eq!(sum, metrics["current"]["count"], "{path}");
    }
}

#[tokio::test]
async fn a_time_span_is_checked() {
    let app = router(&log().await);
    for (query, said) in [
        ("since=2999-02-18", "needs `since`, and a later `until`"),
        ("until=2026-02-18", "needs `since`, and a later `until`"),
        (
            "since=2026-02-18&until=2026-02-18",
            "needs `since`, and a later `until`",
        ),
        ("since=1x", "invalid `since`: \"1x\" is not a time"),
        ("since=1h&until=", "invalid `until`"),
        ("since=1h%20project:acme", "invalid `since`"),
        (
            "since=2026-02-18&until=2026-02-19&window=day",
            "either `window` and `at`, or",
        ),
        (
            "since=2026-02-18&until=2026-02-19&at=2026-02-18",
            "either `window` and `at`, or",
        ),
        ("since=2020-02-18&until=2026-02-19", "at most 400 days"),
        (
            "since=2026-01-01&until=2026-02-19&step=quarter",
            "at most 31 days",
        ),
        (
            "since=%2B262142-12-30&until=%2B262142-12-31",
            "is not a time",
        ),
        (
            "since=%2B262142-12-31T00:00:00Z&until=%2B262142-12-31T23:00:00Z&tz=Asia/Kathmandu",
            "is not a time",
        ),
        (
            "at=-262142-01-01T00:00:00Z&tz=America/Los_Angeles",
            "is not a time",
        ),
        ("q=type:deployment", "activities have no `type:`"),
    ] {
        for path in ["overall", "names", "actors"] {
            let path = format!("/api/metrics/{path}?{query}");
            let detail = get(&app, &path).await.problem(400, "invalid");
            assert!(detail.contains(said), "{path}: {detail}");
        }
    }
    let short = "since=2026-02-18T08:00:00.0000001Z&until=2026-02-18T08:00:00.0000002Z";
    let one = get(&app, &format!("/api/metrics/overall?{short}&step=quarter"))
        .await
        .json();
    assert_eq!(one["window"]["end"], "2026-02-18T08:15:00Z");
    // As in a filter.
    for span in [
        "since=1h",
        "since=yesterday&until=now",
        "since=2026-02-18T09:30:00&until=2026-02-19",
    ] {
        for path in ["metrics/overall", "metrics/names", "mcp"] {
            let path = format!("/api/{path}?{span}");
            get(&app, &path).await.json();
        }
    }
    let bad = get(&app, "/api/metrics/overall?q=colour:red").await;
    bad.problem(400, "bad_filter");
}
