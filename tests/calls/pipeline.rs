//! From the end of a call to a committed row, with faults on the way: memory limits hold, the writer keeps running, and no
//! living instance is taken for dead.

use std::{
    fs,
    process::{Command, Stdio},
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use tower_activity::{
    ActivityLog, Describe, Outcome, Status, query::ActivityReader, store::sqlite::SqliteStore,
};

use crate::support::{
    self, Rows,
    faulty::{Fault, FaultyStore},
    rows,
};

fn done(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
}

#[test]
fn replaced_and_rejected_attributes_cost_no_memory() {
    let log = ActivityLog::builder()
        .memory_limit(1 << 20)
        .open(":memory:")
        .unwrap();
    let long = log.start(Describe::job("long"));
    for i in 0..20_000 {
        long.set("progress", i);
        long.set_actor(format!("actor {i}"));
    }
    for i in 0..400 {
        long.set("too large", format!("{i} {}", "a ".repeat(2_400)));
    }
    for _ in 0..300 {
        done(&log, "short");
    }
    let counts = log.accounting();
    assert_eq!(counts.activities.rejected_memory, 0, "{counts:?}");
    long.end(Outcome::success());
    let long = rows(&log).one("long");
    assert_eq!(long.attributes["progress"], serde_json::json!(19_999));
    assert_eq!(long.scope.actor.as_deref(), Some("actor 19999"));
    assert!(long.truncated);
}

#[test]
fn memory_freed_by_a_smaller_value_is_available_to_all_shards() {
    let log = ActivityLog::builder()
        .memory_limit(64 << 10)
        .open(":memory:")
        .unwrap();
    let large = log.start(Describe::job("large"));
    // More than the memory limit allows.
    for value in ["x ".repeat(1_900), "x".to_owned()] {
        for key in 0..20 {
            large.set(format!("key{key}"), value.clone());
        }
    }
    large.end(Outcome::success());
    log.flush().wait().unwrap();
    let start = || log.start(Describe::job("other"));
    let elsewhere = || (0..40).map(|_| start()).collect::<Vec<_>>();
    let open = thread::scope(|scope| scope.spawn(elsewhere).join().unwrap());
    assert_eq!(log.accounting().activities.rejected_memory, 0);
    drop(open);
}

#[test]
fn the_writer_answers_although_the_store_keeps_panicking() {
    let store = FaultyStore::new(Fault::Panic);
    let log = ActivityLog::builder()
        .flush_interval(Duration::ZERO)
        .open_store(store)
        .unwrap();
    for _ in 0..3 {
        done(&log, "kept");
    }
    log.flush()
        .timeout(Duration::from_millis(100))
        .wait()
        .unwrap_err();
    let error = log
        .shutdown()
        .timeout(Duration::from_millis(200))
        .wait()
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(error.to_string().contains("3 of 3"), "{error}");
    // The writer has ended, and has counted the three.
    let counts = support::after_commit(|| {
        Some(log.accounting()).filter(|counts| counts.activities.waiting == 0)
    });
    assert_eq!(
        (counts.activities.lost_shutdown, counts.activities.committed),
        (3, 0)
    );
    assert!(counts.adds_up());
}

#[test]
fn a_refused_record_does_not_hide_a_running_one() {
    let store = FaultyStore::new(Fault::Refuse("poison"));
    let log = ActivityLog::builder()
        .flush_interval(Duration::from_secs(100))
        .open_store(store)
        .unwrap();
    let _slow = log.start(Describe::job("slow"));
    done(&log, "poison");
    let rows = rows(&log);
    assert_eq!(
        (rows.names(), rows.0[0].status),
        (vec!["slow"], Status::Running)
    );
    assert_eq!(log.accounting().activities.lost_refused, 1);
}

#[test]
fn a_store_that_panicked_for_a_while_does_not_hide_a_running_one() {
    let store = FaultyStore::new(Fault::Panic);
    let log = ActivityLog::builder().open_store(store.clone()).unwrap();
    let _slow = log.start(Describe::job("slow"));
    // Often enough that the batch is bisected.
    for _ in 0..6 {
        let flushed = log.flush().timeout(Duration::from_millis(20)).wait();
        flushed.unwrap_err();
    }
    store.mend();
    assert_eq!(rows(&log).one("slow").status, Status::Running);
}

#[test]
fn a_log_that_reopens_its_store_is_not_taken_for_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let inner = SqliteStore::new(&path).unwrap();
    let store = FaultyStore::around(inner.clone(), Fault::None);
    let first = ActivityLog::builder().open_store(store.clone()).unwrap();
    let second = ActivityLog::builder().open_store(Arc::new(inner)).unwrap();
    let living = first.start(Describe::job("living"));
    first.flush().wait().unwrap();
    store.set(Fault::Fail);
    done(&first, "waits");
    first
        .flush()
        .timeout(Duration::from_millis(50))
        .wait()
        .unwrap_err();
    store.mend();
    first.flush().wait().unwrap();

    let third = ActivityLog::open(&path).unwrap();
    living.end(Outcome::success());
    first.flush().wait().unwrap();
    assert_eq!(rows(&third).one("living").status, Status::Success);
    drop(second);
}

#[cfg(unix)]
#[test]
fn a_log_opened_through_a_symbolic_link_is_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (
        folder.path().join("activity.db"),
        folder.path().join("link.db"),
    );
    let first = ActivityLog::open(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let living = first.start(Describe::job("living"));
    first.flush().wait().unwrap();
    assert_eq!(Rows::open(&link).one("living").status, Status::Running);
    let second = ActivityLog::open(&link).unwrap();
    living.end(Outcome::success());
    first.flush().wait().unwrap();
    assert_eq!(rows(&second).one("living").status, Status::Success);
    assert_eq!(first.accounting().late_ends, 0);
}

#[test]
fn a_timeout_may_be_unlimited() {
    let log = ActivityLog::builder()
        .drop_timeout(Duration::MAX)
        .open(":memory:")
        .unwrap();
    done(&log, "one");
    log.flush().timeout(Duration::MAX).wait().unwrap();
    let committed = log.event("one").record().committed();
    committed.timeout(Duration::MAX).wait().unwrap();
    drop(log);
}

#[test]
fn every_shutdown_request_is_answered() {
    let store = FaultyStore::new(Fault::Hang);
    let log = ActivityLog::builder()
        .flush_interval(Duration::ZERO)
        .open_store(store.clone())
        .unwrap();
    done(&log, "one");
    thread::scope(|scope| {
        let callers = [0, 1].map(|_| scope.spawn(|| log.shutdown().wait()));
        store.mend();
        let results = callers.map(|caller| caller.join().unwrap());
        assert!(results.iter().any(Result::is_ok), "{results:?}");
        // A request after the shutdown fails because the log was shut down.
        assert!(
            results
                .iter()
                .flatten()
                .all(|counts| counts.activities.committed == 1)
        );
    });
}

#[test]
fn several_threads_can_create_a_log_at_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let barrier = Barrier::new(6);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    barrier.wait();
                    let log = ActivityLog::open(&path).unwrap();
                    done(&log, "one");
                    log.shutdown().wait().unwrap();
                });
            }
        });
        assert_eq!(Rows::open(&path).0.len(), 6);
    }
}

/// Not a test by itself: the process that is killed, if `ACTIVITY_TEST_CHILD` is set.
#[test]
fn child() {
    let Ok(path) = std::env::var("ACTIVITY_TEST_CHILD") else {
        return;
    };
    let log = ActivityLog::open(path).unwrap();
    done(&log, "finished");
    let _open = log.start(Describe::job("open").actor("ann"));
    log.flush().wait().unwrap();
    println!("ready");
    // Until it is killed; bounded in case the test fails.
    thread::park_timeout(Duration::from_secs(60));
}

#[test]
fn the_next_log_records_what_a_killed_one_left_and_cleans_up_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "pipeline::child", "--nocapture"])
            .env("ACTIVITY_TEST_CHILD", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(
            lines
                .map_while(Result::ok)
                .any(|line| line.contains("ready"))
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let seen = Rows::open(&path);
    assert!(
        seen.0.iter().any(|row| row.status == Status::Abandoned),
        "a reader sees it at once: {seen:?}"
    );

    let log = ActivityLog::open(&path).unwrap();
    let rows = rows(&log);
    let abandoned: Vec<_> = rows.0.iter().filter(|row| row.name == "open").collect();
    assert_eq!((rows.0.len(), abandoned.len()), (6, 3));
    for row in abandoned {
        assert_eq!(
            (row.status, row.scope.actor.as_deref()),
            (Status::Abandoned, Some("ann"))
        );
        assert!(row.seq.is_some() && row.duration_ns.is_none());
    }
    let health = log.reader().unwrap().health().unwrap();
    assert_eq!((health.abandoned, health.running), (3, 0));
    assert!(
        health.instances.iter().all(|one| one.accounting.adds_up()),
        "{health:#?}"
    );
    log.shutdown().wait().unwrap();
    let left = fs::read_dir(folder.path().join("activity.db-instances")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    // The total of all instances' counts, for `activity doctor`.
    assert_eq!(left, ["total"]);
}

#[test]
fn an_end_that_was_lost_at_the_shutdown_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let inner = SqliteStore::new(&path).unwrap();
    let store = FaultyStore::around(inner, Fault::None);
    let log = ActivityLog::builder().open_store(store.clone()).unwrap();
    let listed = log.start(Describe::job("listed"));
    log.flush().wait().unwrap();
    store.set(Fault::Fail);
    listed.end(Outcome::success());
    log.shutdown()
        .timeout(Duration::from_millis(50))
        .wait()
        .unwrap_err();
    let mut reader = ActivityReader::open(&path).unwrap();
    let instance = support::after_commit(|| {
        let instance = reader.health().unwrap().instances.remove(0);
        instance.stopped_at.map(|_| instance)
    });
    let counts = log.accounting();
    // The store has it as abandoned: its end was lost.
    assert_eq!(Rows::open(&path).one("listed").status, Status::Abandoned);
    assert_eq!(counts.activities.lost_shutdown, 1);
    let counts = &instance.accounting;
    assert_eq!(
        (counts.activities.abandoned, counts.activities.lost()),
        (1, 0),
        "{counts:?}"
    );
    assert!(counts.adds_up(), "{counts:?}");
}

#[test]
fn a_newer_schema_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    ActivityLog::open(&path).unwrap().shutdown().wait().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = ActivityLog::open(&path).unwrap_err();
    assert!(
        error.is_newer_schema() && error.to_string().contains("99"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_not_a_log_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    let text = folder.path().join("text.db");
    fs::write(
        &text,
        "not a database at all, just some text that is long enough",
    )
    .unwrap();
    for path in [foreign, text] {
        let before = fs::read(&path).unwrap();
        let error = ActivityLog::open(&path).unwrap_err();
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    let missing = folder.path().join("no/such/folder/activity.db");
    let error = ActivityLog::open(&missing).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    let error = ActivityLog::open("postgres://localhost/log").unwrap_err();
    assert!(
        error.is_invalid() && error.to_string().contains("postgres"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_log() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    done(&log, "one");
    log.flush().wait().unwrap();
    for name in ["activity.db", "activity.db-wal", "activity.db-shm"] {
        let mode = fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_log_whose_files_are_removed_continues_in_new_ones_with_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    done(&log, "before");
    log.flush().wait().unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        if file.is_dir() {
            fs::remove_dir_all(file).unwrap();
        } else {
            fs::remove_file(file).unwrap();
        }
    }
    done(&log, "after");
    let open = log.start(Describe::job("open"));
    support::after_commit(|| log.flush().wait().ok());
    let rows = Rows::open(&path);
    assert_eq!(rows.names(), ["before", "after", "open"]);
    assert_eq!(rows.one("open").status, Status::Running);
    open.end(Outcome::success());
    log.shutdown().wait().unwrap();
    assert_eq!(Rows::open(&path).one("open").status, Status::Success);
}

#[test]
fn a_path_that_is_not_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = ActivityLog::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("a folder"), "{error}");
}

#[test]
fn readers_during_a_shutdown_see_no_abandoned_activity() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::open(&path).unwrap();
        let running = log.start(Describe::job("one"));
        log.flush().wait().unwrap();
        let reading = thread::spawn(move || {
            support::after_commit(|| {
                let row = Rows::open(&path).one("one");
                assert_ne!(row.status, Status::Abandoned);
                (row.status == Status::Success).then_some(())
            });
        });
        running.end(Outcome::success());
        log.shutdown().wait().unwrap();
        reading.join().unwrap();
    }
}
