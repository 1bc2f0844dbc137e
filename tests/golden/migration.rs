//! Logs of earlier versions are migrated without losing anything.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use tower_activity::{
    Status,
    query::ActivityReader,
    record::InstanceId,
    store::{Store, sqlite::SqliteStore},
};

use crate::golden::{Golden, answers, beside, empty_log, newest_version, open_and_close, tables};

#[test]
fn every_schema_version_has_a_golden_file() {
    let (_folder, fresh) = empty_log();
    let newest = tables::version(&fresh);
    for version in 1..=newest {
        let golden = Golden::version(version);
        let name = golden.file.display();
        assert!(
            golden.file.exists() && golden.rows.exists() && golden.answers.exists(),
            "{name} is missing: `cargo xtask golden` writes it"
        );
        let (_folder, path) = golden.copy();
        assert_eq!(tables::version(&path), version, "{name}");
        assert_eq!(
            tables::integrity_errors(&path),
            Vec::<String>::new(),
            "{name}"
        );
        assert_eq!(tables::dump(&path), golden.rows(), "{name}");
        assert!(
            version < newest || tables::schema(&path) == tables::schema(&fresh),
            "{name} is of another schema {version} than this version makes: where that was never released, remove the \
             file and write it anew with `cargo xtask golden`"
        );
    }
}

#[test]
fn a_migrated_log_has_the_records_it_had() {
    for golden in Golden::all() {
        let (_folder, path) = golden.copy();
        open_and_close(&path);
        let (_folder, fresh) = empty_log();
        assert_eq!(tables::version(&path), tables::version(&fresh));
        assert_eq!(tables::schema(&path), tables::schema(&fresh));
        check(&golden, &path);
        // Again, with nothing left to migrate.
        open_and_close(&path);
        check(&golden, &path);
    }
}

#[test]
fn a_log_is_not_migrated_while_an_earlier_version_records_into_it() {
    for golden in Golden::all() {
        if golden.version == newest_version() {
            continue;
        }
        let (_folder, path) = golden.copy();
        // As an earlier version does: a row, and a lock on a file that is named by its id.
        let id = InstanceId::from_bytes([7; 16]);
        let file = Connection::open(&path).unwrap();
        let register =
            "INSERT INTO instance (uuid, host, pid, started_at) VALUES (?1, 'here', 4711, 1)";
        file.execute(register, [id.as_bytes()]).unwrap();
        file.close().unwrap();
        let locks = beside(&path, "-instances");
        fs::create_dir_all(&locks).unwrap();
        let lock = File::create(locks.join(format!("{id}.lock"))).unwrap();
        lock.lock().unwrap();

        let start = Instant::now();
        let error = SqliteStore::new(&path)
            .unwrap()
            .maintenance()
            .err()
            .unwrap();
        assert!(error.is_busy(), "{error:?}");
        // It does not try again and again, which would lock the file.
        let took = start.elapsed();
        assert!(took < Duration::from_secs(4), "{took:?}");
        let text = error.to_string();
        let schema = format!("has schema {}, and an earlier version", golden.version);
        assert!(
            text.contains(&schema) && text.contains("(process 4711): stop it"),
            "{text}"
        );
        assert_eq!(tables::version(&path), golden.version);

        drop(lock);
        open_and_close(&path);
        assert_eq!(tables::version(&path), newest_version());
    }
}

#[test]
fn a_log_of_an_earlier_version_can_be_pruned_and_rebuilt() {
    for golden in Golden::all() {
        let (_folder, path) = golden.copy();
        let mut maintenance = SqliteStore::new(&path).unwrap().maintenance().unwrap();
        assert_eq!(tables::version(&path), newest_version());
        while maintenance.index().unwrap() > 0 {}
        let quarters = maintenance.rebuildable(0).unwrap();
        maintenance.rebuild(quarters).unwrap();
        drop(maintenance);
        open_and_close(&path);
        check(&golden, &path);
    }
}

#[test]
fn a_reader_reads_a_log_of_an_earlier_version_or_says_how_to_upgrade_it() {
    for golden in Golden::all() {
        let (_folder, path) = golden.copy();
        let before = fs::read(&path).unwrap();
        match ActivityReader::open(&path) {
            Ok(mut reader) => {
                let earlier = golden.answers();
                let ids = |kind: &str| {
                    let ids = earlier.keys().filter_map(|asked| asked.strip_prefix(kind));
                    ids.map(str::to_owned).collect::<Vec<_>>()
                };
                let mut found = answers::activities(&mut reader);
                found.sort_by_key(|one| one.id);
                let found: Vec<_> = found
                    .iter()
                    .inspect(|one| assert_ne!(one.status, Status::Running, "{one:?}"))
                    .map(|one| one.id.to_string())
                    .collect();
                assert_eq!(found, ids("activity "));
                let mut found = answers::events(&mut reader);
                found.sort_by_key(|one| one.id);
                let found: Vec<_> = found.iter().map(|one| one.id.to_string()).collect();
                assert_eq!(found, ids("event "));
                assert!(reader.health().is_ok());
                assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new());
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    golden.version < newest_version() && text.contains("activity "),
                    "{text}"
                );
            }
        }
        assert_eq!(fs::read(&path).unwrap(), before, "a reader changes nothing");
        assert_eq!(tables::version(&path), golden.version);
    }
}

/// Asserts that a log has everything of its golden file.
pub fn check(golden: &Golden, path: &Path) {
    assert_eq!(tables::integrity_errors(path), Vec::<String>::new());
    let differences = answers::differences(&golden.answers(), &answers::all(path));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    check_views(path);
}

/// Asserts that the views agree with the answers.
fn check_views(path: &Path) {
    let mut reader = ActivityReader::open(path).unwrap();
    let mut activities = view(
        path,
        "SELECT id, name, kind, status, error_type, project_id, agent_id, user_id, brand_id, environment, \
         parent_id FROM activities",
    );
    for one in answers::activities(&mut reader) {
        let scope = &one.scope;
        let expected = json!([
            one.name,
            one.kind,
            one.status,
            one.error_type,
            scope.project,
            scope.agent,
            scope.actor,
            scope.brand,
            scope.environment,
            one.parent
        ]);
        assert_eq!(activities.remove(&one.id.to_string()), Some(expected));
    }
    assert!(activities.is_empty(), "{activities:?}");

    let mut actions = view(
        path,
        "SELECT action_id, project_id, user_id, request_id, action_type, status, environment \
         FROM project_actions",
    );
    let mut log = view(
        path,
        "SELECT id, user_id, event_type, event_ref, summary FROM activity_log",
    );
    for one in answers::events(&mut reader) {
        let (id, scope) = (one.id.to_string(), &one.scope);
        let is_log = one.event_type == "log";
        let expected = json!([scope.actor, one.event_type, one.reference, one.summary]);
        assert_eq!(log.remove(&id), (!is_log).then_some(expected));
        let expected = json!([
            scope.project,
            scope.actor,
            scope.request,
            one.event_type,
            one.status,
            scope.environment
        ]);
        let is_action = !is_log && scope.project.is_some();
        assert_eq!(actions.remove(&id), is_action.then_some(expected));
    }
    assert!(actions.is_empty() && log.is_empty(), "{actions:?} {log:?}");

    let recordings = view(
        path,
        "SELECT id || activity_id, format, event_count, status, bytes FROM recordings",
    );
    assert!(!recordings.is_empty());
    for (id, row) in recordings {
        let recording = reader
            .recording(id[..36].parse().unwrap())
            .unwrap()
            .unwrap();
        let expected = json!([
            recording.format,
            recording.events,
            recording.status,
            recording.bytes
        ]);
        assert_eq!(row, expected);
    }
    let overall = "SELECT 'count', sum(count) FROM activity_metrics WHERE scope = 'overall'";
    assert_ne!(view(path, overall)["count"], json!([null]));
}

/// The rows of a query as JSON, by their first column.
fn view(path: &Path, sql: &str) -> BTreeMap<String, Value> {
    let store = Connection::open(path).unwrap();
    let mut statement = store.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map((), |row| {
        let cell = |at| {
            Ok(match row.get(at)? {
                rusqlite::types::Value::Integer(number) => json!(number),
                rusqlite::types::Value::Text(text) => json!(text),
                _ => Value::Null,
            })
        };
        let cells: rusqlite::Result<Vec<Value>> = (1..columns).map(cell).collect();
        Ok((row.get(0)?, Value::from(cells?)))
    });
    rows.unwrap().map(Result::unwrap).collect()
}
