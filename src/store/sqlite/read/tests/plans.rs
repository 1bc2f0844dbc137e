//! Query plans use the indexes.

use rusqlite::StatementStatus;

use super::*;
use crate::store::{Cursor, RecordKind};

/// A filter as lists compile it.
fn resolved(reader: &SqliteReader, text: &str) -> Filter {
    let connection = reader.connection().unwrap();
    spellings::resolve(&connection, &parse(text), RecordKind::Activities).unwrap()
}

fn plan(reader: &mut SqliteReader, sql: &str, values: Vec<rusqlite::types::Value>) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let connection = reader.connection().unwrap();
    let mut statement = connection.prepare(&sql).unwrap();
    let lines = statement
        .query_map(rusqlite::params_from_iter(values), |row| row.get(3))
        .unwrap();
    lines.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn lists_are_read_through_an_index_and_never_sorted() {
    let mut reader = fixture(&[]);
    let mut check = |text: &str, expected: &str| {
        let filter = resolved(&reader, text);
        let (sql, values) = list::newest::<ActivityRecord>(
            &filter,
            Some(Cursor::after(ActivityId::lower_bound(at(9)))),
            50,
        );
        let plan = plan(&mut reader, &sql, values);
        assert!(
            plan.iter().any(|line| line.contains(expected)),
            "{text}: {plan:#?}"
        );
        assert!(
            !plan.iter().any(|line| line.contains("TEMP B-TREE")),
            "{text}: {plan:#?}"
        );
        assert!(
            !plan.iter().any(|line| line.starts_with("SCAN a")),
            "{text}: {plan:#?}"
        );
    };
    check("", "SEARCH a USING INDEX activity_id (id<?)");
    check(
        "project:acme",
        "SEARCH a USING INDEX activity_project (project=? AND id<?)",
    );
    check(
        "project:acme since:2026-03-01",
        "SEARCH a USING INDEX activity_project (project=? AND id>? AND id<?)",
    );
    check(
        "since:2026-03-01 until:2026-03-02",
        "SEARCH a USING INDEX activity_id (id>? AND id<?)",
    );
    check("project:a*", "SEARCH a USING INDEX activity_id (id<?)");
    check("-project:acme", "SEARCH a USING INDEX activity_id (id<?)");
    check(
        "has:project has:input",
        "SEARCH a USING INDEX activity_id (id<?)",
    );
    check(
        "status:failed kind:tool name:log*,x actor:a word",
        "SEARCH a USING INDEX activity_unsuccessful (status=? AND id<?)",
    );
    check(
        "status:abandoned",
        "SEARCH a USING INDEX activity_unsuccessful (status=? AND id<?)",
    );
    check("status:success", "SEARCH a USING INDEX activity_id (id<?)");
    check(
        "status:failed,cancelled",
        "SEARCH a USING INDEX activity_id (id<?)",
    );
    check(
        "fingerprint:0123456789abcdef since:2026-03-01",
        "SEARCH a USING INDEX activity_unsuccessful (status=? AND id>? AND id<?)",
    );
    check("is:root", "SEARCH a USING INDEX activity_top (id<?)");
    check(
        "is:root project:acme",
        "SEARCH a USING INDEX activity_project (project=? AND id<?)",
    );
}

#[test]
fn a_few_recordings_are_looked_up_one_by_one() {
    let mut reader = fixture(&[]);
    for text in ["has:recording", "has:input project:acme", "has:output"] {
        let filter = parse(text);
        let connection = reader.connection().unwrap();
        let candidates = ActivityRecord::candidates(&connection, &filter);
        drop(connection);
        let candidates = candidates.unwrap().unwrap();
        let (sql, values) = list::newest_of::<ActivityRecord>(candidates, &filter, None, 50);
        let plan = plan(&mut reader, &sql, values);
        let expected = "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)";
        assert!(
            plan.iter().any(|line| line == expected),
            "{text}: {plan:#?}"
        );
    }
}

#[test]
fn a_value_that_the_dictionary_does_not_have_reads_no_row() {
    let reader = fixture(&[]);
    let connection = reader.connection().unwrap();
    for value in ["login", "tool"] {
        connection
            .execute("INSERT INTO text (value) VALUES (?1)", [value])
            .unwrap();
    }
    let reads = |text: &str, records| {
        let filter = spellings::resolve(&connection, &parse(text), records).unwrap();
        let mut at = Some(&filter);
        while let Some(filter) = at {
            if filter.until == Some(DateTime::UNIX_EPOCH) {
                return false;
            }
            at = filter.and.as_deref();
        }
        true
    };
    for (text, activities, events) in [
        ("", true, true),
        ("name:login,logout", true, true),
        ("name:logout", false, true),
        ("name:=Login", false, true),
        ("name:Login", true, true),
        ("name:logo*", true, true),
        ("-name:logout", true, true),
        ("kind:tool", true, true),
        ("kind:grpc", false, true),
        ("project:acme", false, false),
        ("actor:=ann", false, false),
        ("environment:acme,login", true, true),
        ("type:deployment", true, false),
        ("type:Login", true, true),
        ("type:log*", true, true),
    ] {
        assert_eq!(reads(text, RecordKind::Activities), activities, "{text}");
        assert_eq!(reads(text, RecordKind::Events), events, "{text}");
    }
    let nested = parse("name:login").and(&parse("kind:grpc"));
    let filter = spellings::resolve(&connection, &nested, RecordKind::Activities).unwrap();
    assert!(filter.until.is_some() || filter.and.is_some_and(|and| and.until.is_some()));
}

#[test]
fn a_value_is_looked_up_in_any_case_in_files_of_every_schema() {
    let spellings = |version: i64| {
        let connection = reference_schema(version).unwrap();
        prepare(&connection).unwrap();
        for text in [
            "acme", "ACME", "Acme Inc", "straße", "Straße", "STRASSE", "k",
        ] {
            connection
                .execute("INSERT INTO text (value) VALUES (?1)", [text])
                .unwrap();
            if version > 2 {
                let add = "UPDATE text SET folded = ?2 WHERE value = ?1";
                connection
                    .execute(add, params![text, folded(text)])
                    .unwrap();
            }
        }
        move |text: &str| {
            let filter =
                spellings::resolve(&connection, &parse(text), RecordKind::Activities).unwrap();
            let mut found: Vec<_> = filter
                .project
                .any_of
                .iter()
                .map(Pattern::to_string)
                .collect();
            found.sort();
            found.join(" ")
        }
    };
    for version in 1..=3 {
        let find = spellings(version);
        assert_eq!(find("project:Acme"), "=ACME =acme", "{version}");
        assert_eq!(
            find("project:strasse"),
            "=STRASSE =Straße =straße",
            "{version}"
        );
        assert_eq!(find("project:\u{212a}"), "=k", "{version}");
        assert_eq!(
            find("project:Unknown,=Acme,a*"),
            "=Acme =Unknown a*",
            "{version}"
        );
    }
}

#[test]
fn a_spelling_is_looked_up_in_an_index() {
    let mut reader = fixture(&[]);
    let values = vec![
        "Acme".to_owned().into(),
        "acme".to_owned().into(),
        17.into(),
    ];
    let plan = plan(&mut reader, spellings::SPELLINGS, values);
    assert!(
        plan.iter()
            .any(|line| line.contains("text_folded (folded=?)")),
        "{plan:#?}"
    );
    assert!(
        !plan.iter().any(|line| line.starts_with("SCAN")),
        "{plan:#?}"
    );
}

#[test]
fn events_are_read_through_an_index_and_never_sorted() {
    let mut reader = fixture(&[]);
    let mut check = |text: &str, expected: &str| {
        let bound = *ActivityId::lower_bound(at(9)).as_bytes();
        let cursor = Some(Cursor::after(EventId::from_bytes(bound)));
        let (sql, values) = list::newest::<EventRecord>(&resolved(&reader, text), cursor, 50);
        let plan = plan(&mut reader, &sql, values);
        let through = format!("SEARCH a USING INDEX {expected}");
        assert!(
            plan.iter().any(|line| line.contains(&through)),
            "{text}: {plan:#?}"
        );
        assert!(
            !plan.iter().any(|line| line.contains("TEMP B-TREE")),
            "{text}: {plan:#?}"
        );
        // The dictionary may have millions of texts.
        assert!(
            !plan.iter().any(|line| line.contains("SCAN text")),
            "{text}: {plan:#?}"
        );
    };
    check("", "event_id (id<?)");
    check("-type:=log", "event_id (id<?)");
    check("-type:\"GitHub Push\"", "event_id (id<?)");
    check("project:acme", "event_project (project=? AND id<?)");
    check(
        "actor:ann since:2026-03-01",
        "event_actor (actor=? AND id>? AND id<?)",
    );
    check("actor:ann,bob", "event_id (id<?)");
    check("has:actor has:parent has:project", "event_id (id<?)");
    check("is:root -is:root", "event_id (id<?)");
    check("type:deployment status:failed word", "event_id (id<?)");
}

#[test]
fn words_and_rare_scopes_are_read_through_the_index_and_never_sorted() {
    let row = RowSpec {
        status: 1,
        dead: false,
        picks: [1; 9],
        prose: [0; 4],
        second: 0,
        duration_ns: 1,
    };
    let mut reader = fixture(&[row]);
    index(&reader);
    let mut check = |text: &str| {
        let (filter, cursor) = (
            resolved(&reader, text),
            Cursor::after(ActivityId::lower_bound(at(9))),
        );
        let connection = reader.connection().unwrap();
        let search = search::Search::activities(&connection, &filter, Some(cursor));
        drop(connection);
        let found = plan(
            &mut reader,
            ActivityRecord::SEARCH,
            search.unwrap().unwrap().values(),
        );
        assert!(
            found.len() == 1 && found[0].starts_with("SCAN activity_search VIRTUAL TABLE INDEX"),
            "{text}: {found:#?}"
        );
        let (sql, mut values) = list::of_start(&filter, Some(cursor));
        values.extend(search::ids_of_start(START_US));
        let plan = plan(&mut reader, &sql, values);
        for expected in [
            "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH activity USING COVERING INDEX activity_id (id>? AND id<?)",
        ] {
            assert!(
                plan.iter().any(|line| line == expected),
                "{text}: {plan:#?}"
            );
        }
    };
    check("word");
    check("project:acme no such us*");
    check("actor:acme since:2026-03-01");
    check("session:acme request:x status:failed");
    check("name:acme,=word");
    check("error:acme kind:tool");
}

#[test]
fn a_page_reads_only_the_rows_within_all_of_its_bounds() {
    let row = |second| RowSpec {
        status: 1,
        dead: false,
        picks: [1; 9],
        prose: [0; 4],
        second,
        duration_ns: 1,
    };
    let rows: Vec<_> = (0..1_000).map(row).collect();
    let reader = fixture(&rows);
    let connection = reader.connection().unwrap();
    let steps = |filter: &Filter, second| {
        let cursor = Cursor::after(ActivityId::lower_bound(at(second)));
        let (sql, values) = list::newest::<ActivityRecord>(filter, Some(cursor), 5);
        let mut statement = connection.prepare(&sql).unwrap();
        let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
        let mut count = 0;
        while rows.next().unwrap().is_some() {
            count += 1;
        }
        drop(rows);
        assert_eq!(count, 5);
        statement.get_status(StatementStatus::VmStep)
    };
    let until = |second| format!("until:{}", at(second).to_rfc3339().replace("+00:00", "Z"));
    let all = parse("");
    let early = parse(&until(990)).and(&parse(&until(20)));
    let expected = steps(&all, 10);
    // Each row that is skipped takes some steps.
    for (filter, second) in [
        (&all, 900),
        (&parse(&until(990)), 10),
        (&early, 10),
        (&early, 990),
    ] {
        let steps = steps(filter, second);
        assert!(
            steps < expected + 50,
            "{filter}: {steps} instead of {expected}"
        );
    }
}

#[test]
fn commits_are_followed_in_commit_order() {
    let mut reader = fixture(&[]);
    for text in ["", "project:acme since:2026-03-01", "status:failed word"] {
        let of_activities = list::commits::<ActivityRecord>(&parse(text), 3, 9, 50);
        let of_events = list::commits::<EventRecord>(&parse(text), 3, 9, 50);
        for (sql, values) in [of_activities, of_events] {
            let plan = plan(&mut reader, &sql, values);
            let expected = "SEARCH a USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
            assert!(
                plan.iter().any(|line| line == expected),
                "{text}: {plan:#?}"
            );
            assert!(
                !plan.iter().any(|line| line.contains("TEMP B-TREE")),
                "{text}: {plan:#?}"
            );
        }
    }
}
