//! What other programs can change in a central store, and a check finds.

use chrono::{DateTime, Duration, NaiveTime, Utc};
use tower_activity::{
    record::{ActivityRecord, Kind, Status},
    store::{Check, Limit, Maintenance, Prune, Retention, Store, postgres::PostgresStore},
};

use super::{Log, activity, event, hostile_forwarder::check, number};
use crate::support::{postgres, sums};

fn maintenance(url: &str) -> Box<dyn Maintenance> {
    PostgresStore::new(url).unwrap().maintenance().unwrap()
}

/// Agents that take turns, of which some are recorded, in projects, and fail, over two days.
fn records() -> Vec<ActivityRecord> {
    let record = |number: u8| {
        let at = Utc::now() - Duration::minutes(i64::from(number) * 37);
        let mut one = activity(at, number);
        one.duration_ns = Some(u64::from(number) * 1_000_003);
        one.scope.agent = Some(format!("agent {}", number % 3).into());
        one.scope.project = Some(format!("project {}", number % 2).into());
        if number.is_multiple_of(3) {
            one.kind = Kind::Turn;
        }
        if number.is_multiple_of(4) {
            one.status = Status::Failed;
            one.error_type = Some(format!("error {}", number % 8).into());
        }
        one
    };
    (0..80).map(record).collect()
}

#[test]
fn a_change_of_any_sum_is_found_and_a_rebuild_repairs_it() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(records(), Vec::new());
    log.fold();
    let found = check(&url);
    assert!(found.is_complete(), "{found:?}");
    let mut maintenance = maintenance(&url);
    for fault in [
        // Of quarter hours, of which each has a few rows.
        "UPDATE bucket SET sketch = '\\x0101' WHERE scope = 0 AND quarter = (SELECT max(quarter) FROM bucket)",
        "UPDATE bucket SET sketch = NULL WHERE scope = 1 AND quarter = (SELECT min(quarter) FROM bucket WHERE scope = 1)",
        "UPDATE bucket SET min_ns = 0",
        "INSERT INTO bucket SELECT scope, 77777, quarter, count, failed, cancelled, timed, sum_ns FROM bucket LIMIT 1",
        // Of days.
        "UPDATE bucket_day SET sketch = '\\x0101' WHERE ctid = (SELECT ctid FROM bucket_day LIMIT 1)",
        "UPDATE bucket_day SET cancelled = cancelled + 1",
        "UPDATE bucket_day SET timed = timed - 1",
        "UPDATE bucket_day SET min_ns = 0",
        "UPDATE bucket_day SET max_ns = max_ns + 1",
        // Groups of failures.
        "UPDATE failure SET count = count + 1 WHERE quarter = (SELECT max(quarter) FROM failure)",
        "UPDATE failure SET first = gen_random_uuid()",
        "UPDATE failure SET example = '00000000-0000-7000-8000-000000000001'",
        "UPDATE failure SET name = 77777",
        "UPDATE failure SET error_type = 'another'",
        "UPDATE failure SET fingerprint = fingerprint + 1",
        "DELETE FROM failure WHERE quarter = (SELECT max(quarter) FROM failure)",
        "INSERT INTO failure SELECT max(quarter) + 1, 77777, 1, 'x', 1, (min(first::text))::uuid, (min(first::text))::uuid FROM failure",
        // Sums of agents.
        "UPDATE agent_quarter SET active = active + 1",
        "UPDATE agent_quarter SET turns = turns + 1 WHERE scope_id <> 0",
        "UPDATE agent_quarter SET last_root = last_root - 1",
        "DELETE FROM agent_quarter WHERE quarter = (SELECT max(quarter) FROM agent_quarter)",
        "INSERT INTO agent_quarter (agent, quarter, scope_id, active, turns, roots) \
           SELECT 77777, quarter, 0, 1, 0, 0 FROM agent_quarter LIMIT 1",
        "UPDATE agent_day SET last_turn = last_turn - 1",
        "UPDATE agent_day SET first_root = first_root + 1",
        "DELETE FROM turning_agent",
        // Turns of all agents.
        "UPDATE turn_bucket SET turns = turns + 1",
        "UPDATE turn_bucket SET within_us = within_us + 1 WHERE scope_id <> 0",
        "UPDATE turn_bucket SET after = ''",
        "DELETE FROM turn_bucket WHERE quarter = (SELECT min(quarter) FROM turn_bucket)",
        "INSERT INTO turn_bucket SELECT 77777, quarter, 1, 0, '' FROM turn_bucket LIMIT 1",
    ] {
        let changed = postgres::query(
            &url,
            &format!("SET search_path = tower_activity, public; {fault}"),
        );
        assert!(!changed.trim().ends_with(" 0"), "{fault}: {changed}");
        let found = check(&url);
        assert!(
            !found.is_complete() && !found.differing_quarters.is_empty(),
            "{fault}: {found:?}"
        );
        // The second repairs the turns that were computed from a neighbour, which was wrong then.
        sums::rebuild(&mut *maintenance);
        sums::rebuild(&mut *maintenance);
        let found = check(&url);
        assert!(found.is_complete(), "{fault}: {found:?}");
    }
}

/// Beyond the newest quarter hours, of which all are compared, only some are. Their numbers of activities are compared in all.
#[test]
fn a_count_that_is_wrong_is_found_in_any_quarter_hour() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let now = Utc::now();
    let records = (0..600_i64).map(|number| {
        let mut one = activity(now - Duration::minutes(15 * number), 0);
        one.name = format!("name {}", number % 2).into();
        one
    });
    log.send(records.collect(), Vec::new());
    log.fold();
    let found = check(&url);
    assert!(found.is_complete(), "{found:?}");
    let quarters = number(
        &url,
        "SELECT count(DISTINCT quarter) FROM tower_activity.bucket",
    );
    assert!(found.quarters < quarters.cast_unsigned());
    for at in 100..120 {
        let change = |by: &str| {
            let update = format!(
                "UPDATE tower_activity.bucket SET count = count {by} WHERE scope = 0 \
                   AND quarter = (SELECT min(quarter) + {at} FROM tower_activity.bucket)"
            );
            assert_eq!(postgres::query(&url, &update).trim(), "UPDATE 1");
        };
        change("+ 1000000");
        assert_eq!(check(&url).differing_quarters.len(), 1);
        change("- 1000000");
    }
    assert!(check(&url).is_complete());
}

#[test]
fn a_row_that_is_in_no_batch_is_surplus() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    log.send(vec![activity(at, 1)], vec![event(at, 1)]);
    log.send(vec![activity(at, 2)], vec![event(at, 2)]);
    log.fold();
    let copy = |kind: &str, columns: &str, number: u8| {
        let id = activity(at, 200 + number).id;
        format!(
            "CREATE TEMPORARY TABLE copied AS SELECT * FROM tower_activity.{kind} LIMIT 1; UPDATE copied SET id = '{id}', {columns}; \
             INSERT INTO tower_activity.{kind} SELECT * FROM copied"
        )
    };
    let strays = |found: &Check| found.central.as_ref().unwrap().strays;
    // Those that were accepted stay.
    let mut number = 0_u8;
    for kind in ["activity", "event"] {
        for columns in ["batch = 7777", "batch = 1"] {
            let id = activity(at, 200 + number).id;
            let delete = format!("DELETE FROM tower_activity.{kind} WHERE id = '{id}'");
            postgres::query(&url, &copy(kind, columns, number));
            let found = check(&url);
            assert_eq!(strays(&found), 1, "{kind} {columns}: {found:?}");
            assert!(!found.is_complete());
            postgres::query(&url, &delete);
            let mut maintenance = maintenance(&url);
            sums::rebuild(&mut *maintenance);
            assert!(check(&url).is_complete());

            postgres::query(&url, &copy(kind, columns, number));
            maintenance.accept(&mut |_| {}).unwrap();
            number += 1;
            let found = check(&url);
            assert!(found.is_complete(), "{kind} {columns}: {found:?}");
            let surplus = found.accepted.iter().map(|one| one.surplus);
            assert_eq!(surplus.sum::<u64>(), u64::from(number));
        }
    }
}

/// A row whose id another program has changed is missing where it was, and surplus where it is.
#[test]
fn a_row_with_another_id_is_missing_and_surplus() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let at = Utc::now() - Duration::minutes(1);
    log.send(vec![activity(at, 1)], vec![event(at, 1)]);
    log.fold();
    for kind in ["activity", "event"] {
        let last = activity(at, 250).id;
        let update = format!("UPDATE tower_activity.{kind} SET id = '{last}'");
        postgres::query(&url, &update);
    }
    let found = check(&url);
    let missing = (found.total.activities.missing, found.total.events.missing);
    assert_eq!((missing, found.central.unwrap().strays), ((1, 1), 2));
}

/// Noon of a day before today.
fn noon(days: i64) -> DateTime<Utc> {
    let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap();
    (Utc::now() - Duration::days(days))
        .date_naive()
        .and_time(noon)
        .and_utc()
}

/// What is left of a batch of which some days were deleted is compared, whichever process deleted them and whenever it was counted.
#[test]
fn a_row_is_missed_in_a_batch_that_is_partly_deleted() {
    for (by_forwarder, counted_before) in [(true, true), (false, true), (true, false)] {
        let url = postgres::database();
        let mut log = Log::connect(&url, 1);
        let mut keep = Retention::default();
        keep.activities = Some(Limit::days(2));
        keep.events = Some(Limit::days(3));
        let mut maintenance = maintenance(&url);
        let times = [1, 2, 3, 4, 5].map(noon);
        let early = "1970-01-01T12:00:00Z".parse().unwrap();
        let batch = |log: &mut Log, number: u8| {
            let at = || times.into_iter().chain([early]);
            let activities = (number..).zip(at()).map(|(n, at)| activity(at, n));
            let events = (number..).zip(at()).map(|(n, at)| event(at, n));
            log.send(activities.collect(), events.collect());
        };
        batch(&mut log, 10);
        if counted_before {
            log.fold();
        }
        // A row that was missing before is missing after.
        let missing = format!(
            "DELETE FROM tower_activity.activity WHERE id = '{}'",
            activity(times[0], 10).id
        );
        if counted_before {
            postgres::query(&url, &missing);
        }
        if by_forwarder {
            maintenance.set_retention(&keep).unwrap();
            let apply = "SELECT tower_activity.apply_retention((extract(epoch FROM now()) * 1000000)::bigint)";
            while number(&url, apply) > 0 {}
        } else {
            while maintenance
                .prune(Prune::ByDate(keep, Utc::now()))
                .unwrap()
                .total()
                > 0
            {}
        }
        log.fold();
        let case = format!("{by_forwarder} {counted_before}");
        let found = check(&url);
        let expected = u64::from(counted_before);
        assert_eq!(found.total.activities.missing, expected, "{case} {found:?}");
        assert_eq!(found.total.events.missing, 0, "{case} {found:?}");
        assert_eq!(found.total.activities.expected, 2, "{case} {found:?}");
        assert_eq!(found.total.events.expected, 3, "{case} {found:?}");
        for (kind, at, n) in [("activity", times[1], 11), ("event", times[2], 12)] {
            let id = activity(at, n).id;
            let delete = format!("DELETE FROM tower_activity.{kind} WHERE id = '{id}'");
            assert_eq!(postgres::query(&url, &delete).trim(), "DELETE 1");
        }
        let found = check(&url);
        assert_eq!(
            (found.total.activities.missing, found.total.events.missing),
            (expected + 1, 1),
            "{case} {found:?}"
        );
        maintenance.accept(&mut |_| {}).unwrap();
        let found = check(&url);
        assert!(found.is_complete(), "{case} {found:?}");
        // Later batches and limits.
        batch(&mut log, 100);
        log.fold();
        assert!(check(&url).is_complete());
    }
}
