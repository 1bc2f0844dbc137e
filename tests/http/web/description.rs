//! The API's description (OpenAPI) matches the router's responses.

use std::{collections::BTreeSet, env, fs};

use axum::Router;
use serde_json::Value;
use tower_activity::{ActivityLog, Describe, Outcome};

use crate::web::support::{get, request, router, send};

/// The committed copy, from which the dashboard's types are generated.
const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/openapi.json");
/// Names a file to write instead: `cargo xtask openapi` sets it.
const WRITE: &str = "ACTIVITY_TEST_OPENAPI";

#[cfg(all(feature = "recording", feature = "webhook"))]
#[tokio::test]
async fn the_committed_description_is_what_the_router_serves() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app: Router = log.router().accept_events().into();
    let served = get(&app, "/api/openapi.json").await.json();
    if let Some(path) = env::var_os(WRITE) {
        fs::write(path, format!("{served:#}\n")).unwrap();
        return;
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(COPY).unwrap()).unwrap();
    assert!(
        committed == served,
        "src/web/openapi.json is out of date: run `cargo xtask openapi`"
    );
}

#[tokio::test]
async fn every_described_path_responds_as_described() {
    let log = ActivityLog::open(":memory:").unwrap();
    let one = log.start(Describe::tool("a").project("a").agent("a").brand("a"));
    let id = one.id().unwrap().to_string();
    one.end(Outcome::success());
    log.flush().await.unwrap();
    let app = router(&log);
    let document = get(&app, "/api/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 30);
    for (path, operations) in paths {
        let id = if path.starts_with("/activities") {
            &id
        } else {
            "a"
        };
        let address = path.replace("{id}", id);
        let address = address.replace("{name}", "a").replace("{key}", "a");
        let asked = send(&app, request("HEAD", &format!("/api{address}"))).await;
        let missing = path.starts_with("/recordings/");
        assert_eq!(asked.status, if missing { 404 } else { 200 }, "{path}");
        let said = &operations["get"]["responses"][asked.status.as_str()]["content"];
        let kind = asked.header("content-type").split(';').next().unwrap();
        assert!(
            said[kind].is_object(),
            "{path} answers {kind}, and says {said}"
        );
        assert!(operations["post"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn writes_are_described_when_enabled() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app: Router = log.router().accept_events().into();
    let document = get(&app, "/api/openapi.json").await.json();
    assert!(
        document["paths"]["/events"]["post"].is_object(),
        "{document}"
    );
    assert!(
        document["paths"]["/events"]["get"].is_object(),
        "{document}"
    );
}

#[tokio::test]
async fn every_referenced_schema_exists_and_describes_all_fields() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.start(Describe::tool("a")).end(Outcome::success());
    log.flush().await.unwrap();
    let app = router(&log);
    let document = get(&app, "/api/openapi.json").await.json();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for named in text.split("\"#/components/schemas/").skip(1) {
        let name = named.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is nowhere");
    }
    let page = get(&app, "/api/activities").await.json();
    let described = schemas["ActivityRecord"].to_string();
    let scope = schemas["Scope"].to_string();
    for field in page["activities"][0].as_object().unwrap().keys() {
        let quoted = Value::from(field.as_str()).to_string();
        assert!(
            described.contains(&quoted) || scope.contains(&quoted),
            "{field} is not described"
        );
    }
}

#[tokio::test]
async fn the_accounting_of_each_kind_is_described_exactly() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app = router(&log);
    let document = get(&app, "/api/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    let fields =
        |of: &Value| -> BTreeSet<String> { of.as_object().unwrap().keys().cloned().collect() };
    let described = |name: &str| fields(&schemas[name]["properties"]);
    let accounting = &get(&app, "/api/health").await.json()["accounting"];
    assert_eq!(fields(&accounting["events"]), described("EventAccounting"));
    let of_recordings = fields(&accounting["recordings"]);
    assert_eq!(of_recordings, described("RecordingAccounting"));
    let parts = schemas["Accounting"]["allOf"].as_array().unwrap();
    let own = parts.iter().find(|part| part["properties"].is_object());
    let mut all = described("ActivityAccounting");
    all.extend(fields(&own.unwrap()["properties"]));
    assert_eq!(fields(accounting), all);
}

#[tokio::test]
async fn the_maximum_of_days_is_that_of_the_description() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.flush().await.unwrap();
    let app = router(&log);
    let document = get(&app, "/api/openapi.json").await.json();
    let asked = document["paths"]["/digest"]["get"]["parameters"].as_array();
    let days = asked.unwrap().iter().find(|one| one["name"] == "days");
    let most = days.unwrap()["schema"]["maximum"].as_u64().unwrap();
    let taken = get(&app, &format!("/api/digest?days={most}")).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let refused = get(&app, &format!("/api/digest?days={}", most + 1)).await;
    refused.problem(400, "invalid");
}
