//! Invalid webhooks are rejected.

use std::{fs, net::TcpListener};

use tower_activity::notify::{Secret, Webhook, Webhooks};

use crate::webhook::{
    delivery::{TestLog, filter},
    receiver::{Receiver, Reply, Script, poll_until},
};

#[test]
fn private_addresses_are_rejected_unless_allowed() {
    let test = TestLog::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let webhooks = test.webhooks();
    // As an address, a host name, and other spellings of the address.
    let hosts = [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "2130706433",
    ];
    for host in hosts {
        let webhook = Webhook::events(host, format!("http://{host}:{port}/hook"));
        webhooks.add(&webhook.unwrap()).unwrap();
    }
    test.log.event("deployment").record();
    test.log.flush().wait().unwrap();
    let delivery = webhooks.deliver();
    let status = poll_until(|| {
        let status = webhooks.list().unwrap();
        status
            .iter()
            .all(|one| one.trouble.is_some())
            .then_some(status)
    });
    delivery.stop();
    let said = |name: &str| {
        let one = status.iter().find(|one| one.name == name).unwrap();
        assert_eq!((one.delivered, one.dead_letters), (0, 0));
        one.trouble.clone().unwrap()
    };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        assert!(said(host).contains("is not public"), "{}", said(host));
    }
    assert!(listener.accept().is_err(), "unexpected connection");
}

#[test]
fn a_redirect_is_not_followed() {
    let test = TestLog::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = test.webhooks().attempts(2);
    let webhook = Webhook::events("moved", receiver.url()).unwrap();
    webhooks.add(&webhook.allow_private()).unwrap();
    let elsewhere = format!("http://{}/elsewhere", receiver.address);
    script.then([
        Reply::Redirect(elsewhere.clone()),
        Reply::Redirect(elsewhere),
    ]);
    test.log.event("deployment").record();
    test.log.flush().wait().unwrap();
    let delivery = webhooks.deliver();
    let letters =
        poll_until(|| Some(webhooks.dead_letters().unwrap()).filter(|all| !all.is_empty()));
    delivery.stop();
    assert_eq!(letters[0].error, "answered 307 Temporary Redirect");
    assert!(script.seen().iter().all(|message| message.path == "/hook"));
}

#[test]
fn an_invalid_webhook_is_rejected() {
    for url in [
        "ftp://example.com",
        "example.com",
        "",
        "http://",
        "https://ann:pw@example.com",
    ] {
        assert!(Webhook::events("x", url).unwrap_err().is_invalid(), "{url}");
    }
    assert!(Webhook::events("", "https://example.com").is_err());
    for secret in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!"] {
        assert!(secret.parse::<Secret>().is_err(), "{secret}");
    }
    let test = TestLog::new();
    let events = Webhook::events("x", "https://example.com").unwrap();
    let wrong = events.clone().filter(filter("kind:tool"));
    assert!(test.webhooks().add(&wrong).unwrap_err().is_invalid());
    assert_eq!(test.webhooks().list().unwrap(), []);
    let nowhere = Webhooks::open(test.path.with_file_name("none.db")).unwrap();
    assert!(nowhere.add(&events).unwrap_err().is_not_found());
    assert!(Webhooks::open(":memory:").is_err());
}

#[cfg(unix)]
#[test]
fn the_webhook_file_is_private_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let test = TestLog::new();
    let webhook = Webhook::events("x", "https://example.com").unwrap();
    let secret = test.webhooks().add(&webhook).unwrap();
    let kept = test.path.with_file_name("activity.db-webhooks");
    let mode = kept.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = format!("{:?} {:?}", test.webhooks(), secret);
    assert!(!shown.contains(&secret.reveal()), "{shown}");
}

#[test]
fn an_older_file_is_migrated_and_a_newer_one_is_left_untouched() {
    let test = TestLog::new();
    let webhooks = test.webhooks();
    let webhook = Webhook::events("x", "https://example.com").unwrap();
    let secret = webhooks.add(&webhook).unwrap();
    let listed = webhooks.list().unwrap();
    let kept = test.path.with_file_name("activity.db-webhooks");
    let file = rusqlite::Connection::open(kept).unwrap();
    let older = "ALTER TABLE webhook DROP COLUMN delivered_at; \
        ALTER TABLE webhook DROP COLUMN again_at; \
        ALTER TABLE webhook DROP COLUMN stopped_at; ALTER TABLE webhook DROP COLUMN log; \
        DROP TABLE dead_letter; PRAGMA user_version = 0";
    file.execute_batch(older).unwrap();
    assert_eq!(webhooks.list().unwrap(), listed);
    assert_eq!(webhooks.add(&webhook).unwrap(), secret);

    file.pragma_update(None, "user_version", 99).unwrap();
    assert!(webhooks.list().unwrap_err().is_newer_schema());
    assert!(webhooks.add(&webhook).unwrap_err().is_newer_schema());
    let version = file.query_row("PRAGMA user_version", (), |row| row.get::<_, u32>(0));
    assert_eq!(version.unwrap(), 99);
}

#[test]
fn a_newer_file_keeps_the_wal_of_a_killed_process() {
    let test = TestLog::new();
    let webhook = Webhook::events("x", "https://example.com").unwrap();
    test.webhooks().add(&webhook).unwrap();
    let kept = test.path.with_file_name("activity.db-webhooks");
    let newer = rusqlite::Connection::open(&kept).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    // Closing it would checkpoint the WAL.
    let files = ["activity.db-webhooks", "activity.db-webhooks-wal"];
    let [file, log] = files.map(|name| fs::read(test.path.with_file_name(name)).unwrap());
    assert!(!log.is_empty());

    let killed = TestLog::new();
    let [to, log_to] = files.map(|name| killed.path.with_file_name(name));
    fs::write(&to, &file).unwrap();
    fs::write(&log_to, &log).unwrap();
    let refused = killed.webhooks().list().unwrap_err();
    assert!(refused.is_newer_schema(), "{refused}");
    assert!(fs::read(to).unwrap() == file && fs::read(log_to).unwrap() == log);
}
