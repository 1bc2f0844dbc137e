//! What a forwarder can do with its rights on purpose: its client is another program.

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityRecord, EventRecord, Filter},
    store::{Check, Dimension, Position, Quarter, Source, Store, postgres::PostgresStore},
};
use uuid::Uuid;

use super::{
    Log, activity, all, event, number,
    roles::{Roles, refused},
};
use crate::support::postgres;

/// A log of a forwarder, with two activities and an event that were counted, and its number.
fn log_of(roles: &Roles, at: DateTime<Utc>) -> (Log, i64) {
    let mut log = Log::connect(&roles.forwards, 1);
    log.send(vec![activity(at, 1), activity(at, 2)], vec![event(at, 1)]);
    log.fold();
    let number = number(
        &roles.url,
        "SELECT number FROM tower_activity.log WHERE activity = 2",
    );
    (log, number)
}

pub(super) fn check(url: &str) -> Check {
    let mut reader = PostgresStore::new(url).unwrap().reader().unwrap();
    reader.check(&mut |_| {}).unwrap()
}

/// Statements that take the lease of a log of their own and accept a batch of 9 activities.
pub(super) fn accept_own(number: u8) -> String {
    let id = format!("'{}'", Uuid::from_bytes([number; 16]));
    format!(
        "BEGIN; SELECT log_number AS log FROM tower_activity.lease_log({id}, {id}, 'h') \\gset\n\
         SELECT batch AS own FROM tower_activity.accept_batch(:log, {id}, 0, 9, 0, 9, 0, 0, \
           '00000000-0000-0000-0000-000000000000', '80000000-0000-0000-0000-000000000000', \
           '00000000-0000-0000-0000-000000000000', '80000000-0000-0000-0000-000000000000', {id}, NULL) \\gset\n"
    )
}

fn insert(kind: &str, id: &str, batch: &str) -> String {
    match kind {
        "event" => format!(
            "INSERT INTO tower_activity.new_event (id, at, batch, seq, type, count, instance, status, truncated) \
             VALUES ('{id}', 0, {batch}, 1, 1, 1, 1, 1, false);"
        ),
        _ => format!(
            "INSERT INTO tower_activity.new_activity (id, started_at, batch, seq, kind, name, instance, status, truncated) \
             VALUES ('{id}', 0, {batch}, 1, 1, 1, 1, 1, false);"
        ),
    }
}

#[test]
fn rows_enter_only_the_batch_that_is_being_accepted() {
    let roles = Roles::new();
    let (_log, log) = log_of(&roles, Utc::now() - Duration::minutes(1));
    let foreign = number(&roles.url, "SELECT max(id) FROM tower_activity.batch").to_string();
    let (inside, outside) = (
        "00000000-0000-7000-8000-000000000001",
        "90000000-0000-7000-8000-000000000001",
    );
    for (kind, number) in [("activity", 10), ("event", 12)] {
        let own = accept_own(number);
        for statements in [
            // Outside of a transaction that accepts a batch.
            insert(kind, inside, &foreign),
            insert(kind, inside, "NULL"),
            // Into the batch of another log, an old one, and none.
            format!("{own}{}", insert(kind, inside, &foreign)),
            format!("{own}{}", insert(kind, inside, "0")),
            // Where it would not be counted.
            format!("{own}{}", insert(kind, outside, ":own")),
            // In a later transaction.
            format!("{own}COMMIT; {}", insert(kind, inside, ":own")),
            // In the transaction that has counted it.
            format!(
                "BEGIN; SELECT array_agg(id) FROM tower_activity.begin_fold(); \
                 SELECT tower_activity.end_fold(ARRAY[{foreign}]); {}",
                insert(kind, inside, &foreign)
            ),
        ] {
            let output = postgres::script(&roles.forwards, &statements);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                message.contains("violates check option")
                    || message.contains("violates not-null constraint"),
                "{statements}: {output:?}"
            );
        }
        let table = format!("INSERT INTO tower_activity.{kind} (id, batch) VALUES ('{inside}', 1)");
        refused(&roles.forwards, &table);
        let output = postgres::script(
            &roles.forwards,
            &format!(
                "{}{} ROLLBACK;",
                accept_own(number + 1),
                insert(kind, inside, ":own")
            ),
        );
        assert!(output.status.success(), "{output:?}");
    }
    let mut folder = Log::connect(&roles.forwards, 2);
    folder.fold();
    assert!(check(&roles.reads).is_complete());
    let places = format!("SELECT activity FROM tower_activity.log WHERE number = {log}");
    assert_eq!(number(&roles.url, &places), 2);
}

#[test]
fn no_function_takes_what_is_not_so() {
    let roles = Roles::new();
    let at = Utc::now() - Duration::minutes(1);
    let (mut log, log_number) = log_of(&roles, at);
    let own = "'99999999-9999-9999-9999-999999999999'";
    let lease = format!("tower_activity.lease_log({own}, {own}, 'h')");
    let of = |url: &str, statement: &str| {
        let output = postgres::script(url, statement);
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let forwarder = |statement: &str| of(&roles.forwards, statement);

    // Names are cut at a character.
    let long = format!(
        "SELECT log_number FROM tower_activity.lease_log({own}, {own}, repeat('ä', 1000000))"
    );
    let (own_number, message) = forwarder(&long);
    assert_eq!(message, "");
    let own_number = own_number.trim();
    let host = "SELECT octet_length(host) FROM tower_activity.log WHERE host LIKE 'ä%'";
    assert_eq!(number(&roles.url, host), 254);
    let accept = |first: [&str; 3], last: [&str; 3], previous: &str| {
        format!(
            "SELECT * FROM tower_activity.accept_batch({own_number}, {own}, {}, {}, {}, {}, {}, {}, NULL, NULL, NULL, NULL, \
               gen_random_uuid(), {previous})",
            first[0], last[0], first[1], last[1], first[2], last[2]
        )
    };
    for (statement, expected) in [
        (
            format!("SELECT * FROM tower_activity.lease_log(NULL, {own}, 'h')"),
            "a lease needs a log and a holder",
        ),
        (
            format!("SELECT * FROM tower_activity.lease_log({own}, NULL, 'h')"),
            "a lease needs a log and a holder",
        ),
        (
            accept(["5", "0", "0"], ["4", "0", "0"], "NULL"),
            "does not follow the places",
        ),
        (
            accept(["-1", "0", "0"], ["4", "0", "0"], "NULL"),
            "does not follow the places",
        ),
        (
            accept(["0", "NULL", "0"], ["4", "0", "0"], "NULL"),
            "does not follow the places",
        ),
        (
            accept(["0", "0", "0"], ["0", "0", "-9223372036854775808"], "NULL"),
            "does not follow the places",
        ),
        (
            "SELECT tower_activity.add_day(NULL, 20000)".into(),
            "null values cannot be formatted",
        ),
        ("SELECT tower_activity.add_day('log', NULL)".into(), ""),
        (
            "SELECT tower_activity.add_day('activity', 9000000000000000000)".into(),
            "",
        ),
        ("SELECT tower_activity.add_day('activity', -1)".into(), ""),
        ("SELECT tower_activity.add_days()".into(), ""),
        ("SELECT tower_activity.clean_words()".into(), ""),
        ("SELECT tower_activity.apply_retention(NULL)".into(), ""),
        (
            "SELECT tower_activity.apply_retention(-9223372036854775808)".into(),
            "",
        ),
        (
            "SELECT tower_activity.apply_retention(9223372036854775807)".into(),
            "",
        ),
        ("SELECT tower_activity.end_fold(NULL)".into(), ""),
        ("SELECT tower_activity.end_fold('{}')".into(), ""),
        (
            "SELECT tower_activity.end_fold('{NULL, -1, 9223372036854775807}')".into(),
            "",
        ),
        (
            format!("SELECT tower_activity.release_log({log_number}, {own})"),
            "",
        ),
        (
            format!("SELECT tower_activity.erase_late({log_number}, {own}, NULL)"),
            "",
        ),
        (
            format!("SELECT tower_activity.erase_late({own_number}, {own}, NULL)"),
            "",
        ),
        // Its own log: each is cut to what can be so.
        (
            format!(
                "SELECT * FROM tower_activity.renew_log({own_number}, {own}, -5, -5, 9223372036854775807)"
            ),
            "",
        ),
        (
            format!(
                "SELECT * FROM tower_activity.renew_log({own_number}, {own}, 9223372036854775807, 7, 9223372036854775807)"
            ),
            "",
        ),
        (
            format!(
                "SELECT * FROM tower_activity.renew_log({own_number}, {own}, NULL, NULL, NULL)"
            ),
            "",
        ),
        (
            accept(["0", "0", "0"], ["9007199254740993", "0", "0"], "NULL"),
            "beyond the place 9007199254740992",
        ),
        // The last batch may be an absurd one: only its own log ends there.
        (
            accept(["0", "0", "0"], ["9007199254740992", "0", "0"], "NULL"),
            "",
        ),
        (accept(["1", "0", "0"], ["2", "0", "0"], "NULL"), ""),
    ] {
        let (_, message) = forwarder(&statement);
        match expected {
            "" => assert_eq!(message, "", "{statement}"),
            _ => assert!(message.contains(expected), "{statement}: {message}"),
        }
    }
    let kept = format!(
        "SELECT waiting || ' ' || refused || ' ' || outdated FROM tower_activity.log WHERE number = {own_number}"
    );
    assert_eq!(
        postgres::query(&roles.url, &kept).trim(),
        "1000000000000000 7 1000000000000000"
    );
    // The others are as they were.
    log.send(vec![activity(at, 3)], Vec::new());
    log.fold();
    assert!(check(&roles.reads).is_complete());
    assert_eq!(forwarder(&format!("SELECT count(*) FROM {lease}")).1, "");
    for hostile in [
        "UPDATE tower_activity.batch SET ordinal = 1",
        "UPDATE tower_activity.batch SET activities = 1",
        "UPDATE tower_activity.mark SET value = 1 WHERE name = 'ordinal'",
        "SELECT * FROM tower_activity.mark FOR UPDATE",
        "SELECT * FROM tower_activity.batch",
        "SELECT * FROM tower_activity.accepting",
        "SELECT tower_activity.cut('')",
        "SELECT tower_activity.add(1, 1)",
        "SELECT tower_activity.first_kept('activity', 0, 0, 0)",
        "INSERT INTO tower_activity.accepted (at, log) VALUES (1, 1)",
        "ALTER VIEW tower_activity.new_activity RENAME TO x",
    ] {
        let (_, message) = forwarder(hostile);
        let is_refused = message.contains("permission denied") || message.contains("must be owner");
        assert!(is_refused, "{hostile}: {message}");
    }
}

#[test]
fn nothing_of_another_log_is_erased() {
    let roles = Roles::new();
    let at = Utc::now() - Duration::minutes(1);
    let mut log = Log::connect(&roles.forwards, 1);
    let mut inside = event(at, 1);
    inside.activity = Some(activity(at, 1).id);
    let mut running = event(at, 2);
    running.activity = Some(activity(at, 9).id);
    (inside.summary, running.summary) = (
        Some("kept".to_owned().into()),
        Some("kept".to_owned().into()),
    );
    log.send(vec![activity(at, 1)], vec![inside, running]);
    let (ended, open) = (activity(at, 1).id, activity(at, 9).id);
    let forged = format!(
        "{}INSERT INTO tower_activity.recording (id, log, instance, format, status, lost) VALUES (gen_random_uuid(), 1, 1, 1, 0, 0) \
           RETURNING id AS recording \\gset\n\
         INSERT INTO tower_activity.chunk VALUES (:'recording', 0, '', 1, 0, 0, 1, 1, 'x');
         INSERT INTO tower_activity.open (id, log, started_at, kind, name, instance, truncated) \
           VALUES ('{ended}', :log, 0, 1, 1, 1, false), ('{open}', :log, 0, 1, 1, 1, false);
         INSERT INTO tower_activity.link VALUES ('{ended}', :'recording', 0), ('{open}', :'recording', 0);
         SELECT tower_activity.erase_late(:log, '{}', ARRAY['{ended}', '{open}']::uuid[]); COMMIT;",
        accept_own(19),
        Uuid::from_bytes([19; 16])
    );
    let output = postgres::script(&roles.forwards, &forged);
    assert!(output.status.success(), "{output:?}");
    let kept = "SELECT (SELECT count(*) FROM tower_activity.event WHERE summary = 'kept') * 10 \
        + (SELECT count(*) FROM tower_activity.chunk)";
    assert_eq!(number(&roles.url, kept), 21);
}

/// A row that cannot be read would hide all others of its page, and one that cannot be counted would stop the sums of all logs.
#[test]
fn a_row_with_any_values_is_read_and_counted() {
    let roles = Roles::new();
    let at = Utc::now() - Duration::minutes(1);
    let (mut log, _) = log_of(&roles, at);
    let (most, least) = ("9223372036854775807", "-9223372036854775808");
    let (late, early) = ("1000000000000000000", "-1000000000000000000");
    let mut rows = String::new();
    for (n, (time, number)) in [
        (late, most),
        (early, least),
        ("0", most),
        (late, "0"),
        ("0", "-1"),
        ("0", most),
    ]
    .into_iter()
    .enumerate()
    {
        let id = |kind: u8| format!("'00000000-0000-7000-8000-0000000{kind}00{n:02}'");
        rows += &format!(
            "INSERT INTO tower_activity.new_activity (id, started_at, duration_ns, batch, seq, kind, name, project, agent, fingerprint, \
               input, input_bytes, instance, status, truncated, parent, root, trace_id, error_type, attributes) \
             VALUES ({}, {time}, {number}, :own, {n}, {number}, {number}, {number}, {number}, {number}, \
               '', {number}, 2147483647, 2, false, {}, {}, 'x', '', 'no JSON'); \
             INSERT INTO tower_activity.new_event (id, at, batch, seq, type, count, project, instance, status, truncated, activity, data) \
             VALUES ({}, {time}, :own, {n}, {number}, {number}, {number}, -1, 1, false, {}, 'no JSON'); \
             INSERT INTO tower_activity.recording (id, log, instance, format, status, lost, ended_at) \
             VALUES ({}, :log, -1, (SELECT min(id) FROM tower_activity.text), 1, {number}, {number}); \
             INSERT INTO tower_activity.chunk VALUES ({}, 0, '', {number}, {number}, {number}, {number}, 1, ''), \
               ({}, 1, '', {number}, {number}, {number}, {number}, 1, ''); \
             INSERT INTO tower_activity.link VALUES ({}, {}, {number}, {number}); \
             INSERT INTO tower_activity.instance (uuid, log, host, pid, started_at, alive, saved_at, accounting) \
             VALUES (gen_random_uuid(), :log, '', {number}, {number}, true, {number}, 'no JSON');",
            id(1),
            id(1),
            id(1),
            id(2),
            id(1),
            id(3),
            id(3),
            id(3),
            id(1),
            id(3),
        );
    }
    let output = postgres::script(
        &roles.forwards,
        &format!("{}{rows} COMMIT;", accept_own(20)),
    );
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    for refused in [
        "INSERT INTO tower_activity.new_activity (id, started_at, batch, seq, kind, name, instance, status, truncated) \
           VALUES ('00000000-0000-7000-8000-000000000001', 0, :own, 1, 1, 1, 1, 6, false)",
        "INSERT INTO tower_activity.new_event (id, at, batch, seq, type, count, instance, status, truncated) \
           VALUES ('00000000-0000-7000-8000-000000000001', 0, :own, -1, 1, 1, 1, 1, false)",
        "INSERT INTO tower_activity.recording (id, log, instance, format, status, lost) VALUES (gen_random_uuid(), 1, 1, 1, 8, 0)",
        "INSERT INTO tower_activity.chunk VALUES (gen_random_uuid(), 0, '', 1, 0, 0, 1, 0, 'x')",
    ] {
        let output = postgres::script(&roles.forwards, &format!("{}{refused};", accept_own(21)));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            message.contains("violates check constraint"),
            "{refused}: {message}"
        );
    }
    log.send(vec![activity(at, 9)], Vec::new());
    log.fold();
    let counted = "SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0";
    assert_eq!(number(&roles.url, counted), 9);

    let mut reader = PostgresStore::new(&roles.reads).unwrap().reader().unwrap();
    let reader = &mut *reader;
    let listed = all(reader);
    assert_eq!(listed.len(), 9);
    let filter = Filter::default();
    let events = Source::<EventRecord>::list(reader, &filter, None, 100);
    assert_eq!(events.unwrap().records.len(), 7);
    let after = Source::<ActivityRecord>::after(reader, Position::default(), &filter, 100);
    assert_eq!(after.unwrap().records.len(), 9);
    reader.health().unwrap();
    reader.vitals().unwrap();
    reader.failures(&filter).unwrap();
    reader.event_types(&filter).unwrap();
    reader.check(&mut |_| {}).unwrap();
    reader.scan(&filter, &mut |_| {}).unwrap();
    assert_eq!(reader.newest_recordings(None, 100).unwrap().len(), 6);
    let quarters = Quarter::from_number(0)..Quarter::containing(Utc::now());
    for dimension in [
        Dimension::Project,
        Dimension::Agent,
        Dimension::Name,
        Dimension::Brand,
    ] {
        reader.totals(dimension, quarters.clone()).unwrap();
    }
    for one in listed {
        reader.tree(one.root).unwrap();
        reader.events_of(one.id, 10).unwrap();
        for recording in reader.recordings_of(one.id).unwrap() {
            reader.chunks(recording.id, 0, 10).unwrap();
        }
    }
}
