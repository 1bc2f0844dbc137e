//! At-least-once delivery, in order, despite failures of the receiver and the sender.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    notify::{Secret, Webhook, Webhooks},
    query::ActivityReader,
    record::{EventId, Filter},
};

use crate::webhook::receiver::{Receiver, Reply, Script, poll_until};

pub struct TestLog {
    pub path: PathBuf,
    pub log: ActivityLog,
    /// Last, because the log must be closed before its folder is removed.
    _folder: TempDir,
}

impl TestLog {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::builder()
            .flush_interval(Duration::from_millis(1))
            .open(&path)
            .unwrap();
        TestLog {
            path,
            log,
            _folder: folder,
        }
    }

    /// With a short backoff, and a long timeout for a busy machine.
    pub fn webhooks(&self) -> Webhooks {
        with_short_backoff(&self.path).timeout(Duration::from_secs(60))
    }

    /// Records two events in each activity: one that matches the filter, one that does not.
    pub fn round(&self, jobs: &[tower_activity::activity::ActivityGuard]) -> Vec<EventId> {
        let mut ids = Vec::new();
        for job in jobs {
            ids.extend(job.event("step").record().id());
            job.event("noise").record();
        }
        ids
    }
}

/// For receivers that hang.
pub fn with_short_timeout(log: &Path) -> Webhooks {
    with_short_backoff(log).timeout(Duration::from_millis(300))
}

fn with_short_backoff(log: &Path) -> Webhooks {
    let webhooks = Webhooks::open(log).unwrap();
    webhooks
        .attempts(1_000)
        .backoff(Duration::from_millis(1), Duration::from_millis(10))
}

pub fn filter(text: &str) -> Filter {
    Filter::parse(text, chrono::Utc::now()).unwrap()
}

/// Asserts that exactly the expected records arrived, their first deliveries in order per activity. `arrived` has the IDs of
/// records and of their activities.
pub fn arrived_in_order(arrived: impl Iterator<Item = (String, String)>, expected: Vec<String>) {
    let mut activities = HashMap::new();
    let mut first = Vec::new();
    for (id, activity) in arrived {
        if activities.insert(id.clone(), activity).is_none() {
            first.push(id);
        }
    }
    assert_eq!(first.len(), expected.len());
    let by_activity = |ids: Vec<String>| {
        let mut by = HashMap::<_, Vec<String>>::new();
        for id in ids {
            by.entry(activities[&id].clone()).or_default().push(id);
        }
        by
    };
    assert_eq!(by_activity(first), by_activity(expected));
}

#[test]
fn every_event_arrives_in_order_despite_failures_timeouts_and_restarts() {
    let test = TestLog::new();
    let jobs: Vec<_> = ["a", "b", "c"]
        .map(|name| test.log.start(Describe::job(name)))
        .into();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = with_short_timeout(&test.path);
    // Events before the webhook was added are not sent.
    test.round(&jobs);
    test.log.flush().wait().unwrap();
    let webhook = Webhook::events("steps", receiver.url())
        .unwrap()
        .filter(filter("type:step"))
        .allow_private();
    let secret = webhooks.add(&webhook).unwrap();

    let delivery = webhooks.deliver();
    let mut expected = Vec::new();
    script.then([
        Reply::Accept,
        Reply::Accept,
        Reply::Status(500),
        Reply::Status(503),
    ]);
    script.then([
        Reply::Accept,
        Reply::Hang,
        Reply::Accept,
        Reply::Status(429),
    ]);
    for _ in 0..5 {
        expected.extend(test.round(&jobs));
    }
    // The log's writer does not wait for the receiver.
    test.log.flush().wait().unwrap();
    poll_until(|| (script.accepted().len() >= expected.len()).then_some(()));

    // The receiver is killed with a message in flight, and restarted.
    script.then([Reply::Hang]);
    expected.extend(test.round(&jobs));
    let before = script.seen().len();
    poll_until(|| (script.seen().len() > before).then_some(()));
    let address = receiver.address;
    drop(receiver);
    for _ in 0..5 {
        expected.extend(test.round(&jobs));
    }
    test.log.flush().wait().unwrap();
    poll_until(|| webhooks.list().unwrap()[0].trouble.clone());
    let _receiver = Receiver::start(&script, Some(address));
    poll_until(|| (script.accepted().len() >= expected.len()).then_some(()));

    // The delivery is dropped with a message in flight, and another continues.
    script.then([Reply::Hang]);
    expected.extend(test.round(&jobs));
    let before = script.seen().len();
    poll_until(|| (script.seen().len() > before).then_some(()));
    drop(delivery);
    let delivery = webhooks.deliver();
    for _ in 0..5 {
        expected.extend(test.round(&jobs));
    }
    test.log.flush().wait().unwrap();
    let accepted = poll_until(|| {
        let status = &webhooks.list().unwrap()[0];
        (status.delivered >= expected.len() as u64).then(|| script.accepted())
    });
    delivery.stop();

    let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    let arrived = accepted.iter().map(|message| {
        let activity = message.json()["data"]["activity"]
            .as_str()
            .unwrap()
            .to_owned();
        (message.id().to_owned(), activity)
    });
    arrived_in_order(arrived, expected);

    // Verified with another implementation.
    let verifier = standardwebhooks::Webhook::new(&secret.reveal()).unwrap();
    let other = standardwebhooks::Webhook::new(&Secret::random().unwrap().reveal()).unwrap();
    for message in script.seen() {
        verifier.verify(&message.body, &message.headers).unwrap();
        assert!(other.verify(&message.body, &message.headers).is_err());
        let event = message.json();
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "com.github.tower-activity.event.step");
        assert_eq!(event["id"], message.id());
        let content = message.headers["content-type"].to_str().unwrap();
        assert!(
            content.starts_with("application/cloudevents+json"),
            "{content}"
        );
    }
    let status = &webhooks.list().unwrap()[0];
    assert_eq!((status.dead_letters, &status.trouble), (0, &None));
    for job in jobs {
        job.end(Outcome::success());
    }
}

/// A change to the files of an open log.
type Act = fn(&TestLog);

fn beside(test: &TestLog, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", test.path.display()))
}

/// With 200 events, more than the log itself.
fn replace_with_another_log(test: &TestLog) {
    let other = test.path.with_extension("other");
    let log = ActivityLog::open(&other).unwrap();
    for _ in 0..200 {
        log.event("foreign").record();
    }
    log.shutdown().wait().unwrap();
    std::fs::rename(&other, &test.path).unwrap();
}

#[test]
fn each_record_is_sent_once_when_the_log_is_replaced() {
    let acts: [(&str, Act); 4] = [
        ("moved away", |test| {
            std::fs::rename(&test.path, test.path.with_extension("moved")).unwrap();
        }),
        ("removed", |test| {
            for suffix in ["-shm", "-wal", ""] {
                std::fs::remove_file(beside(test, suffix)).unwrap();
            }
        }),
        ("an older copy put back", |test| {
            std::fs::rename(beside(test, "-copy"), &test.path).unwrap();
        }),
        ("another log put there", replace_with_another_log),
    ];
    for (name, act) in acts {
        let test = TestLog::new();
        let script = Script::default();
        let receiver = Receiver::start(&script, None);
        let webhooks = test.webhooks();
        let steps = Webhook::events("steps", receiver.url()).unwrap();
        webhooks.add(&steps.allow_private()).unwrap();
        let delivery = webhooks.deliver();
        let mut sent = 0;
        for round in 0..2 {
            for _ in 0..10 {
                test.log.event("step").record();
            }
            sent += 10;
            poll_until(|| (script.accepted().len() == sent).then_some(()));
            // Wait until all are in the main file.
            let wal = beside(&test, "-wal");
            poll_until(|| (std::fs::metadata(&wal).unwrap().len() == 0).then_some(()));
            if round == 0 {
                // In another process: closing the file would drop the locks of this one.
                let copied = Command::new("cp")
                    .args([&test.path, &beside(&test, "-copy")])
                    .status();
                assert!(copied.unwrap().success());
            }
        }
        act(&test);
        let mut ids = Vec::new();
        for _ in 0..30 {
            let receipt = test.log.event("next").record();
            ids.extend(receipt.id().map(|id| id.to_string()));
            receipt.committed().wait().unwrap();
        }
        poll_until(|| (script.accepted().len() >= 50).then_some(()));
        delivery.stop();
        let accepted: Vec<String> = script
            .accepted()
            .iter()
            .map(|one| one.id().to_owned())
            .collect();
        assert_eq!(accepted[20..], ids, "{name}");
    }
}

#[test]
fn a_rejected_record_becomes_a_dead_letter_and_can_be_retried() {
    let test = TestLog::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = test.webhooks().attempts(3);
    let failed = Webhook::activities("failed", receiver.url()).unwrap();
    let failed = failed.filter(filter("status:failed")).allow_private();
    webhooks.add(&failed).unwrap();
    script.poison.lock().unwrap().push("poison".into());
    for name in ["one", "poison", "fine", "two"] {
        let job = test.log.start(Describe::job(name));
        job.end(match name {
            "fine" => Outcome::success(),
            _ => Outcome::failed("denied"),
        });
    }
    test.log.flush().wait().unwrap();
    let delivery = webhooks.deliver();
    poll_until(|| (script.accepted().len() == 2).then_some(()));
    let names: Vec<_> = script
        .seen()
        .iter()
        .map(|message| message.json()["subject"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["one", "poison", "poison", "poison", "two"]);

    let letters = webhooks.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.webhook.as_str(), letter.attempts), ("failed", 3));
    assert_eq!(letter.error, "answered 422 Unprocessable Entity");
    let mut reader = ActivityReader::open(&test.path).unwrap();
    let id = reader.find(&letter.id).unwrap();
    assert_eq!(reader.activity(id).unwrap().unwrap().name, "poison");

    let refused = webhooks.retry(letter).unwrap_err();
    assert!(refused.to_string().contains("answered 422"), "{refused}");
    assert_eq!(webhooks.list().unwrap()[0].dead_letters, 1);
    script.poison.lock().unwrap().clear();
    webhooks.retry(letter).unwrap();
    assert_eq!(webhooks.dead_letters().unwrap(), []);
    assert_eq!(script.accepted().last().unwrap().id(), letter.id);
    delivery.stop();
}

#[test]
fn one_of_several_delivers_and_another_takes_over() {
    let test = TestLog::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = test.webhooks();
    let webhook = Webhook::events("all", receiver.url()).unwrap();
    webhooks.add(&webhook.allow_private()).unwrap();
    let first = webhooks.deliver();
    test.log.event("one").record();
    poll_until(|| (script.accepted().len() == 1).then_some(()));
    let second = webhooks.deliver();
    test.log.event("two").record();
    poll_until(|| (script.accepted().len() == 2).then_some(()));
    first.stop();
    test.log.event("three").record();
    poll_until(|| (script.accepted().len() == 3).then_some(()));
    second.stop();
    let types: Vec<_> = script
        .seen()
        .iter()
        .map(|message| message.json()["data"]["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["one", "two", "three"]);
}

#[test]
fn a_webhook_can_be_replaced_and_removed_while_it_waits() {
    let test = TestLog::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = test.webhooks();
    let nowhere = Webhook::events("all", "http://127.0.0.1:1/hook").unwrap();
    let secret = webhooks.add(&nowhere.allow_private()).unwrap();
    let delivery = webhooks.deliver();
    test.log.event("one").record();
    test.log.flush().wait().unwrap();
    let trouble = poll_until(|| webhooks.list().unwrap()[0].trouble.clone());
    assert!(trouble.to_lowercase().contains("refused"), "{trouble}");

    let mended = Webhook::events("all", receiver.url()).unwrap();
    assert_eq!(webhooks.add(&mended.allow_private()).unwrap(), secret);
    poll_until(|| (script.accepted().len() == 1).then_some(()));
    poll_until(|| webhooks.list().unwrap()[0].trouble.is_none().then_some(()));
    webhooks.remove("all").unwrap();
    assert!(webhooks.remove("all").unwrap_err().is_not_found());
    assert_eq!(webhooks.list().unwrap(), []);
    delivery.stop();
}
