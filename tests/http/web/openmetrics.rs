//! `GET metrics`: what a scraper reads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::Router;
use chrono::{TimeDelta, Utc};
use http::{Request, header};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    record::Filter,
    store::{Limit, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore},
    testing::ManualClock,
    web::{Access, ActivityRouter},
};

use crate::web::support::{Answer, get, request, router, send};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn scrape_request() -> Request<axum::body::Body> {
    let mut request = request("GET", "/metrics");
    let accept = OPENMETRICS.parse().unwrap();
    request.headers_mut().insert(header::ACCEPT, accept);
    request
}

/// The samples of a scrape by name and labels, as they are written.
struct Scrape(BTreeMap<String, String>);

impl Scrape {
    async fn of(app: &Router) -> Self {
        Scrape::new(&send(app, scrape_request()).await)
    }

    #[track_caller]
    fn new(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), OPENMETRICS);
        let text = answer.text.strip_suffix("# EOF\n").unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.map(|line| line.rsplit_once(' ').unwrap());
        let mut all = BTreeMap::new();
        for (name, value) in samples {
            let before = all.insert(name.to_owned(), value.to_owned());
            assert_eq!(before, None, "{name}");
        }
        Scrape(all)
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        let value = self.0.get(name);
        let value = value.unwrap_or_else(|| panic!("no {name}: {:#?}", self.0));
        value.parse().unwrap()
    }

    fn calls(&self, name: &str, project: &str, status: &str) -> f64 {
        let labels = format!("name=\"{name}\",project=\"{project}\",status=\"{status}\"");
        self.value(&format!("activity_calls_total{{{labels}}}"))
    }

    /// Returns the samples of a metric that are not 0, by their labels.
    fn of_metric(&self, metric: &str) -> BTreeMap<&str, f64> {
        let found = self.0.iter().filter_map(|(name, value)| {
            let labels = name.strip_prefix(metric)?.strip_prefix('{')?;
            Some((labels.trim_end_matches('}'), value.parse().unwrap()))
        });
        found.filter(|(_, value)| *value != 0.0).collect()
    }

    /// Asserts that no counter is less than it was.
    fn assert_follows(&self, earlier: &Scrape) {
        for (name, value) in &earlier.0 {
            let is_counter = ["_total", "_bucket", "_count", "_sum", "_created"]
                .iter()
                .any(|suffix| name.split('{').next().unwrap().ends_with(suffix));
            let was: f64 = value.parse().unwrap();
            assert!(!is_counter || self.value(name) >= was, "{name} fell");
        }
    }
}

fn log() -> (ActivityLog, ManualClock) {
    let clock = ManualClock::new();
    let log = ActivityLog::builder().clock(clock.clone());
    (log.open(":memory:").unwrap(), clock)
}

fn call(log: &ActivityLog, clock: &ManualClock, name: &str, project: &str, ms: u64, end: Outcome) {
    let describe = Describe::tool(name.to_owned()).project(project.to_owned());
    let one = log.start(describe);
    clock.advance(Duration::from_millis(ms));
    one.end(end);
}

#[tokio::test]
async fn calls_are_counted_by_name_project_and_status_from_the_first_scrape_on() {
    let (log, clock) = log();
    call(&log, &clock, "search", "acme", 1, Outcome::success());
    log.flush().await.unwrap();
    let app = router(&log);
    let first = Scrape::of(&app).await;
    // A scraper sees that a counter was 0.
    for status in ["success", "failed", "cancelled", "skipped", "abandoned"] {
        assert_eq!(first.calls("search", "acme", status), 0.0, "{status}");
    }
    for ms in [1, 2, 10_000_000] {
        call(&log, &clock, "search", "acme", ms, Outcome::success());
    }
    call(
        &log,
        &clock,
        "search",
        "acme",
        0,
        Outcome::failed("timeout"),
    );
    call(&log, &clock, "pay", "zoo", 100, Outcome::cancelled());
    log.start(Describe::tool("pay")).end(Outcome::skipped());
    log.flush().await.unwrap();
    let second = Scrape::of(&app).await;
    second.assert_follows(&first);
    assert_eq!(second.calls("search", "acme", "success"), 3.0);
    assert_eq!(second.calls("search", "acme", "failed"), 1.0);
    assert_eq!(second.calls("pay", "zoo", "cancelled"), 1.0);
    assert_eq!(second.calls("pay", "", "skipped"), 1.0);
    assert_eq!(
        second.of_metric("activity_project_calls_total"),
        BTreeMap::from([
            ("project=\"\",status=\"skipped\"", 1.0),
            ("project=\"acme\",status=\"failed\"", 1.0),
            ("project=\"acme\",status=\"success\"", 3.0),
            ("project=\"zoo\",status=\"cancelled\"", 1.0),
        ])
    );
    assert_eq!(
        second.of_metric("activity_failures_total"),
        BTreeMap::from([("error_type=\"timeout\"", 1.0)])
    );

    // A bound includes its own duration.
    let le = |name: &str, bound: &str| {
        second.value(&format!(
            "activity_duration_seconds_bucket{{name=\"{name}\",le=\"{bound}\"}}"
        ))
    };
    let of_search = ["1e-5", "0.0005", "0.001", "0.0025", "1800.0", "+Inf"];
    assert_eq!(
        of_search.map(|bound| le("search", bound)),
        [1.0, 1.0, 2.0, 3.0, 3.0, 4.0]
    );
    assert_eq!(
        ["0.05", "0.1", "+Inf"].map(|bound| le("pay", bound)),
        [1.0, 2.0, 2.0]
    );
    let sum = second.value("activity_duration_seconds_sum{name=\"search\"}");
    assert!((sum - 10_000.003).abs() < 1e-6, "{sum}");
    let count = second.value("activity_duration_seconds_count{name=\"search\"}");
    assert_eq!(count, 4.0);
    let again = Scrape::of(&app).await;
    assert_eq!(again.calls("search", "acme", "success"), 3.0);
}

#[tokio::test]
async fn counters_stay_when_retention_deletes_what_they_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let app = router(&log);
    Scrape::of(&app).await;
    for _ in 0..5 {
        log.start(Describe::tool("search").project("acme"))
            .end(Outcome::success());
    }
    log.flush().await.unwrap();
    let before = Scrape::of(&app).await;
    assert_eq!(before.calls("search", "acme", "success"), 5.0);
    let mut maintenance = SqliteStore::new(&path).unwrap().maintenance().unwrap();
    let mut keep = Retention::default();
    keep.activities = Some(Limit::age(Duration::ZERO));
    keep.sums = Some(Limit::age(Duration::ZERO));
    let later = Utc::now() + TimeDelta::days(1);
    while maintenance.prune(Prune::ByDate(keep, later)).unwrap() != PruneCounts::default() {}
    let after = Scrape::of(&app).await;
    after.assert_follows(&before);
    assert_eq!(after.calls("search", "acme", "success"), 5.0);
    log.start(Describe::tool("search").project("acme"))
        .end(Outcome::success());
    log.flush().await.unwrap();
    let last = Scrape::of(&app).await;
    assert_eq!(last.calls("search", "acme", "success"), 6.0);
}

#[tokio::test]
async fn the_number_of_series_is_bounded_and_none_changes_its_place() {
    let (log, clock) = log();
    let app: Router = log.router().metrics_limit(2).into();
    let mut last = Scrape::of(&app).await;
    let rounds: [&[(&str, &str, usize)]; 4] = [
        &[("a", "p", 3)],
        // The most frequent one gets the last place.
        &[("b", "p", 1), ("c", "p", 2), ("a", "q", 1)],
        &[("b", "p", 9), ("d", "q", 9), ("a", "p", 1), ("c", "q", 1)],
        // A name that is called as the rest.
        &[("other", "p", 1), ("a", "other", 1)],
    ];
    for round in rounds {
        for (name, project, count) in round {
            for _ in 0..*count {
                let end = Outcome::failed(format!("no {name}"));
                call(&log, &clock, name, project, 1, end);
            }
        }
        log.flush().await.unwrap();
        let scrape = Scrape::of(&app).await;
        scrape.assert_follows(&last);
        last = scrape;
    }
    let failed = |name: &str, project: &str| last.calls(name, project, "failed");
    assert_eq!([failed("a", "p"), failed("c", "p")], [4.0, 2.0]);
    assert_eq!([failed("a", "other"), failed("c", "other")], [2.0, 1.0]);
    assert_eq!(failed("other", "other"), 20.0);
    assert_eq!(last.of_metric("activity_calls_total").len(), 5);
    assert_eq!(last.of_metric("activity_duration_seconds_count").len(), 3);
    // A project has its own sum, also where a pair has none.
    let of_project = |project: &str| {
        let labels = format!("project=\"{project}\",status=\"failed\"");
        last.value(&format!("activity_project_calls_total{{{labels}}}"))
    };
    assert_eq!(["p", "q", "other"].map(of_project), [17.0, 11.0, 1.0]);
    let failures = last.of_metric("activity_failures_total");
    assert_eq!(failures.values().sum::<f64>(), 29.0);
    assert_eq!(failures.len(), 3);
}

#[tokio::test]
async fn hostile_names_are_escaped() {
    let (log, clock) = log();
    let app = router(&log);
    Scrape::of(&app).await;
    let long = "x".repeat(300);
    let names = [
        "line\nbreak",
        "quote\"brace}",
        "back\\slash\\n",
        "\u{202e}# EOF",
        "emoji 🦀 \u{0}",
        &long,
        " ",
        "a\rb",
    ];
    for name in names {
        call(
            &log,
            &clock,
            name,
            name,
            1,
            Outcome::failed(name.to_owned()),
        );
    }
    log.flush().await.unwrap();
    let scrape = Scrape::of(&app).await;
    let counted = scrape.of_metric("activity_calls_total");
    assert_eq!(counted.values().sum::<f64>(), names.len() as f64);
    // As they are recorded: control characters may have been replaced.
    let mut reader = log.reader().unwrap();
    for one in reader.page(&Filter::default(), None, 50).unwrap().records {
        let name = one.name.replace('\\', "\\\\").replace('"', "\\\"");
        let name = name.replace('\n', "\\n");
        let project = one.scope.project.map(|text| text.to_string());
        let project = project.unwrap_or_default().replace('\\', "\\\\");
        let project = project.replace('"', "\\\"").replace('\n', "\\n");
        assert_eq!(scrape.calls(&name, &project, "failed"), 1.0);
    }
}

#[tokio::test]
async fn the_format_is_the_one_that_the_client_accepts() {
    let (log, _) = log();
    let app = router(&log);
    let plain = get(&app, "/metrics").await;
    assert_eq!(
        plain.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(plain.text.contains("# TYPE activity_calls_total counter\n"));
    assert!(plain.text.contains("\nactivity_build_info{version=\""));
    assert!(!plain.text.contains("_created") && !plain.text.contains("# EOF"));
    let open = send(&app, scrape_request()).await;
    assert_eq!(open.header("vary"), "Accept");
    assert!(open.text.contains("# TYPE activity_calls counter\n"));
    assert!(open.text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn what_becomes_of_records_is_counted_by_reason() {
    let (log, _) = log();
    let app = router(&log);
    Scrape::of(&app).await;
    log.event("").record();
    log.event("deployment").record();
    let open = log.start(Describe::tool("search"));
    log.flush().await.unwrap();
    let scrape = Scrape::of(&app).await;
    let lost = scrape.of_metric("activity_records_lost_total");
    let of_type = "kind=\"event\",reason=\"rejected_type\"";
    assert_eq!(lost, BTreeMap::from([(of_type, 1.0)]));
    assert_eq!(
        scrape.of_metric("activity_records_total"),
        BTreeMap::from([("kind=\"activity\"", 1.0), ("kind=\"event\"", 2.0)])
    );
    let in_hand = scrape.of_metric("activity_records_open");
    assert_eq!(in_hand, BTreeMap::from([("kind=\"activity\"", 1.0)]));
    assert!(scrape.value("activity_store_bytes") > 0.0);
    assert_eq!(scrape.value("activity_uncounted_commits"), 0.0);
    drop(open);
}

#[tokio::test]
async fn a_store_that_others_write_has_the_accounting_of_all_and_no_waiting_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    for _ in 0..2 {
        let log = ActivityLog::open(&path).unwrap();
        log.event("").record();
        log.start(Describe::tool("search")).end(Outcome::success());
        log.shutdown().await.unwrap();
    }
    let store = Arc::new(SqliteStore::new(&path).unwrap());
    let app: Router = ActivityRouter::from_store(store).into();
    let scrape = Scrape::of(&app).await;
    let lost = scrape.of_metric("activity_records_lost_total");
    let of_type = "kind=\"event\",reason=\"rejected_type\"";
    assert_eq!(lost, BTreeMap::from([(of_type, 2.0)]));
    let has = |metric: &str| scrape.0.keys().any(|name| name.starts_with(metric));
    assert!(!has("activity_records_waiting") && !has("activity_records_open"));
    assert_eq!(scrape.value("activity_running"), 0.0);
}

/// Grants the filter in the header `x-filter`.
fn restricted(log: &ActivityLog) -> Router {
    let router = log.router().auth(|parts| {
        let filter = parts.headers.get("x-filter").unwrap().to_str().unwrap();
        match Filter::parse(filter, Utc::now()).unwrap() {
            filter if filter.is_empty() => Access::Everything,
            filter => Access::only(filter),
        }
    });
    router.into()
}

async fn scrape_with(app: &Router, filter: &str) -> Answer {
    let mut request = scrape_request();
    let filter = filter.parse().unwrap();
    request.headers_mut().insert("x-filter", filter);
    send(app, request).await
}

#[tokio::test]
async fn limited_access_counts_what_it_may_see() {
    let (log, clock) = log();
    let app = restricted(&log);
    let filters = ["", "project:acme", "project:zoo status:failed"];
    for filter in filters {
        Scrape::new(&scrape_with(&app, filter).await);
    }
    for (project, ok) in [("acme", true), ("zoo", true), ("zoo", false)] {
        let end = match ok {
            true => Outcome::success(),
            false => Outcome::failed("secret of zoo"),
        };
        call(&log, &clock, "search", project, 1, end);
    }
    log.flush().await.unwrap();
    let all = Scrape::new(&scrape_with(&app, filters[0]).await);
    let acme = Scrape::new(&scrape_with(&app, filters[1]).await);
    let failed = Scrape::new(&scrape_with(&app, filters[2]).await);
    assert_eq!(all.of_metric("activity_calls_total").len(), 3);
    let of_acme = "name=\"search\",project=\"acme\",status=\"success\"";
    let seen = acme.of_metric("activity_calls_total");
    assert_eq!(seen, BTreeMap::from([(of_acme, 1.0)]));
    let seen = failed.of_metric("activity_calls_total");
    let of_zoo = "name=\"search\",project=\"zoo\",status=\"failed\"";
    assert_eq!(seen, BTreeMap::from([(of_zoo, 1.0)]));
    for (scrape, what) in [(&acme, "zoo"), (&failed, "acme")] {
        let named = scrape.0.keys().find(|name| name.contains(what));
        assert_eq!(named, None);
        // Nothing about the store as a whole.
        let families = ["activity_store", "activity_records", "activity_running"];
        let has = |family: &&str| scrape.0.keys().any(|name| name.starts_with(*family));
        assert_eq!(families.iter().find(|family| has(family)), None);
        assert!(
            scrape
                .0
                .keys()
                .any(|name| name.starts_with("activity_build_info"))
        );
    }
    let refused = scrape_with(&app, "project:acme since:24h").await;
    let detail = refused.problem(403, "forbidden");
    assert!(detail.contains("limited to a time"), "{detail}");
}

#[tokio::test]
async fn a_scrape_needs_the_token() {
    let (log, _) = log();
    let app: Router = log.router().token("a-long-enough-token").into();
    get(&app, "/metrics").await.problem(401, "unauthorized");
    let mut request = scrape_request();
    let bearer = "Bearer a-long-enough-token".parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    Scrape::new(&send(&app, request).await);
}

#[tokio::test]
async fn scrapers_with_too_many_restrictions_are_turned_away() {
    let (log, _) = log();
    let app = restricted(&log);
    for project in 0..64 {
        let answer = scrape_with(&app, &format!("project:p{project}")).await;
        assert_eq!(answer.status, 200);
    }
    let refused = scrape_with(&app, "project:one-more").await;
    refused.problem(503, "busy");
    // Those that are counted, and the whole store, still are.
    Scrape::new(&scrape_with(&app, "project:p0").await);
    Scrape::new(&scrape_with(&app, "").await);
}

#[tokio::test]
async fn the_dashboard_for_grafana_asks_for_metrics_that_exist() {
    let (log, clock) = log();
    let app = router(&log);
    call(&log, &clock, "a", "p", 1, Outcome::failed("x"));
    log.flush().await.unwrap();
    let scrape = Scrape::of(&app).await;
    let names: Vec<_> = scrape.0.keys().map(|name| name.split('{').next()).collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/grafana/activity.json");
    let text = std::fs::read_to_string(file).unwrap();
    let board: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap());
    let variables = board["templating"]["list"].as_array().unwrap();
    let variables = variables
        .iter()
        .filter_map(|one| one["definition"].as_str());
    let mut found = 0;
    for query in queries.chain(variables) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = query.split(|c| !is_word(c));
        for metric in words.filter(|word| word.starts_with("activity_")) {
            assert!(names.contains(&Some(metric)), "{metric} in {query}");
            found += 1;
        }
    }
    assert!(found >= 10, "{found}");
}
