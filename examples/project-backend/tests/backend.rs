//! The back end's records, on a manual clock, and who may see them.
#![allow(clippy::unwrap_used)]

use std::{path::Path, time::Duration};

use project_backend::{Backend, Caller, Endpoint, Error};
use serde_json::json;
use tempfile::TempDir;
use tower_activity::{ActivityLog, testing::ManualClock};

const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);

struct Fixture {
    backend: Backend,
    log: ActivityLog,
    clock: ManualClock,
    ann: Caller,
    folder: TempDir,
}

impl Fixture {
    /// A back end on which ann has the project `shop`.
    fn new() -> Self {
        let (log, clock) = ActivityLog::test();
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(&log, folder.path().join("projects"));
        let ann = Caller {
            user: "ann".into(),
            request: Some("r1".into()),
        };
        backend.create_project(&ann, "shop").unwrap();
        Fixture {
            backend,
            log,
            clock,
            ann,
            folder,
        }
    }

    fn add(&self, routes: &[&str]) -> Result<(), Error> {
        let endpoints = routes.iter().map(|route| Endpoint {
            route,
            sql: "SELECT 1",
        });
        let endpoints: Vec<_> = endpoints.collect();
        self.backend.add_endpoints(&self.ann, "shop", &endpoints)
    }

    fn types(&self, filter: &str) -> Vec<String> {
        self.log.flush().wait().unwrap();
        let console = self.backend.console();
        let now = self.clock.now() + Duration::from_secs(1);
        let mut cursor = None;
        let mut types = Vec::new();
        // One per page, so that an unstable order fails the test.
        loop {
            let page = console
                .timeline("ann", "shop", filter, now, cursor, 1)
                .unwrap();
            types.extend(
                page.records
                    .into_iter()
                    .map(|event| event.event_type.to_string()),
            );
            cursor = page.next;
            if cursor.is_none() {
                return types;
            }
        }
    }
}

#[test]
fn events_of_one_instant_keep_their_order() {
    let fixture = Fixture::new();
    let Fixture { backend, ann, .. } = &fixture;
    backend
        .run_queries(ann, "shop", &["CREATE TABLE item (name)"])
        .unwrap();
    fixture.add(&["GET /a"]).unwrap();
    backend.deploy(ann, "shop").unwrap();
    let all = [
        "deployment",
        "endpoints_added",
        "tables_added",
        "queries_executed",
        "database_created",
        "project_created",
    ];
    assert_eq!(fixture.types(""), all);
    assert_eq!(fixture.types("env:production"), ["deployment"]);
    assert_eq!(fixture.types("type:*_created"), all[4..]);
    assert_eq!(fixture.types("sqlite"), ["database_created"]);
}

#[test]
fn details_name_each_table_once_and_the_request_they_came_with() {
    let fixture = Fixture::new();
    let queries = [
        "CREATE TABLE item (name)",
        "CREATE TABLE sold (item)",
        "INSERT INTO item VALUES ('tea')",
        "SELECT * FROM item, item AS other, sold",
        "SELECT * FROM item",
    ];
    let rows = fixture.backend.run_queries(&fixture.ann, "shop", &queries);
    assert_eq!(rows.unwrap(), 1);
    let recorded = fixture.log.assert().wait();
    let ran = recorded.event("queries_executed").count(5).actor("ann");
    let both = json!(["item", "sold"]);
    ran.data(json!({"tables": both, "rows": 1})).request("r1");
    let added = recorded.event("tables_added").count(2);
    added.data(json!({"tables": both})).under("run_queries");
}

#[test]
fn failures_are_recorded_and_empty_operations_are_not() {
    let fixture = Fixture::new();
    fixture.add(&[]).unwrap();
    assert!(!fixture.types("").contains(&"endpoints_added".to_owned()));

    let Fixture { backend, ann, .. } = &fixture;
    let refused = backend.run_queries(ann, "shop", &["DELETE FROM missing"]);
    let error = refused.unwrap_err();
    assert!(matches!(error, Error::Sql(_)));
    assert!(backend.push(ann, "shop", Path::new("/nowhere")).is_err());
    fixture.add(&["GET /a"]).unwrap();
    assert!(fixture.add(&["GET /b", "GET /a"]).is_err());
    let recorded = fixture.log.assert().wait();
    let failed = recorded.event("queries_executed").failed();
    // The details of rusqlite's message depend on its features.
    assert!(error.to_string().starts_with("no such table: missing"));
    failed.summary(&error.to_string());
    recorded.event("github_push").failed();
    recorded.one("run_queries").failed("sql");
    let added = recorded.all_events("endpoints_added").count(2);
    added.nth(1).failed().summary("there is a GET /a already");
    recorded.no_event("tables_added");
}

#[test]
fn endpoints_are_summed_by_the_days_of_the_viewers_time_zone() {
    let fixture = Fixture::new();
    fixture
        .clock
        .set_wall("2026-02-18T18:00:00Z".parse().unwrap());
    fixture.add(&["GET /yesterday"]).unwrap();
    // In Kathmandu this is the nineteenth.
    fixture.clock.advance(HALF_AN_HOUR);
    fixture.add(&["GET /a", "GET /b"]).unwrap();
    fixture.clock.advance(HALF_AN_HOUR);
    fixture.add(&["GET /c", "GET /d", "GET /e"]).unwrap();
    fixture.log.flush().wait().unwrap();
    let check = |zone: &str, expected: &str| {
        let (console, now) = (fixture.backend.console(), fixture.clock.now());
        let text = console.today_text("ann", "shop", zone.parse().unwrap(), now);
        let text = text.unwrap();
        assert_eq!(
            text,
            format!("### Recent activity\n- {expected}\n"),
            "{zone}"
        );
    };
    check("Asia/Kathmandu", "5 endpoints added today");
    check("UTC", "6 endpoints added today");
}

#[test]
fn a_user_cannot_see_or_change_the_project_of_another() {
    let fixture = Fixture::new();
    let bob = Caller {
        user: "bob".into(),
        request: None,
    };
    assert!(matches!(
        fixture.backend.deploy(&bob, "shop"),
        Err(Error::NoProject(_))
    ));
    fixture.log.flush().wait().unwrap();
    let console = fixture.backend.console();
    let now = fixture.clock.now();
    // Not even with a filter for it, or for an own project that does not exist.
    for (user, project, filter) in [
        ("bob", "shop", ""),
        ("bob", "shop", "project:shop"),
        ("bob", "../projects/shop", ""),
        ("ann", "none", ""),
    ] {
        assert!(
            console
                .timeline(user, project, filter, now, None, 9)
                .is_err(),
            "{user} {project}"
        );
    }
    fixture.backend.create_project(&bob, "blog").unwrap();
    fixture.log.flush().wait().unwrap();
    for (filter, expected) in [("", 2), ("project:shop", 0)] {
        let page = console
            .timeline("bob", "blog", filter, now + HALF_AN_HOUR, None, 9)
            .unwrap();
        assert_eq!(page.records.len(), expected, "{filter}");
        let projects = page
            .records
            .iter()
            .map(|event| event.scope.project.as_deref());
        assert!(projects.into_iter().all(|project| project == Some("blog")));
    }
}

#[test]
fn queries_stay_in_their_database() {
    let fixture = Fixture::new();
    let other = fixture.folder.path().join("other.db");
    let attach = format!("ATTACH '{}' AS other", other.display());
    for query in [&*attach, "PRAGMA user_version = 7"] {
        let ran = fixture.backend.run_queries(&fixture.ann, "shop", &[query]);
        assert!(matches!(ran, Err(Error::Sql(_))), "{query}");
    }
    assert!(!other.exists());
}
