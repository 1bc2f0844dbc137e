//! Texts have the limits of those in a file, whatever a forwarder sends.

use chrono::{Duration, Utc};
use serde_json::json;
use tower_activity::{
    record::{EventRecord, Filter},
    store::{Source, Store, postgres::PostgresStore},
};

use super::{Log, activity, all, event, hostile_forwarder::accept_own, roles::Roles};
use crate::support::postgres;

#[test]
fn texts_of_records_are_cut() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    let long = "ä".repeat(1_000_000);
    let text = || Some(long.clone().into());
    let mut one = activity(at, 1);
    one.name = long.clone().into();
    (one.error_type, one.message) = (text(), text());
    (one.scope.session, one.scope.project) = (text(), text());
    one.attributes.insert("a".into(), json!(1));
    one.attributes.insert("b".into(), json!(long));
    one.attributes.insert(long.clone(), json!(1));
    let mut many = activity(at, 2);
    for number in 0..100 {
        many.attributes.insert(format!("{number}"), json!(number));
    }
    let mut other = event(at, 1);
    (other.summary, other.reference) = (text(), text());
    other.data = Some(json!({ "long": long }));
    other.scope.request = text();
    log.send(vec![one, many], vec![other]);
    log.fold();

    let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
    let mut listed = all(&mut *reader);
    listed.sort_by_key(|one| one.id);
    let [one, many] = &listed[..] else {
        panic!("{listed:?}")
    };
    let lengths = [
        Some(&one.name),
        one.error_type.as_ref(),
        one.message.as_ref(),
        one.scope.session.as_ref(),
        one.scope.project.as_ref(),
    ];
    let lengths = lengths.map(|text| text.unwrap().len());
    assert_eq!(lengths, [511, 511, 2051, 511, 511]);
    assert!(one.name.ends_with("ä…"));
    let kept: Vec<_> = one.attributes.keys().map(String::as_str).collect();
    assert_eq!((kept, one.truncated), (vec!["a"], true));
    assert_eq!((many.attributes.len(), many.truncated), (66, true));
    let events = Source::<EventRecord>::list(&mut *reader, &Filter::default(), None, 10);
    let other = &events.unwrap().records[0];
    let lengths = [&other.summary, &other.reference, &other.scope.request];
    let lengths = lengths.map(|text| text.as_ref().unwrap().len());
    assert_eq!(lengths, [2051, 1027, 511]);
    assert_eq!((&other.data, other.truncated), (&None, true));
}

/// Another program with the rights of a forwarder.
#[test]
fn long_texts_of_others_are_refused() {
    let roles = Roles::new();
    drop(Log::connect(&roles.forwards, 1));
    let id = "'00000000-0000-7000-8000-000000000001'";
    let mut statements = vec![
        "INSERT INTO tower_activity.text (value) VALUES (repeat('x', 513))".to_owned(),
        "INSERT INTO tower_activity.text (value, folded) VALUES ('x', repeat('x', 1537))".to_owned(),
        "INSERT INTO tower_activity.chunk VALUES (gen_random_uuid(), 0, repeat('x', 513), 1, 0, 0, 1, 1, 'x')".to_owned(),
    ];
    let number = 5;
    for (column, most) in [
        ("session", 1536),
        ("request", 1536),
        ("error_type", 1536),
        ("message", 6153),
        ("attributes", 2_000_000),
    ] {
        statements.push(format!(
            "INSERT INTO tower_activity.new_activity (id, started_at, batch, seq, kind, name, instance, status, truncated, {column}) \
             VALUES ({id}, 0, :own, 1, 1, 1, 1, 1, false, repeat('x', {most} + 1))"
        ));
    }
    for (column, most) in [("session", 1536), ("attributes", 2_000_000)] {
        statements.push(format!(
            "INSERT INTO tower_activity.open (id, log, started_at, kind, name, instance, truncated, {column}) \
             VALUES ({id}, :log, 0, 1, 1, 1, false, repeat('x', {most} + 1))"
        ));
    }
    for (column, most) in [
        ("request", 1536),
        ("summary", 6153),
        ("reference", 3081),
        ("data", 65_536),
    ] {
        statements.push(format!(
            "INSERT INTO tower_activity.new_event (id, at, batch, seq, type, count, instance, status, truncated, {column}) \
             VALUES ({id}, 0, :own, 1, 1, 1, 1, 1, false, repeat('x', {most} + 1))"
        ));
    }
    for statement in statements {
        for (statement, is_refused) in [
            (statement.clone(), true),
            (
                statement
                    .replace(" + 1)", ")")
                    .replace("513", "512")
                    .replace("'x', 1537", "'x', 1536"),
                false,
            ),
        ] {
            let output = postgres::script(
                &roles.forwards,
                &format!("{}{statement}; ROLLBACK;", accept_own(number)),
            );
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                message.contains("violates check constraint"),
                is_refused,
                "{statement}: {message}"
            );
        }
    }
}
