//! Sums count each activity once, however it arrived.

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityRecord, Kind, Status},
    store::{Store, postgres::PostgresStore},
};

use super::{Log, activity, number};
use crate::support::{postgres, sums};

/// All sums, by texts instead of numbers.
const SUMS: &str = "
SELECT 'bucket', b.scope, t.value, b.quarter, b.count, b.failed, b.cancelled, b.timed, b.sum_ns, b.min_ns, b.max_ns, b.sketch
  FROM tower_activity.bucket AS b LEFT JOIN tower_activity.text AS t ON t.id = b.scope_id ORDER BY 2, 3, 4;
SELECT 'agent', a.value, t.value, q.quarter, q.active, q.turns, q.first_turn, q.last_turn, q.roots, q.first_root, q.last_root
  FROM tower_activity.agent_quarter AS q JOIN tower_activity.text AS a ON a.id = q.agent
  LEFT JOIN tower_activity.text AS t ON t.id = q.scope_id ORDER BY 2, 3, 4;
SELECT 'day', b.scope, t.value, b.quarter, b.count, b.failed, b.cancelled, b.timed, b.sum_ns, b.min_ns, b.max_ns, b.sketch
  FROM tower_activity.bucket_day AS b LEFT JOIN tower_activity.text AS t ON t.id = b.scope_id ORDER BY 2, 3, 4;
SELECT 'agent day', a.value, t.value, q.quarter, q.active, q.turns, q.first_turn, q.last_turn, q.roots, q.first_root, q.last_root
  FROM tower_activity.agent_day AS q JOIN tower_activity.text AS a ON a.id = q.agent
  LEFT JOIN tower_activity.text AS t ON t.id = q.scope_id ORDER BY 2, 3, 4;
SELECT 'turning', t.value FROM tower_activity.turning_agent AS a JOIN tower_activity.text AS t ON t.id = a.agent ORDER BY 2;
SELECT 'turns', t.value, b.quarter, b.turns, b.within_us, b.after
  FROM tower_activity.turn_bucket AS b LEFT JOIN tower_activity.text AS t ON t.id = b.scope_id ORDER BY 2, 3;
SELECT 'failure', f.quarter, f.fingerprint, t.value, f.error_type, f.count, f.first, f.example
  FROM tower_activity.failure AS f LEFT JOIN tower_activity.text AS t ON t.id = f.name ORDER BY 2, 3";

fn records(count: u8) -> Vec<ActivityRecord> {
    let start = Utc::now() - Duration::hours(40);
    let record = |number: u8| {
        let pick = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let mut one = activity(start + Duration::minutes((pick % 2000) as i64), number);
        one.name = format!("name {}", pick % 5).into();
        one.scope.project = Some(format!("project {}", pick % 3).into()).filter(|_| pick % 7 > 0);
        one.scope.brand = Some("brand".to_owned().into()).filter(|_| pick % 2 > 0);
        one.scope.agent = Some(format!("agent {}", pick / 3 % 4).into()).filter(|_| pick % 5 > 0);
        one.duration_ns = (pick % 11 > 0).then_some(pick % 1_000_000_000);
        if pick % 3 == 0 {
            one.status = Status::Failed;
            one.error_type = Some(format!("error {}", pick % 4).into());
        }
        // Late in the sequence, so that agents begin to record turns when they have others.
        if number > count / 2 && pick % 4 == 0 {
            one.kind = Kind::Turn;
        }
        if pick % 6 == 1 {
            one.root = activity(start, 255).id;
            one.parent = Some(one.root);
        }
        one
    };
    (0..count).map(record).collect()
}

#[test]
fn sums_equal_a_recount_after_retries_late_rows_and_clones() {
    let records = records(200);
    let expected = postgres::database();
    let mut log = Log::connect(&expected, 1);
    log.send(records.clone(), Vec::new());
    log.fold();
    let expected = postgres::query(&expected, SUMS);

    let url = postgres::database();
    let mut late = records.clone();
    late.reverse();
    let (mut log, mut clone) = (Log::connect(&url, 1), Log::connect(&url, 2));
    let mut batches = 0;
    for (mine, theirs) in late.chunks(13).zip(late.chunks(13).rev()) {
        let batch = log.batch(mine.to_vec(), Vec::new());
        for _ in 0..2 {
            log.intake.accept(&batch).unwrap();
        }
        // The same rows in other batches: before, with and after those of the first log.
        clone.send(theirs.to_vec(), Vec::new());
        batches += 2;
        if batches % 3 == 0 {
            clone.fold();
            log.intake.accept(&batch).unwrap();
        }
    }
    log.fold();
    let found = postgres::query(&url, SUMS);
    assert_eq!(found, expected);
    let ordinals = "SELECT count(DISTINCT ordinal) FROM tower_activity.batch WHERE ordinal BETWEEN 1 AND (SELECT value FROM tower_activity.mark WHERE name = 'ordinal')";
    assert_eq!(number(&url, ordinals), batches);
}

#[test]
fn several_folders_count_each_batch_once() {
    let url = postgres::database();
    let records = records(240);
    let mut log = Log::connect(&url, 1);
    let folders: Vec<_> = (2..5).map(|number| Log::connect(&url, number)).collect();
    let threads = folders.into_iter().map(|mut folder| {
        std::thread::spawn(move || {
            let mut count = 0;
            while count < 1000 {
                folder.intake.fold().unwrap();
                count += 1;
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    for some in records.chunks(4) {
        log.send(some.to_vec(), Vec::new());
    }
    for thread in threads {
        thread.join().unwrap();
    }
    log.fold();
    assert_eq!(
        number(
            &url,
            "SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0"
        ),
        240
    );
    assert_eq!(
        number(
            &url,
            "SELECT count(DISTINCT ordinal) FROM tower_activity.batch"
        ),
        60
    );
}

#[test]
fn a_rebuild_repairs_all_sums_while_others_count() {
    let records = records(200);
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    log.send(records[..150].to_vec(), Vec::new());
    log.fold();
    let mut maintenance = PostgresStore::new(&url).unwrap().maintenance().unwrap();
    let expected = postgres::query(&url, SUMS);
    sums::rebuild(&mut *maintenance);
    assert_eq!(postgres::query(&url, SUMS), expected);

    // Of one quarter hour each: missing, wrong, surplus. And a group of failures that no activity is in.
    let damage = "
        DELETE FROM tower_activity.bucket WHERE quarter = (SELECT min(quarter) + 20 FROM tower_activity.bucket);
        UPDATE tower_activity.bucket SET count = count + 7, sum_ns = 0;
        DELETE FROM tower_activity.agent_quarter WHERE quarter % 3 = 0;
        UPDATE tower_activity.agent_quarter SET active = active + 1, last_root = last_root - 5;
        INSERT INTO tower_activity.agent_quarter (agent, quarter, scope_id, active, turns, roots)
          SELECT agent, quarter - 1, scope_id, 3, 0, 0 FROM tower_activity.agent_quarter ON CONFLICT DO NOTHING;
        UPDATE tower_activity.bucket_day SET count = count + 1;
        DELETE FROM tower_activity.agent_day WHERE agent % 2 = 0;
        UPDATE tower_activity.turn_bucket SET turns = turns + 1, within_us = 1;
        DELETE FROM tower_activity.turn_bucket WHERE quarter % 2 = 0;
        UPDATE tower_activity.failure SET count = 99, fingerprint = fingerprint + 1";
    for rebuild in [sums::rebuild, sums::rebuild_newest_first] {
        postgres::query(&url, damage);
        assert_ne!(postgres::query(&url, SUMS), expected);
        let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
        let check = reader.check(&mut |_| {}).unwrap();
        assert!(
            check.quarters > 10 && check.differing_quarters.len() > 10,
            "{check:?}"
        );
        // What is not counted yet is counted later, once.
        rebuild(&mut *maintenance);
        // Neighbours of quarter hours that were wrong, when these are rebuilt later.
        sums::rebuild(&mut *maintenance);
        assert_eq!(postgres::query(&url, SUMS), expected);
        let check = reader.check(&mut |_| {}).unwrap();
        assert!(check.is_complete(), "{check:?}");
    }

    // Days alone.
    for damage in [
        "UPDATE tower_activity.bucket_day SET count = count + 1",
        "DELETE FROM tower_activity.agent_day",
    ] {
        postgres::query(&url, damage);
        let mut reader = PostgresStore::new(&url).unwrap().reader().unwrap();
        assert!(
            !reader.check(&mut |_| {}).unwrap().is_complete(),
            "{damage}"
        );
        sums::rebuild(&mut *maintenance);
        assert_eq!(postgres::query(&url, SUMS), expected);
    }

    let folders = log.batch(records[150..].to_vec(), Vec::new());
    log.intake.accept(&folders).unwrap();
    let mut folder = Log::connect(&url, 2);
    let folding = std::thread::spawn(move || while folder.intake.fold().unwrap() == 0 {});
    sums::rebuild(&mut *maintenance);
    folding.join().unwrap();
    let found = postgres::query(&url, SUMS);
    let recounted = postgres::database();
    let mut log = Log::connect(&recounted, 1);
    log.send(records, Vec::new());
    log.fold();
    assert_eq!(found, postgres::query(&recounted, SUMS));
}

/// Others may add batches faster than they are counted: the end of a forwarder does not wait for theirs.
#[test]
fn a_log_counts_up_to_its_last_batch() {
    let url = postgres::database();
    let at = Utc::now() - Duration::minutes(1);
    let uncounted = "SELECT count(*) FROM tower_activity.batch WHERE ordinal IS NULL";
    let mut log = Log::connect(&url, 1);
    let mut other = Log::connect(&url, 2);
    other.send(vec![activity(at, 0)], Vec::new());
    log.send(vec![activity(at, 1)], Vec::new());
    // One transaction counts up to 100 batches.
    for number in 2..=150 {
        other.send(vec![activity(at, number)], Vec::new());
    }
    log.intake.fold_accepted().unwrap();
    assert_eq!(number(&url, uncounted), 51);
    // One that has accepted none counts for all others.
    Log::connect(&url, 3).intake.fold_accepted().unwrap();
    assert_eq!(number(&url, uncounted), 0);
}

/// Behind it there is no id that could be a bound.
#[test]
fn the_last_quarter_hour_that_ids_can_have_is_rebuilt_once() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let last = DateTime::from_timestamp_micros((1 << 48) * 1_000 - 1).unwrap();
    let ahead = activity(last, 1);
    let id = ahead.id.to_string();
    assert!(id.starts_with("ffffffff-ffff-7"), "{id}");
    log.send(vec![ahead, activity(Utc::now(), 2)], Vec::new());
    log.fold();
    let count = || {
        number(
            &url,
            "SELECT sum(count)::bigint FROM tower_activity.bucket WHERE scope = 0",
        )
    };
    assert_eq!(count(), 2);
    let store = PostgresStore::new(&url).unwrap();
    let mut maintenance = store.maintenance().unwrap();
    let end = maintenance.rebuildable(0).unwrap().end;
    assert!(maintenance.rebuildable(end).unwrap().is_empty());
    maintenance.rebuild(end - 1..end).unwrap();
    assert_eq!(count(), 2);
    maintenance.accept(&mut |_| ()).unwrap();
    assert_eq!(count(), 2);
}
