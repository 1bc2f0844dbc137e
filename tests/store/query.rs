//! Readers see committed, running and abandoned activities, and never change a store.

use std::{path::Path, process::Command, time::Duration};

use chrono::Utc;
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome, Status,
    query::ActivityReader,
    record::{ActivityRecord, EventRecord, Filter, Pattern},
    store::Position,
};

use crate::support::after_commit;

fn filter(text: &str) -> Filter {
    Filter::parse(text, Utc::now()).unwrap()
}

fn names(activities: &[ActivityRecord]) -> Vec<&str> {
    activities
        .iter()
        .map(|activity| activity.name.as_str())
        .collect()
}

fn page_of(log: &ActivityLog, filter: &Filter) -> Vec<ActivityRecord> {
    log.reader().unwrap().page(filter, None, 9).unwrap().records
}

fn record(log: &ActivityLog, names: &[&'static str]) {
    for name in names {
        log.start(Describe::tool(*name)).end(Outcome::success());
    }
    log.flush().wait().unwrap();
}

#[test]
fn a_filter_may_have_thousands_of_exact_values() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.start(Describe::tool("login").project("acme"))
        .end(Outcome::success());
    log.flush().wait().unwrap();
    let mut of_many = Filter::default();
    let others = (0..5_000).map(|number| Pattern::exact(format!("project-{number}")));
    of_many.project.any_of.extend(others);
    assert!(page_of(&log, &of_many).is_empty());
    of_many.project.any_of.push(Pattern::exact("acme"));
    assert_eq!(names(&page_of(&log, &of_many)), ["login"]);
}

#[test]
fn a_list_is_newest_first_and_filtered_before_it_is_limited() {
    let log = ActivityLog::open(":memory:").unwrap();
    record(&log, &["a", "b", "noise", "noise", "noise", "c"]);
    let mut reader = log.reader().unwrap();
    let page = reader.page(&Filter::default(), None, 2).unwrap();
    assert_eq!(names(&page.records), ["c", "noise"]);
    let page = reader.page(&filter("-name:noise"), None, 2).unwrap();
    assert_eq!(names(&page.records), ["c", "b"]);
    let page = reader.page(&filter("-name:noise"), page.next, 2).unwrap();
    assert_eq!(names(&page.records), ["a"]);
    assert_eq!(page.next, None);
}

#[test]
fn a_cursor_keeps_its_position_while_more_is_recorded() {
    let log = ActivityLog::open(":memory:").unwrap();
    record(&log, &["a", "b", "c", "d"]);
    let mut reader = log.reader().unwrap();
    let first = reader.page(&Filter::default(), None, 2).unwrap();
    record(&log, &["e", "f"]);
    let cursor = first.next.unwrap().to_string().parse().unwrap();
    let second = reader.page(&Filter::default(), Some(cursor), 2).unwrap();
    assert_eq!(names(&second.records), ["b", "a"]);
}

#[test]
fn a_follower_sees_every_commit_once_with_any_filter() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut reader = log.reader().unwrap();
    assert_eq!(reader.newest::<ActivityRecord>().unwrap().seq(), 0);
    record(&log, &["a", "b"]);
    let followed = reader
        .after(Position::<ActivityRecord>::START, &Filter::default(), 10)
        .unwrap();
    assert_eq!(names(&followed.records), ["a", "b"]);
    record(&log, &["c", "noise", "d"]);
    let one = reader
        .after(followed.next, &filter("-name:noise"), 1)
        .unwrap();
    assert_eq!(names(&one.records), ["c"]);
    let rest = reader.after(one.next, &filter("-name:noise"), 10).unwrap();
    assert_eq!(names(&rest.records), ["d"]);
    assert_eq!(rest.next, reader.newest().unwrap());
    assert!(
        reader
            .after(rest.next, &Filter::default(), 10)
            .unwrap()
            .records
            .is_empty()
    );
}

#[test]
fn all_fields_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let request = log.start(
        Describe::new(Kind::Http, "POST /mcp")
            .session("s1")
            .request("7")
            .actor("Ann B"),
    );
    let login = Describe::tool("netflix_login")
        .project("acme")
        .agent("bot")
        .brand("netflix");
    let login = log.start(
        login
            .environment("test")
            .attribute("rows", 42)
            .parent(&request),
    );
    let (root, id) = (request.id().unwrap(), login.id().unwrap());
    login.end(Outcome::failed("denied").with_message("No such User"));
    request.end(Outcome::success());
    log.shutdown().wait().unwrap();

    let mut reader = ActivityReader::open(&path).unwrap();
    let login = reader.activity(id).unwrap().unwrap();
    assert_eq!((login.kind, login.status), (Kind::Tool, Status::Failed));
    assert_eq!((login.parent, login.root), (Some(root), root));
    assert_eq!(login.error_type.as_deref(), Some("denied"));
    assert_eq!(login.message.as_deref(), Some("No such User"));
    assert_eq!(login.attributes["rows"], 42);
    let scope = &login.scope;
    let texts = [
        &scope.project,
        &scope.agent,
        &scope.actor,
        &scope.brand,
        &scope.environment,
        &scope.session,
    ];
    let texts = texts.map(|text| text.as_deref().unwrap());
    assert_eq!(texts, ["acme", "bot", "Ann B", "netflix", "test", "s1"]);
    assert!(login.ended_at.unwrap() >= login.started_at);
    assert_eq!(
        names(&reader.tree(root).unwrap()),
        ["POST /mcp", "netflix_login"]
    );
    for text in [
        "status:failed kind:tool name:netflix_* project:acme agent:bot actor:\"Ann B\" brand:netflix env:test",
        "session:s1 error:denied since:1h duration:<1h has:error has:parent no USER",
        "login -status:success -has:recording",
    ] {
        let page = reader.page(&filter(text), None, 9).unwrap();
        assert_eq!(names(&page.records), ["netflix_login"], "{text}");
    }
}

#[test]
fn an_id_is_found_by_its_prefix() {
    let log = ActivityLog::open(":memory:").unwrap();
    record(&log, &["a", "b"]);
    let mut reader = log.reader().unwrap();
    let id = reader.page(&filter("name:a"), None, 1).unwrap().records[0].id;
    let text = id.to_string();
    assert_eq!(reader.find(&text).unwrap(), id);
    assert_eq!(reader.find(&text[..23]).unwrap(), id);
    assert_eq!(
        reader.find(&text.replace('-', "").to_uppercase()).unwrap(),
        id
    );
    let several = reader.find("0").unwrap_err();
    assert!(
        several.is_invalid() && several.to_string().contains(&text),
        "{several}"
    );
    assert!(reader.find("ffff").unwrap_err().is_not_found());
    assert!(reader.find("login").unwrap_err().is_invalid());
}

#[test]
fn open_activities_are_listed_until_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder()
        .flush_interval(Duration::from_millis(1))
        .open(&path)
        .unwrap();
    let mut reader = ActivityReader::open(&path).unwrap();
    let slow = log.start(Describe::tool("slow").project("acme"));
    let running = filter("status:running project:acme");
    let listed = after_commit(|| reader.page(&running, None, 9).unwrap().records.pop());
    assert_eq!(
        (listed.id, listed.seq, listed.duration_ns),
        (slow.id().unwrap(), None, None)
    );
    assert_eq!(reader.health().unwrap().running, 1);
    slow.end(Outcome::success());
    log.flush().wait().unwrap();
    assert!(reader.page(&running, None, 9).unwrap().records.is_empty());
    let all = reader.page(&Filter::default(), None, 9).unwrap().records;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].status, Status::Success);
}

const CHILD: &str = "TOWER_ACTIVITY_QUERY_CHILD";

/// Not a test itself: the process that is killed in the middle of a call.
#[test]
fn a_process_that_dies() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let log = ActivityLog::builder()
        .flush_interval(Duration::from_millis(1))
        .open(&path)
        .unwrap();
    let _slow = log.start(Describe::tool("slow"));
    record(&log, &["quick"]);
    let mut reader = log.reader().unwrap();
    after_commit(|| {
        reader
            .page(&filter("status:running"), None, 1)
            .unwrap()
            .records
            .pop()
    });
    std::process::abort();
}

#[test]
fn activities_of_a_dead_process_are_abandoned_and_not_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "query::a_process_that_dies"])
        .env(CHILD, &path)
        .output()
        .unwrap();
    assert!(!child.status.success());

    let mut reader = ActivityReader::open(&path).unwrap();
    let check = |reader: &mut ActivityReader| {
        assert!(
            reader
                .page(&filter("status:running"), None, 9)
                .unwrap()
                .records
                .is_empty()
        );
        let abandoned = reader
            .page(&filter("status:abandoned"), None, 9)
            .unwrap()
            .records;
        assert_eq!(names(&abandoned), ["slow"]);
        let all = reader.page(&Filter::default(), None, 9).unwrap().records;
        assert_eq!(names(&all), ["quick", "slow"]);
    };
    check(&mut reader);
    let health = reader.health().unwrap();
    assert_eq!(
        (health.activities, health.running, health.abandoned),
        (1, 0, 1)
    );
    assert!(!health.instances[0].alive && health.instances[0].stopped_at.is_none());

    // The next log stores the status that readers derived before: they see no difference.
    let log = ActivityLog::open(&path).unwrap();
    after_commit(|| (reader.health().unwrap().activities == 2).then_some(()));
    check(&mut reader);
    assert_eq!(reader.health().unwrap().abandoned, 1);
    drop(log);
}

#[test]
fn health_accounts_for_every_activity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    record(&log, &["a", "b", "c"]);
    log.shutdown().wait().unwrap();
    let mut reader = ActivityReader::open(&path).unwrap();
    let health = reader.health().unwrap();
    assert_eq!(
        (health.schema, health.activities, health.running),
        (4, 3, 0)
    );
    let [instance] = health.instances.as_slice() else {
        panic!("{health:?}")
    };
    assert_eq!(
        (
            instance.accounting.activities.recorded,
            instance.accounting.activities.committed
        ),
        (3, 3)
    );
    assert!(instance.accounting.adds_up() && instance.stopped_at.is_some() && !instance.alive);
    assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new());
}

#[test]
fn a_missing_store_is_an_error_and_stays_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.db");
    let error = ActivityReader::open(&path).unwrap_err();
    assert!(error.is_not_found());
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_not_a_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8]| {
        let path: &Path = &folder.path().join(name);
        std::fs::write(path, content).unwrap();
        let error = ActivityReader::open(path).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(std::fs::read(path).unwrap(), content);
    };
    check("empty.db", b"");
    check(
        "text.db",
        &b"this is not a database, and long enough to be looked at as one".repeat(40),
    );
}

#[test]
fn the_conjunction_of_two_filters_is_read() {
    let log = ActivityLog::open(":memory:").unwrap();
    for name in ["login", "logout", "search"] {
        for project in ["acme", "apex", "zeta"] {
            let activity = log.start(Describe::tool(name).project(project));
            activity.end(match project {
                "acme" => Outcome::success(),
                _ => Outcome::failed("denied"),
            });
            log.event(name).project(project).record();
        }
    }
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let all = reader.page(&Filter::default(), None, 100).unwrap();
    let all_events = reader.events(&Filter::default(), None, 100).unwrap();
    let texts = [
        "",
        "project:a*",
        "project:acme",
        "project:apex,zeta",
        "project:unknown",
        "-project:acme",
        "project:*e*",
        "status:failed",
        "status:success,cancelled",
        "log",
        "-logout",
        "has:project",
        "until:2000-01-01",
    ];
    let filters: Vec<_> = texts.iter().map(|text| filter(text)).collect();
    for a in &filters {
        for b in &filters {
            for c in &filters[..6] {
                let both = a.clone().and(b).and(c);
                let means =
                    |one: &&ActivityRecord| a.matches(one) && b.matches(one) && c.matches(one);
                let expected: Vec<_> = all.records.iter().filter(means).collect();
                let read = reader.page(&both, None, 100).unwrap().records;
                assert_eq!(
                    read.iter().collect::<Vec<_>>(),
                    expected,
                    "{a} and {b} and {c}"
                );
                let means =
                    |one: &&EventRecord| [a, b, c].iter().all(|filter| filter.matches_event(one));
                let expected: Vec<_> = all_events.records.iter().filter(means).collect();
                let read = reader.events(&both, None, 100).unwrap().records;
                assert_eq!(
                    read.iter().collect::<Vec<_>>(),
                    expected,
                    "{a} and {b} and {c}"
                );
            }
        }
    }
}
