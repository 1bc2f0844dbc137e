//! Passwords and certificates are changed while a forwarder runs, which takes the new ones.
//!
//! The test runs itself again as the process that forwards, whose password is in a file.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use tower_activity::{ActivityLog, forward::Forwarder};

use crate::{
    compare::record,
    network::error,
    support::{
        poll_until,
        postgres::{self, Server},
    },
};

/// Marks the process that forwards: the file and the target.
const CHILD: &str = "ACTIVITY_TEST_SECRETS";
const NAME: &str = "secrets::a_forwarder_takes_a_new_password_and_a_new_certificate";

struct Forwarding(Child);

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn write_secret(path: &Path, password: &str) {
    let written = path.with_extension("new");
    fs::write(&written, format!("*:*:*:app:{password}\n")).unwrap();
    fs::set_permissions(&written, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(written, path).unwrap();
}

/// Runs statements, each in a transaction of its own.
fn run(server: &Server, statements: &[&str]) -> String {
    let mut output = String::new();
    for statement in statements {
        let done = server.psql("test_0", statement);
        assert!(done.status.success(), "{statement}: {done:?}");
        output += &String::from_utf8(done.stdout).unwrap();
    }
    output
}

const DISCONNECT: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'";

#[test]
fn a_forwarder_takes_a_new_password_and_a_new_certificate() {
    if let Ok(of) = std::env::var(CHILD) {
        let (path, url) = of.split_once(' ').unwrap();
        let _forwarding = Forwarder::open(path, url).unwrap().follow().unwrap();
        loop {
            // Until it is killed.
            thread::park();
        }
    }
    let server = Server::start_secure(&postgres::programs());
    server.database();
    let create = "CREATE ROLE app LOGIN PASSWORD 'first'";
    let own = "ALTER DATABASE test_0 OWNER TO app";
    run(&server, &[create, own]);
    let folder = tempfile::tempdir().unwrap();
    let (path, secret) = (
        folder.path().join("activity.db"),
        folder.path().join("pgpass"),
    );
    write_secret(&secret, "first");
    let authority = server.folder().join("ca.crt");
    let url = format!(
        "postgres://app@{}/test_0?sslrootcert={}",
        server.host(),
        authority.display()
    );
    let log = ActivityLog::open(&path).unwrap();
    let forwarding = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(CHILD, format!("{} {url}", path.display()))
        .env("PGPASSFILE", &secret)
        .env_remove("PGPASSWORD")
        .stdout(Stdio::null())
        .spawn();
    let _forwarding = Forwarding(forwarding.unwrap());
    let mut count = 0;
    let mut record = || {
        record(&log, count..count + 10);
        count += 10;
        log.flush().wait().unwrap();
        count
    };
    let until_count = |count: usize| {
        let activities = "SELECT count(*) FROM tower_activity.activity";
        let expected = format!("{}\n", 2 * count);
        poll_until(|| {
            (server.psql("test_0", activities).stdout == expected.as_bytes()).then_some(())
        });
    };
    let until_error = |expected: &str| {
        poll_until(|| error(&path).filter(|found| found.contains(expected)));
    };
    until_count(record());

    run(&server, &["ALTER ROLE app PASSWORD 'second'", DISCONNECT]);
    let count = record();
    until_error("password authentication failed");
    write_secret(&secret, "second");
    until_count(count);

    let renew = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca2.key -out ca2.crt -days 2 \
         -subj /CN=other && openssl x509 -req -in server.csr -CA ca2.crt -CAkey ca2.key -CAcreateserial -out server.crt -days 2 \
         -extfile names";
    let renewed = Command::new("sh")
        .args(["-c", renew])
        .current_dir(server.folder())
        .stderr(Stdio::null())
        .status();
    assert!(renewed.unwrap().success());
    run(&server, &["SELECT pg_reload_conf()"]);
    // Sessions that began before have the old one.
    poll_until(|| {
        run(&server, &[DISCONNECT]);
        error(&path).filter(|found| found.contains("certificate"))
    });
    let count = record();
    fs::copy(server.folder().join("ca2.crt"), &authority).unwrap();
    until_count(count);
    log.shutdown().wait().unwrap();
}
