//! Full-text search finds indexed and unindexed records, and no deleted ones.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{Capture, Filter},
    store::{Prune, PruneCounts, Retention},
    testing::ManualClock,
};

use crate::{log_file::maintenance, support::after_commit};

/// The names of matching activities and the types of matching events, newest first.
fn found(reader: &mut ActivityReader, text: &str) -> (Vec<String>, Vec<String>) {
    let filter = Filter::parse(text, Utc::now()).unwrap();
    let activities = reader.page(&filter, None, 100).unwrap().records;
    let events = reader.events(&filter, None, 100).unwrap().records;
    (
        activities.iter().map(|one| one.name.to_string()).collect(),
        events
            .iter()
            .map(|one| one.event_type.to_string())
            .collect(),
    )
}

#[test]
fn words_in_names_messages_summaries_and_payloads_are_found_indexed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .open(folder.path().join("a.db"))
        .unwrap();
    let mut reader = log.reader().unwrap();
    let mut maintenance = maintenance(folder.path());
    let record = || {
        let login = log.start(
            Describe::tool("netflix_login")
                .actor("Ann B")
                .project("ACME")
                .session("s-1/ß"),
        );
        login.set_input(&"Breaking news", Capture::Full);
        login.set("weight", 7.5);
        login.set("tags", serde_json::json!(["new", "slow"]));
        clock.advance(Duration::from_millis(1));
        login.end(Outcome::failed("denied").with_message("no such user"));
        // Two in the same microsecond.
        let _search = log.start(Describe::tool("amazon_search"));
        log.start(Describe::tool("list").actor("Bob"))
            .end(Outcome::success());
        log.event("deployment")
            .summary("version 3 is live")
            .reference("TÜV #日本語")
            .data(serde_json::json!({"region": ["EU"]}))
            .actor("Bob")
            .record();
        clock.advance(Duration::from_millis(1));
    };
    let check_all = |reader: &mut ActivityReader, times: usize| {
        let mut check = |text: &str, activities: &[&str], events: &[&str]| {
            let all = (activities.repeat(times), events.repeat(times));
            let found = found(reader, text);
            let found = (
                found.0.iter().map(String::as_str).collect(),
                found.1.iter().map(String::as_str).collect(),
            );
            assert_eq!(all, found, "{text}");
        };
        check("login", &["netflix_login"], &[]);
        check("log", &[], &[]);
        check("log*", &["netflix_login"], &[]);
        check("\"such user\"", &["netflix_login"], &[]);
        check("\"user such\"", &[], &[]);
        check("BREAK* news", &["netflix_login"], &[]);
        check("live", &[], &["deployment"]);
        check("version -live", &[], &[]);
        check("session:s-1/ß", &["netflix_login"], &[]);
        check("session:s1ß", &[], &[]);
        check("actor:Bob", &["list"], &["deployment"]);
        check("actor:Bob,unknown live", &[], &["deployment"]);
        check("actor:unknown", &[], &[]);
        check("- login", &[], &[]);
        check("\"...\"", &[], &[]);
        check("tüv 日本 reĢion eu", &[], &["deployment"]);
        check("bob", &["list"], &["deployment"]);
        check("netflix acme", &["netflix_login"], &[]);
        check("denied 7.5", &["netflix_login"], &[]);
        check("\"#\"", &[], &["deployment"]);
        check("attr.weight:7.5", &["netflix_login"], &[]);
        check("attr.weight:7.50,8 attr.tags:NEW", &["netflix_login"], &[]);
        check("attr.weight:8", &[], &[]);
        check("attr.weight:>7 login", &["netflix_login"], &[]);
        check("attr.region:eu", &[], &["deployment"]);
    };
    record();
    log.flush().wait().unwrap();
    assert_eq!(reader.health().unwrap().unindexed, 4);
    check_all(&mut reader, 1);
    while maintenance.index().unwrap() > 0 {}
    assert_eq!(reader.health().unwrap().unindexed, 0);
    check_all(&mut reader, 1);
    record();
    log.flush().wait().unwrap();
    check_all(&mut reader, 2);
    while maintenance.index().unwrap() > 0 {}
    check_all(&mut reader, 2);
    assert!(reader.integrity_errors().unwrap().is_empty());

    // Pruned records are not found any more; others of the same microsecond are.
    let now = clock.now() + TimeDelta::seconds(1);
    let mut keep = Retention::default();
    keep.previews = Some(Duration::ZERO.into());
    while maintenance.prune(Prune::ByDate(keep, now)).unwrap() != PruneCounts::default() {}
    assert_eq!(found(&mut reader, "breaking").0.len(), 0);
    assert_eq!(found(&mut reader, "login").0.len(), 2);
    keep.activities = Some(Duration::ZERO.into());
    while maintenance.prune(Prune::ByDate(keep, now)).unwrap() != PruneCounts::default() {}
    // The newest row is never pruned.
    assert_eq!(found(&mut reader, "").0, ["amazon_search"]);
    assert_eq!(found(&mut reader, "login").0.len(), 0);
    assert_eq!(found(&mut reader, "search").0, ["amazon_search"]);
    let store = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
    let rows = |word: &str| -> i64 {
        let sql = "SELECT count(*) FROM activity_search WHERE activity_search MATCH ?1";
        store.query_row(sql, [word], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("login"), rows("search")), (0, 1));
}

#[test]
fn records_that_start_together_and_end_one_by_one_are_indexed_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .open(folder.path().join("a.db"))
        .unwrap();
    let mut reader = log.reader().unwrap();
    let mut maintenance = maintenance(folder.path());
    let running: Vec<_> = (0..90)
        .map(|number| log.start(Describe::job("together").actor(format!("user{number}"))))
        .collect();
    for (number, activity) in running.into_iter().enumerate() {
        clock.advance(Duration::from_millis(1));
        activity.end(Outcome::success());
        log.flush().wait().unwrap();
        while maintenance.index().unwrap() > 0 {}
        assert_eq!(found(&mut reader, &format!("user{number}")).0, ["together"]);
        assert_eq!(
            found(&mut reader, "together status:success").0.len(),
            number + 1
        );
    }
    // As entries of one microsecond, of which there are a few.
    let store = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
    let sql = "SELECT count(*) FROM activity_search_docsize";
    let entries: i64 = store.query_row(sql, (), |row| row.get(0)).unwrap();
    assert!(entries <= 32, "{entries}");
    // Each page has the next records, although all are in the same entries.
    let (mut cursor, mut ids) = (None, Vec::new());
    let filter = Filter::parse("together", Utc::now()).unwrap();
    loop {
        let page = reader.page(&filter, cursor, 7).unwrap();
        ids.extend(page.records.iter().map(|one| one.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 90);
    assert!(ids.is_sorted_by(|a, b| a > b));
    // Erased ones leave nothing behind.
    maintenance.erase("user5", &mut |_| ()).unwrap();
    assert_eq!(found(&mut reader, "user5").0.len(), 0);
    assert_eq!(found(&mut reader, "user50").0.len(), 1);
    let sql = "SELECT count(*) FROM activity_search WHERE activity_search MATCH 'user5'";
    let entries: i64 = store.query_row(sql, (), |row| row.get(0)).unwrap();
    assert_eq!(entries, 0);
    assert!(reader.integrity_errors().unwrap().is_empty());
}

#[test]
fn a_log_indexes_its_records_while_pages_stay_consecutive() {
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::open(folder.path().join("a.db")).unwrap();
    let mut reader = log.reader().unwrap();
    for number in 0..3_000 {
        let job = log.start(Describe::job("work").actor(format!("user-{}", number % 3)));
        job.end(Outcome::success());
    }
    log.flush().wait().unwrap();
    let filter = Filter::parse("actor:user-1 work", Utc::now()).unwrap();
    let (mut cursor, mut ids) = (None, Vec::new());
    loop {
        let page = reader.page(&filter, cursor, 100).unwrap();
        ids.extend(page.records.iter().map(|one| one.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 1_000);
    assert!(ids.is_sorted_by(|a, b| a > b));
    // A log leaves the last few unindexed.
    after_commit(|| (reader.health().unwrap().unindexed < 100).then_some(()));
    assert_eq!(reader.page(&filter, None, 1).unwrap().records[0].id, ids[0]);
}

#[test]
fn an_index_of_another_version_is_not_used_and_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::open(folder.path().join("a.db")).unwrap();
    let mut reader = log.reader().unwrap();
    let mut maintenance = maintenance(folder.path());
    for name in ["login", "café"] {
        log.start(Describe::tool(name).actor("Ann"))
            .end(Outcome::success());
    }
    log.event("deployment").summary("日本語").record();
    log.flush().wait().unwrap();
    while maintenance.index().unwrap() > 0 {}
    assert_eq!(reader.health().unwrap().unindexed, 0);
    let store = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
    let set_version = |version: i64| {
        let sql = "UPDATE mark SET value = ?1 WHERE name = 'words'";
        assert_eq!(store.execute(sql, [version]).unwrap(), 1);
    };
    let indexed = || -> i64 {
        let sql = "SELECT (SELECT count(*) FROM activity_search_docsize) + (SELECT count(*) FROM event_search_docsize)";
        store.query_row(sql, (), |row| row.get(0)).unwrap()
    };
    let check = |reader: &mut ActivityReader| {
        assert_eq!(found(reader, "cafe").0, ["café"]);
        assert_eq!(found(reader, "本").1, ["deployment"]);
        assert_eq!(found(reader, "actor:Ann").0.len(), 2);
        assert!(reader.integrity_errors().unwrap().is_empty());
    };
    // By an earlier version, whose entries are removed.
    set_version(1);
    store
        .execute(
            "INSERT INTO activity_search (rowid, terms) VALUES (1, 'old')",
            (),
        )
        .unwrap();
    assert_eq!(reader.health().unwrap().unindexed, 3);
    check(&mut reader);
    while maintenance.index().unwrap() > 0 {}
    assert_eq!(reader.health().unwrap().unindexed, 0);
    assert_eq!(indexed(), 3);
    check(&mut reader);
    // By a later version, which is left to index it.
    set_version(1_000);
    assert_eq!(reader.health().unwrap().unindexed, 3);
    check(&mut reader);
    assert_eq!(maintenance.index().unwrap(), 0);
    assert_eq!(indexed(), 3);
}

#[test]
fn each_of_many_attributes_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::open(folder.path().join("a.db")).unwrap();
    let mut reader = log.reader().unwrap();
    let mut maintenance = maintenance(folder.path());
    let data: serde_json::Map<_, _> = (0..300)
        .map(|number| (format!("key{number}"), number.into()))
        .collect();
    log.event("wide").data(data).record();
    log.event("narrow")
        .data(serde_json::json!({"key299": 299}))
        .record();
    log.flush().wait().unwrap();
    while maintenance.index().unwrap() > 0 {}
    assert_eq!(found(&mut reader, "attr.key0:0").1, ["wide"]);
    assert_eq!(found(&mut reader, "attr.key298:298").1, ["wide"]);
    assert_eq!(found(&mut reader, "attr.key299:299").1, ["narrow", "wide"]);
    assert_eq!(found(&mut reader, "attr.key299:298").1.len(), 0);
}

#[test]
fn what_was_deleted_is_not_waiting_for_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let log = ActivityLog::open(&path).unwrap();
    for _ in 0..10 {
        log.start(Describe::tool("search")).end(Outcome::success());
        log.event("deployment").record();
    }
    log.shutdown().wait().unwrap();
    // As after an import: nothing is indexed.
    let connection = rusqlite::Connection::open(&path).unwrap();
    let none = "UPDATE mark SET value = 0 WHERE name LIKE 'indexed_%'";
    connection.execute(none, ()).unwrap();
    let unindexed = || {
        ActivityReader::open(&path)
            .unwrap()
            .health()
            .unwrap()
            .unindexed
    };
    assert_eq!(unindexed(), 20);
    let mut keep = Retention::default();
    keep.activities = Some(std::time::Duration::ZERO.into());
    let later = Utc::now() + TimeDelta::days(1);
    let mut maintenance = maintenance(folder.path());
    while maintenance.prune(Prune::ByDate(keep, later)).unwrap() != PruneCounts::default() {}
    // The last one stays.
    assert_eq!(unindexed(), 11);
    connection
        .execute("DELETE FROM event WHERE seq = 5", ())
        .unwrap();
    assert_eq!(unindexed(), 10);
}
