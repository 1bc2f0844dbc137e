//! The example's output matches its records.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use chrono::{DateTime, TimeDelta, Utc};
use tower_activity::{Status, query::ActivityReader, record::Filter};

const TIMELINE: &str = "\
SHOP as ann sees it:
  deployment         success  production   version 1 is live
  github_push        failed   development  fatal: '/nowhere' does not appear to be a git repository
  github_push        success  development  main is pushed, at COMMIT
  endpoints_added    success  development  3 endpoints added
  endpoints_modified success  development  1 endpoint modified
  endpoints_added    success  development  2 endpoints added
  tables_added       success  development  2 tables added
  queries_executed   success  development  4 queries executed
  database_created   success  development  a SQLite database is ready
  project_created    success  development  SHOP is created
as bob sees it: there is no project \"SHOP\"
";

const TODAY: &str = "\
### Recent activity
- 5 endpoints added today
- 1 github push today, 1 attempt failed
- 1 database created today
";

#[test]
fn a_locked_log_stops_nothing_and_the_timeline_continues() {
    let folder = tempfile::tempdir().unwrap();
    let said = within_a_day(|| run(folder.path(), &["flood"]));
    let shop = between(&said, "ann has built ", "\n");
    let commit = between(&said, "main is pushed, at ", "\n");
    let timeline = TIMELINE.replace("SHOP", shop).replace("COMMIT", commit);
    assert!(said.contains(&timeline), "{said}");
    for zone in ["UTC", "Asia/Kathmandu"] {
        assert!(said.contains(&format!("\n{zone}:\n{TODAY}")), "{said}");
    }
    assert!(
        said.contains("bob's project has answered 500 queries"),
        "{said}"
    );

    let without_room: u64 = between(&said, "written again: ", " records")
        .parse()
        .unwrap();
    assert!(without_room > 0, "{said}");
    let mut reader = ActivityReader::open(folder.path().join("activity.db")).unwrap();
    let instances = reader.health().unwrap().instances;
    let counts: Vec<_> = instances.iter().map(|one| &one.accounting).collect();
    assert!(counts.iter().all(|one| one.adds_up()));
    let rejected = counts[0].activities.rejected() + counts[0].events.rejected();
    assert_eq!(rejected, without_room);

    let failed = Filter::parse(&format!("status:failed project:{shop}"), Utc::now()).unwrap();
    let failed = reader.page(&failed, None, 10).unwrap().records;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].error_type.as_deref(), Some("git"));
    assert_eq!(failed[0].status, Status::Failed);
}

#[test]
fn nothing_is_missing_after_an_outage_within_the_memory_limit() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &[]);
    assert_eq!(between(&said, "written again: ", " records"), "0");
    let mut reader = ActivityReader::open(folder.path().join("activity.db")).unwrap();
    let counts = &reader.health().unwrap().instances[0].accounting;
    assert!(counts.activities.committed > 20, "{counts:?}");
    assert_eq!(counts.activities.rejected() + counts.activities.lost(), 0);
    assert_eq!(counts.events.rejected() + counts.events.lost(), 0);
}

/// Runs the story in a folder. Returns what it prints.
fn run(folder: &Path, args: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_project-backend"))
        .args(args)
        .current_dir(folder)
        .env_remove("ACTIVITY_STORE")
        .env_remove("PROJECTS")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    String::from_utf8(ran.stdout).unwrap()
}

/// Repeats the run until no midnight, in UTC or in Kathmandu, falls into it: "today" is then one day.
fn within_a_day<T>(mut run: impl FnMut() -> T) -> T {
    let days =
        |at: DateTime<Utc>| [at, at + TimeDelta::minutes(5 * 60 + 45)].map(|at| at.date_naive());
    loop {
        let before = Utc::now();
        let came = run();
        if days(before) == days(Utc::now()) {
            return came;
        }
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap().1;
    rest.split_once(after).unwrap().0
}
