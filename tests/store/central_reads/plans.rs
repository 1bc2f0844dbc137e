//! Pages, trees and searches of a store with many rows are read by indexes, and find what was stored.

use std::{fs, time::Instant};

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityId, ActivityRecord, Filter},
    store::{Cursor, Reader, Source, Store, postgres::PostgresStore},
};

use super::{Log, activity};
use crate::support::postgres;

const ROWS: i64 = 100_000;
const DAYS: i64 = 10;
/// Microseconds between two rows.
const EVERY: i64 = DAYS * 86_400_000_000 / ROWS;
const START: &str = "2026-03-01T00:00:00Z";
const PAGE: usize = 50;
const RUNS: usize = 5;

/// Adds rows: of 20 projects and 40 agents, in trees of 10, of which 2 of 100 failed. Their messages have a word that is in 4 of 100,
/// one that is in 3 of 1,000, and one that is in two rows.
const FILL: &str = "
INSERT INTO tower_activity.text (value) SELECT 'project-' || n FROM generate_series(0, 19) AS n
  UNION ALL SELECT 'agent-' || n FROM generate_series(0, 39) AS n UNION ALL SELECT 'name-' || n FROM generate_series(0, 9) AS n;
CREATE FUNCTION pg_temp.id(n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT
  (lpad(to_hex(us / 1000), 12, '0') || '7' || lpad(to_hex(ceil((us % 1000) * 4096 / 1000.0)::int), 3, '0') || '8' || '000'
    || lpad(to_hex(n), 12, '0'))::uuid FROM (SELECT $START + n * $EVERY AS us) AS at $$;
INSERT INTO tower_activity.activity (id, started_at, duration_ns, batch, seq, kind, name, project, agent, fingerprint, instance,
  status, truncated, parent, root, session, error_type, message, terms)
SELECT pg_temp.id(n), $START + n * $EVERY, 1000000, b.id, 100 + n, k.id, t.id, p.id, a.id,
  CASE WHEN n % 50 = 7 THEN 1 + n % 3 END, i.number, CASE WHEN n % 50 = 7 THEN 2 ELSE 1 END, false,
  CASE WHEN n % 10 > 0 THEN pg_temp.id(n - n % 10) END, CASE WHEN n % 10 > 0 THEN pg_temp.id(n - n % 10) END,
  's' || n / 1000, CASE WHEN n % 50 = 7 THEN 'timeout' END, m.message,
  concat_ws(' ', 'name', n % 10, 'agent', n % 40, 'project', n % 20, '=ss' || n / 1000, m.message)
FROM generate_series(0, $ROWS::bigint - 1) AS n
  JOIN tower_activity.text AS p ON p.value = 'project-' || n % 20 JOIN tower_activity.text AS a ON a.value = 'agent-' || n % 40
  JOIN tower_activity.text AS t ON t.value = 'name-' || n % 10
  CROSS JOIN LATERAL (SELECT nullif(concat_ws(' ', CASE WHEN n % 25 = 3 THEN 'frequent' END,
    CASE WHEN n % 333 = 5 THEN 'middling' END, CASE WHEN n IN (31000, 77777) THEN 'rare' END), '') AS message) AS m,
  (SELECT id FROM tower_activity.text WHERE value = 'tool') AS k, (SELECT id FROM tower_activity.batch LIMIT 1) AS b,
  (SELECT number FROM tower_activity.instance LIMIT 1) AS i;";
/// As autovacuum does, which leaves out partitioned tables.
const ANALYZE: &str = "DO $$ DECLARE part text; BEGIN
  FOR part IN SELECT relname FROM pg_class WHERE relname LIKE 'activity\\_%' AND relkind = 'r' LOOP
    EXECUTE format('ANALYZE tower_activity.%I', part); END LOOP; END $$";
/// The server writes the plan of each statement in this database to its log.
const EXPLAIN: &str = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = ''auto_explain''', current_database());
  EXECUTE format('ALTER DATABASE %I SET auto_explain.log_min_duration = 0', current_database()); END $$";

struct Plans {
    reader: Box<dyn Reader>,
    log: String,
}

impl Plans {
    /// Runs a read, and checks that no day's activities are read from end to end.
    fn check<T>(&mut self, what: &str, mut read: impl FnMut(&mut dyn Reader) -> T) -> T {
        let before = fs::metadata(&self.log).unwrap().len() as usize;
        let mut run = || {
            let started = Instant::now();
            let answer = read(&mut *self.reader);
            (started.elapsed(), answer)
        };
        let (first, answer) = run();
        let elapsed = (1..RUNS).map(|_| run().0).fold(first, Ord::min);
        let log = fs::read(&self.log).unwrap();
        let log = String::from_utf8_lossy(&log[before..]);
        let durations: Vec<f64> = log
            .lines()
            .filter(|line| line.contains(" plan:"))
            .filter_map(|line| {
                line.split("duration: ")
                    .nth(1)?
                    .split(' ')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        let statements = durations.len() / RUNS;
        let server: f64 = durations.iter().sum::<f64>() / RUNS as f64;
        eprintln!(
            "{what}: {elapsed:?} at best, {statements} statements executed in {server:.1} ms"
        );
        assert!(log.contains("Query Text:"), "no plan was logged:\n{log}");
        // Of partitions without rows nothing is read in either way.
        let first = START.parse::<DateTime<Utc>>().unwrap().timestamp() / 86_400;
        let day = |line: &&str| {
            let table = line.split("Seq Scan on activity_").nth(1);
            let day = table.and_then(|table| table.split(' ').next()?.parse().ok());
            day.is_some_and(|day| (first..first + DAYS).contains(&day))
        };
        assert_eq!(log.lines().find(day), None, "{what}:\n{log}");
        answer
    }

    fn list(&mut self, filter: &str, cursor: Option<Cursor<ActivityRecord>>) -> Vec<i64> {
        let parsed = Filter::parse(filter, Utc::now()).unwrap();
        let what = format!(
            "{filter:?}, {}",
            if cursor.is_some() { "deep" } else { "newest" }
        );
        let list = self.check(&what, |reader| {
            Source::<ActivityRecord>::list(reader, &parsed, cursor, PAGE)
        });
        list.unwrap().records.iter().map(number).collect()
    }
}

/// Returns the number that is in the id of an activity.
fn number(one: &ActivityRecord) -> i64 {
    let bytes = one.id.as_bytes();
    let low = bytes[10..].try_into().map(|low: [u8; 6]| {
        low.into_iter()
            .fold(0, |number, byte| number << 8 | i64::from(byte))
    });
    low.unwrap()
}

#[test]
fn pages_trees_and_searches_are_read_by_indexes() {
    let url = postgres::database();
    let start: DateTime<Utc> = START.parse().unwrap();
    let mut log = Log::connect(&url, 1);
    // One of each day, before the others.
    let days = (0..DAYS).map(|day| activity(start + Duration::days(day), 1 << 47));
    log.send(days.collect(), Vec::new());
    while log.intake.fold().unwrap() > 0 {}
    postgres::query(&url, "DELETE FROM tower_activity.activity");
    let fill = FILL
        .replace("$START", &start.timestamp_micros().to_string())
        .replace("$EVERY", &EVERY.to_string())
        .replace("$ROWS", &ROWS.to_string());
    postgres::query(&url, &fill);
    postgres::query(&url, ANALYZE);
    postgres::query(&url, EXPLAIN);
    let folder = postgres::query(&url, "SHOW data_directory");
    let mut plans = Plans {
        reader: PostgresStore::new(&url).unwrap().reader().unwrap(),
        log: format!("{}/../server.log", folder.trim()),
    };
    let newest = |is_it: &dyn Fn(i64) -> bool, before: i64| -> Vec<i64> {
        let found = (0..before).rev().filter(|n| is_it(*n));
        found.take(PAGE).collect()
    };
    let checks: [(&str, &dyn Fn(i64) -> bool); 14] = [
        ("", &|_| true),
        ("project:=project-7", &|n| n % 20 == 7),
        ("project:PROJECT-7", &|n| n % 20 == 7),
        ("project:project-7,project-8", &|n| {
            [7, 8].contains(&(n % 20))
        }),
        ("is:root", &|n| n % 10 == 0),
        ("status:failed", &|n| n % 50 == 7),
        ("project:project-7 status:failed", &|n| n % 100 == 7),
        ("frequent", &|n| n % 25 == 3),
        ("middling", &|n| n % 333 == 5),
        ("rare", &|n| [31_000, 77_777].contains(&n)),
        ("absent", &|_| false),
        ("agent:agent-5 middling", &|n| n % 333 == 5 && n % 40 == 5),
        ("session:s31", &|n| n / 1000 == 31),
        ("name:name-3 rar*", &|_| false),
    ];
    for (filter, is_it) in checks {
        let found = plans.list(filter, None);
        assert_eq!(found, newest(is_it, ROWS), "{filter}");
        let deep = 50_000;
        let at = start + Duration::microseconds(EVERY * deep);
        let cursor = Cursor::after(ActivityId::lower_bound(at));
        let found = plans.list(filter, Some(cursor));
        assert_eq!(found, newest(is_it, deep), "{filter} from the middle");
    }
    let root = start + Duration::microseconds(EVERY * 50_000);
    let root = Filter::parse("is:root", Utc::now()).map(|filter| {
        let cursor = Cursor::after(ActivityId::lower_bound(root + Duration::microseconds(1)));
        let list = Source::<ActivityRecord>::list(&mut *plans.reader, &filter, Some(cursor), 1);
        list.unwrap().records[0].clone()
    });
    let root = root.unwrap();
    let tree = plans
        .check("a tree", |reader| reader.tree(root.id))
        .unwrap();
    assert_eq!(
        tree.iter().map(number).collect::<Vec<_>>(),
        Vec::from_iter(50_000..50_010)
    );
    let page = plans.check("a page of a tree", |reader| {
        reader.tree_page(root.id, &Filter::default(), None, 5)
    });
    assert_eq!(page.unwrap().total, 10);
    let cause = plans.check("a root cause", |reader| {
        reader.root_cause(&root, &Filter::default())
    });
    assert_eq!(
        cause.unwrap().iter().map(number).collect::<Vec<_>>(),
        [50_007]
    );
    let one = plans.check("one", |reader| {
        Source::<ActivityRecord>::get(reader, root.id)
    });
    assert_eq!(one.unwrap().map(|one| one.id), Some(root.id));
    let inside = plans.check("descendants of 50 roots", |reader| {
        let roots: Vec<_> = tree.iter().map(|one| one.id).cycle().take(50).collect();
        reader.descendants(&roots, &Filter::default())
    });
    assert_eq!(inside.unwrap().len(), 1);
    let day = Filter::parse("since:2026-03-09 project:project-7", Utc::now()).unwrap();
    let groups = plans.check("groups of errors of two days", |reader| {
        reader.failures(&day)
    });
    assert_eq!(
        groups.unwrap().iter().map(|group| group.count).sum::<u64>(),
        200
    );
}
