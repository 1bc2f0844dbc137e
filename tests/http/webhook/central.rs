//! Webhooks of a central store: they send what all logs record, by one process at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
};

use tempfile::TempDir;
use tower_activity::{
    ActivityLog,
    notify::{Webhook, Webhooks},
    store::{Store, postgres::PostgresStore},
};

use crate::{
    support::{pgbouncer::Pooler, postgres},
    webhook::{
        delivery::{filter, with_short_timeout},
        killed::Process,
        receiver::{Receiver, Reply, Script, poll_until},
    },
};

const ROLES: &str = include_str!("../../../docs/postgres-roles.sql");

/// Three logs that are forwarded to one central store.
struct Fleet {
    url: String,
    logs: Vec<ActivityLog>,
    _folder: TempDir,
}

impl Fleet {
    fn new() -> Self {
        let (url, folder) = (postgres::database(), tempfile::tempdir().unwrap());
        let open = |n| {
            let log = ActivityLog::builder().forward_to(&*url);
            log.open(folder.path().join(format!("{n}.db"))).unwrap()
        };
        let logs = (0..3).map(open).collect();
        // The first forwarder creates the tables.
        poll_until(|| Webhooks::open(&url).unwrap().list().ok());
        Fleet {
            url,
            logs,
            _folder: folder,
        }
    }

    /// Records events in each log, and returns their IDs.
    fn record(&self, count: usize) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for n in 0..count {
            for log in &self.logs {
                let event = log.event("step").summary(format!("step {n}")).record();
                ids.insert(event.id().unwrap().to_string());
                log.event("noise").record();
            }
        }
        ids
    }
}

fn steps(receiver: &Receiver) -> Webhook {
    let webhook = Webhook::events("steps", receiver.url()).unwrap();
    webhook.filter(filter("type:step")).allow_private()
}

fn ids(script: &Script) -> BTreeSet<String> {
    let accepted = script.accepted();
    accepted.iter().map(|one| one.id().to_owned()).collect()
}

/// Waits until exactly these records were accepted.
fn wait_for(script: &Script, expected: &BTreeSet<String>) {
    poll_until(|| (ids(script) == *expected).then_some(()));
}

#[test]
fn one_process_at_a_time_sends_what_all_logs_record_when_others_freeze_and_die() {
    let fleet = Fleet::new();
    let pooler = Pooler::start(&fleet.url);
    let url = pooler.address(&fleet.url);
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = with_short_timeout(Path::new(&url));
    let secret = webhooks.add(&steps(&receiver)).unwrap();

    let first = Process::sender(Path::new(&url));
    let mut expected = fleet.record(5);
    wait_for(&script, &expected);
    let second = Process::sender(Path::new(&url));
    expected.append(&mut fleet.record(20));
    wait_for(&script, &expected);

    // The first stands still with a request that is not answered. The other one takes over, and the first is back.
    script.then([Reply::Hang]);
    let seen = script.seen().len();
    expected.append(&mut fleet.record(10));
    poll_until(|| (script.seen().len() > seen).then_some(()));
    first.signal("STOP");
    wait_for(&script, &expected);
    first.signal("CONT");
    expected.append(&mut fleet.record(20));
    wait_for(&script, &expected);

    // The second is killed, and the first takes over.
    let before = script.seen().len();
    drop(second);
    expected.append(&mut fleet.record(10));
    wait_for(&script, &expected);
    poll_until(|| (webhooks.list().unwrap()[0].behind == 0).then_some(()));
    drop(first);

    let verifier = standardwebhooks::Webhook::new(&secret.reveal()).unwrap();
    let seen = script.seen();
    for message in &seen {
        verifier.verify(&message.body, &message.headers).unwrap();
        assert_eq!(message.json()["id"], message.id());
    }
    // Each connection is that of one process: one that was followed by another is never used again.
    let mut peers: Vec<SocketAddr> = seen.iter().filter_map(|one| one.peer).collect();
    peers.dedup();
    let distinct: BTreeSet<_> = peers.iter().collect();
    assert!(distinct.len() >= 3, "{peers:?}");
    assert_eq!(distinct.len(), peers.len(), "two at a time: {peers:?}");
    assert!(seen.len() > before);
    // Sent again is only what was in flight when a process stood still, timed out or died.
    let mut sent = BTreeMap::<_, usize>::new();
    for message in script.accepted() {
        *sent.entry(message.id().to_owned()).or_default() += 1;
    }
    let twice = sent.values().filter(|count| **count > 1).count();
    assert!(twice <= 2, "{sent:?}");
}

#[test]
fn the_state_of_webhooks_is_in_the_central_store() {
    let fleet = Fleet::new();
    let pooler = Pooler::start(&fleet.url);
    let url = pooler.address(&fleet.url);
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = with_short_timeout(Path::new(&url)).attempts(2);
    let error = webhooks.remove("steps").unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let secret = webhooks.add(&steps(&receiver)).unwrap();
    let mut expected = fleet.record(2);
    let behind = || webhooks.list().unwrap().remove(0).behind;
    // Records of all logs, whichever match.
    poll_until(|| (behind() == 12).then_some(()));

    let poisoned = expected.first().unwrap().clone();
    script.poison.lock().unwrap().push(poisoned.clone());
    let delivery = webhooks.deliver();
    poll_until(|| (behind() == 0).then_some(()));
    let status = webhooks.list().unwrap().remove(0);
    assert_eq!((status.delivered, status.dead_letters), (5, 1));
    let letter = webhooks.dead_letters().unwrap().remove(0);
    assert_eq!((&letter.id, letter.attempts), (&poisoned, 2));
    delivery.stop();
    let lease = postgres::query(
        &fleet.url,
        "SELECT count(*) FROM tower_activity.webhook_lease",
    );
    assert_eq!(lease.trim(), "0");

    // Another process, which adds the same webhook again, continues where this one was.
    let other = with_short_timeout(Path::new(&fleet.url));
    assert_eq!(other.add(&steps(&receiver)).unwrap(), secret);
    expected.append(&mut fleet.record(1));
    let delivery = other.deliver();
    expected.remove(&poisoned);
    wait_for(&script, &expected);
    assert_eq!(script.accepted().len(), expected.len());
    script.poison.lock().unwrap().clear();
    other.retry(&letter).unwrap();
    expected.insert(poisoned);
    assert_eq!(ids(&script), expected);
    assert!(other.dead_letters().unwrap().is_empty());
    other.remove("steps").unwrap();
    assert!(other.list().unwrap().is_empty());
    delivery.stop();
}

#[test]
fn a_dead_letter_of_an_erased_actor_has_and_sends_nothing_of_its_content() {
    let fleet = Fleet::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = with_short_timeout(Path::new(&fleet.url)).attempts(1);
    webhooks.add(&steps(&receiver)).unwrap();
    let event = fleet.logs[0].event("step").actor("ann@example.com");
    let event = event.summary("her secret").record();
    let id = event.id().unwrap().to_string();
    script.poison.lock().unwrap().push(id.clone());
    let delivery = webhooks.deliver();
    let letter = poll_until(|| webhooks.dead_letters().unwrap().pop());
    delivery.stop();
    assert_eq!(letter.id, id);
    let sent = script.seen().pop().unwrap().body;
    assert!(
        String::from_utf8(sent.to_vec())
            .unwrap()
            .contains("her secret")
    );
    // It is kept by its id, and read again when it is sent.
    let rows = "SELECT count(*) FROM tower_activity.dead_letter AS d WHERE d::text ~ 'ann|secret'";
    assert_eq!(postgres::query(&fleet.url, rows).trim(), "0");
    let mut maintenance = PostgresStore::new(&fleet.url)
        .unwrap()
        .maintenance()
        .unwrap();
    let erased = maintenance.erase("ann@example.com", &mut |_| ()).unwrap();
    assert_eq!(erased.events, 1);
    script.poison.lock().unwrap().clear();
    webhooks.retry(&letter).unwrap();
    let sent = script.accepted().pop().unwrap();
    assert_eq!(sent.id(), id);
    let body = String::from_utf8(sent.body.to_vec()).unwrap();
    assert!(!body.contains("ann") && !body.contains("secret"), "{body}");
}

#[test]
fn only_the_maintainer_of_a_central_store_sees_secrets() {
    let fleet = Fleet::new();
    postgres::query(&fleet.url, ROLES);
    postgres::query(
        &fleet.url,
        "CREATE ROLE hooks_reads LOGIN IN ROLE activity_reader; CREATE ROLE hooks_forwards LOGIN IN ROLE activity_forwarder; \
         CREATE ROLE hooks_maintains LOGIN IN ROLE activity_maintainer",
    );
    let of = |user: &str| {
        let (_, rest) = fleet.url.split_once('@').unwrap();
        Webhooks::open(format!("postgres://{user}@{rest}")).unwrap()
    };
    let webhook = Webhook::events("a", "https://example.com/confidential").unwrap();
    let secret = of("hooks_maintains").add(&webhook).unwrap();
    for user in ["hooks_reads", "hooks_forwards"] {
        let error = of(user).list().unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(!cause.contains(&secret.reveal()), "{cause}");
        of(user).add(&webhook).unwrap_err();
        of(user).dead_letters().unwrap_err();
    }
    assert_eq!(of("hooks_maintains").list().unwrap().len(), 1);
}
