//! The server does not answer, or refuses: the file shows why, and the forwarder continues once the server does.

use std::{
    ops::Range,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tower_activity::{ActivityLog, forward::Forwarder};

use crate::{
    compare::{Follower, assert_same, central, file, record, until_count},
    network::error,
    support::{
        poll_until,
        postgres::{self, Server},
    },
};

/// A store, and a file that is forwarded to it by forwarders that start anew each time.
struct Restarted {
    server: Server,
    url: String,
    folder: TempDir,
}

impl Restarted {
    fn new() -> Self {
        let server = postgres::server();
        Restarted {
            url: server.database(),
            server,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("activity.db")
    }

    /// Returns how many records were forwarded.
    fn forward(&self, numbers: Range<usize>) -> u64 {
        let log = ActivityLog::open(self.path()).unwrap();
        record(&log, numbers);
        log.shutdown().wait().unwrap();
        let mut forwarder = Forwarder::open(self.path(), &*self.url).unwrap();
        forwarder.forward_all(|_| ()).unwrap().forwarded
    }

    /// Puts the store back to an earlier state: what it lacks is sent again, and a follower that has read it misses nothing.
    fn put_back(&self, save: impl FnOnce(), put_back: impl FnOnce()) {
        self.forward(0..50);
        save();
        let mut follower = Follower::default();
        for batch in 5..8 {
            self.forward(batch * 10..batch * 10 + 10);
        }
        follower.read(&self.url);
        put_back();
        // Two activities and an event of each call.
        assert_eq!(self.forward(80..90), 3 * 40);
        for batch in 9..12 {
            assert_eq!(self.forward(batch * 10..batch * 10 + 10), 3 * 10);
        }
        assert_same(&file(&self.path()), &central(&self.url));
        let logs = "SELECT count(*) FROM tower_activity.log";
        assert_eq!(run_in(&self.server, "test_0", logs), "1\n");
        follower.read(&self.url);
        follower.assert_has_seen(&file(&self.path()));
    }
}

#[test]
fn a_forwarder_that_starts_after_the_target_was_put_back_sends_what_that_lacks() {
    let store = Restarted::new();
    let save = "CREATE DATABASE backup TEMPLATE test_0";
    store.put_back(
        || {
            poll_until(|| {
                store
                    .server
                    .psql("postgres", save)
                    .status
                    .success()
                    .then_some(())
            });
        },
        || {
            let rename = "ALTER DATABASE backup RENAME TO test_0";
            run(
                &store.server,
                &format!("DROP DATABASE test_0 WITH (FORCE); {rename}"),
            );
        },
    );
    run(
        &store.server,
        "DROP DATABASE test_0 WITH (FORCE); CREATE DATABASE test_0",
    );
    assert_eq!(store.forward(120..121), 3 * 121);
    assert_same(&file(&store.path()), &central(&store.url));
}

/// As a restore of the data alone does, while the server runs: it leaves the tables and their files.
#[test]
fn rows_that_are_put_back_in_the_same_database_are_seen() {
    let store = Restarted::new();
    store.put_back(
        || {
            run_in(
                &store.server,
                "test_0",
                "CREATE TABLE marks AS TABLE tower_activity.mark; CREATE TABLE logs AS TABLE tower_activity.log; \
                 CREATE TABLE batches AS SELECT id FROM tower_activity.batch",
            );
        },
        || {
            run_in(
                &store.server,
                "test_0",
                "DELETE FROM tower_activity.activity WHERE batch NOT IN (SELECT id FROM batches); \
                 DELETE FROM tower_activity.event WHERE batch NOT IN (SELECT id FROM batches); \
                 DELETE FROM tower_activity.batch WHERE id NOT IN (SELECT id FROM batches); \
                 UPDATE tower_activity.log AS l SET (activity, event, chunk, batch, batches) \
                   = (s.activity, s.event, s.chunk, s.batch, s.batches) FROM logs AS s WHERE s.number = l.number; \
                 DELETE FROM tower_activity.mark; INSERT INTO tower_activity.mark TABLE marks",
            );
        },
    );
}

/// It may be that of a process which was killed: then no one counts what it had begun with.
#[test]
fn a_forwarder_that_ends_waits_for_another_one_that_counts() {
    let store = Restarted::new();
    store.forward(0..1);
    let lock = "SELECT FROM tower_activity.mark WHERE name = 'ordinal' FOR UPDATE";
    thread::scope(|scope| {
        scope.spawn(|| {
            let hold = format!("BEGIN; {lock}; SELECT pg_sleep(2); ROLLBACK");
            assert!(store.server.psql("test_0", &hold).status.success());
        });
        poll_until(|| {
            let free = format!("SELECT count(*) FROM ({lock} SKIP LOCKED) AS free");
            (run_in(&store.server, "test_0", &free) == "0\n").then_some(())
        });
        store.forward(1..20);
        let uncounted = "SELECT count(*) FROM tower_activity.batch WHERE ordinal IS NULL";
        assert_eq!(run_in(&store.server, "test_0", uncounted), "0\n");
    });
}

/// A later session of the same forwarder ends by this name what an earlier one has left.
#[test]
fn the_connection_that_counts_has_the_name_of_its_forwarder() {
    let url = postgres::database();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    record(&log, 0..1);
    log.flush().wait().unwrap();
    let mut forwarder = Forwarder::open(&path, &*url).unwrap();
    forwarder.forward_all(|_| ()).unwrap();
    record(&log, 1..3_000);
    log.shutdown().wait().unwrap();
    let mut session = postgres::session(&url);
    session.send("BEGIN; LOCK TABLE tower_activity.bucket IN ACCESS EXCLUSIVE MODE;");
    thread::scope(|scope| {
        scope.spawn(|| forwarder.forward_all(|_| ()).unwrap());
        let waiting = "SELECT 'name: ' || application_name FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let name =
            poll_until(|| Some(postgres::query(&url, waiting)).filter(|one| !one.is_empty()));
        session.send("COMMIT;");
        assert!(name.starts_with("name: tower-activity "), "{name}");
    });
}

/// A log that is forwarded to a server of its own, with the rights of a role that owns the database.
struct Forwarded {
    server: Server,
    url: String,
    folder: TempDir,
    log: ActivityLog,
    /// The number of calls that were recorded.
    count: usize,
}

impl Forwarded {
    fn new() -> Self {
        let server = postgres::server();
        let url = server.database();
        let folder = tempfile::tempdir().unwrap();
        let target = url.replace("//postgres", "//app") + "?tcp_user_timeout=1&connect_timeout=1";
        run(
            &server,
            "CREATE ROLE app LOGIN; ALTER DATABASE test_0 OWNER TO app",
        );
        let log = ActivityLog::builder()
            .forward_to(target)
            .open(folder.path().join("activity.db"))
            .unwrap();
        let mut forwarded = Forwarded {
            server,
            url,
            folder,
            log,
            count: 0,
        };
        forwarded.record();
        forwarded.until_forwarded();
        forwarded
    }

    fn record(&mut self) {
        record(&self.log, self.count..self.count + 50);
        self.count += 50;
        self.log.flush().wait().unwrap();
    }

    fn until_forwarded(&self) {
        until_count(&self.url, 2 * self.count);
    }

    /// Returns the error in the file, once there is one.
    fn error(&self) -> String {
        poll_until(|| error(&self.folder.path().join("activity.db")))
    }

    /// Asserts that all is there once, as so many logs.
    fn finish(self, logs: &str) {
        let report = self.log.shutdown().timeout(Duration::from_secs(30)).wait();
        assert_eq!(report.unwrap().not_forwarded, 0);
        let path = self.folder.path().join("activity.db");
        assert_same(&file(&path), &central(&self.url));
        let count = run_in(
            &self.server,
            "test_0",
            "SELECT count(*) FROM tower_activity.log",
        );
        assert_eq!(count.trim(), logs);
    }
}

fn run(server: &Server, statements: &str) -> String {
    run_in(server, "postgres", statements)
}

/// Runs statements, each in a transaction of its own.
fn run_in(server: &Server, database: &str, statements: &str) -> String {
    let mut output = String::new();
    for statement in statements.split("; ") {
        let done = server.psql(database, statement);
        assert!(done.status.success(), "{statement}: {done:?}");
        output += &String::from_utf8(done.stdout).unwrap();
    }
    output
}

/// Ends all sessions of the forwarder.
const DISCONNECT: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'";

#[test]
fn a_forwarder_continues_after_the_server_has_refused() {
    // What makes it refuse, what mends it, and a part of the error.
    let refusals = [
        (
            "ALTER ROLE app CONNECTION LIMIT 0",
            "ALTER ROLE app CONNECTION LIMIT -1",
            "too many connections",
        ),
        (
            "ALTER ROLE app SET default_transaction_read_only = on",
            "ALTER ROLE app RESET default_transaction_read_only",
            "read-only transaction",
        ),
        (
            "ALTER DATABASE test_0 ALLOW_CONNECTIONS false",
            "ALTER DATABASE test_0 ALLOW_CONNECTIONS true",
            "not currently accepting connections",
        ),
        (
            "ALTER ROLE app NOLOGIN",
            "ALTER ROLE app LOGIN",
            "not permitted to log in",
        ),
    ];
    let mut log = Forwarded::new();
    for (refuse, mend, expected) in refusals {
        run(&log.server, &format!("{refuse}; {DISCONNECT}"));
        log.record();
        // The first error may be the lost connection.
        let found = poll_until(|| Some(log.error()).filter(|found| found.contains(expected)));
        assert!(!found.contains("hunter2"), "{found}");
        run(&log.server, mend);
        log.until_forwarded();
    }
    let own = "REVOKE INSERT ON tower_activity.activity FROM app";
    run_in(&log.server, "test_0", own);
    log.record();
    assert!(log.error().contains("permission denied"), "{}", log.error());
    run_in(
        &log.server,
        "test_0",
        &own.replace("REVOKE", "GRANT").replace("FROM", "TO"),
    );
    log.until_forwarded();
    // A limit for the statements of people.
    run(
        &log.server,
        &format!("ALTER ROLE app SET statement_timeout = '10ms'; {DISCONNECT}"),
    );
    log.record();
    log.until_forwarded();
    log.finish("1");
}

#[test]
fn a_forwarder_continues_after_the_server_was_frozen() {
    let mut log = Forwarded::new();
    log.server.freeze();
    log.record();
    assert!(log.error().contains("no answer"), "{}", log.error());
    log.server.thaw();
    log.until_forwarded();
    log.finish("1");
}

#[test]
fn a_shutdown_ends_at_its_deadline_while_the_server_is_frozen() {
    let mut log = Forwarded::new();
    log.server.freeze();
    log.record();
    let start = Instant::now();
    let report = log.log.shutdown().timeout(Duration::from_secs(1)).wait();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(report.unwrap().not_forwarded, 150);
    log.server.thaw();
}

#[test]
fn a_database_that_is_dropped_or_put_back_gets_what_it_lacks() {
    let mut log = Forwarded::new();
    let drop = format!("{DISCONNECT}; DROP DATABASE test_0 WITH (FORCE)");
    run(
        &log.server,
        &format!("{drop}; CREATE DATABASE test_0 OWNER app"),
    );
    log.record();
    log.until_forwarded();
    // The forwarder is between two batches when the store goes back by one.
    let copy = "CREATE DATABASE backup TEMPLATE test_0 OWNER app";
    poll_until(|| {
        log.server.psql("postgres", DISCONNECT);
        log.server
            .psql("postgres", copy)
            .status
            .success()
            .then_some(())
    });
    log.record();
    log.until_forwarded();
    run(
        &log.server,
        &format!("{drop}; ALTER DATABASE backup RENAME TO test_0"),
    );
    log.record();
    log.until_forwarded();
    log.finish("1");
}
