//! Every record that is meant arrives at least once, in order, whatever becomes of the receiver and of us.

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

use crate::webhook::receiver::{Does, Plan, Receiver, soon};

pub struct Place {
    pub path: PathBuf,
    pub log: ActivityLog,
    /// Last: the log has to be closed before its folder goes.
    _folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let log = ActivityLog::builder()
            .flush_interval(Duration::from_millis(1))
            .open(&path)
            .unwrap();
        Place {
            path,
            log,
            _folder: folder,
        }
    }

    /// Quick to send again, and patient with a receiver that has much to do.
    pub fn webhooks(&self) -> Webhooks {
        quick(&self.path).timeout(Duration::from_secs(60))
    }

    /// Records an event in each of three activities, and one that nobody wants.
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
pub fn impatient(log: &Path) -> Webhooks {
    quick(log).timeout(Duration::from_millis(300))
}

fn quick(log: &Path) -> Webhooks {
    let webhooks = Webhooks::open(log).unwrap();
    webhooks
        .attempts(1_000)
        .backoff(Duration::from_millis(1), Duration::from_millis(10))
}

pub fn filter(text: &str) -> Filter {
    Filter::parse(text, chrono::Utc::now()).unwrap()
}

/// Asserts that all of what was meant arrived, and nothing else, first in order per activity. What arrived is ids of records
/// and of their activities.
pub fn arrived_in_order(arrived: impl Iterator<Item = (String, String)>, meant: Vec<String>) {
    let mut activities = HashMap::new();
    let mut first = Vec::new();
    for (id, activity) in arrived {
        if activities.insert(id.clone(), activity).is_none() {
            first.push(id);
        }
    }
    assert_eq!(first.len(), meant.len());
    let by_activity = |ids: Vec<String>| {
        let mut by = HashMap::<_, Vec<String>>::new();
        for id in ids {
            by.entry(activities[&id].clone()).or_default().push(id);
        }
        by
    };
    assert_eq!(by_activity(first), by_activity(meant));
}

#[test]
fn every_event_arrives_in_order_at_a_receiver_that_fails_hangs_dies_and_comes_back() {
    let place = Place::new();
    let jobs: Vec<_> = ["a", "b", "c"]
        .map(|name| place.log.start(Describe::job(name)))
        .into();
    let plan = Plan::default();
    let receiver = Receiver::start(&plan, None);
    let webhooks = impatient(&place.path);
    // Nobody asked for what was before.
    place.round(&jobs);
    place.log.flush().wait().unwrap();
    let webhook = Webhook::events("steps", receiver.url())
        .unwrap()
        .filter(filter("type:step"))
        .allow_private();
    let secret = webhooks.add(&webhook).unwrap();

    let delivery = webhooks.deliver();
    let mut meant = Vec::new();
    plan.then([Does::Take, Does::Take, Does::Answer(500), Does::Answer(503)]);
    plan.then([Does::Take, Does::Hang, Does::Take, Does::Answer(429)]);
    for _ in 0..5 {
        meant.extend(place.round(&jobs));
    }
    // Whatever the receiver does, the log's writer goes on.
    place.log.flush().wait().unwrap();
    soon(|| (plan.taken().len() >= meant.len()).then_some(()));

    // It is killed while it has a message, and comes back where it was.
    plan.then([Does::Hang]);
    meant.extend(place.round(&jobs));
    let before = plan.seen().len();
    soon(|| (plan.seen().len() > before).then_some(()));
    let address = receiver.address;
    drop(receiver);
    for _ in 0..5 {
        meant.extend(place.round(&jobs));
    }
    place.log.flush().wait().unwrap();
    soon(|| webhooks.list().unwrap()[0].trouble.clone());
    let _receiver = Receiver::start(&plan, Some(address));
    soon(|| (plan.taken().len() >= meant.len()).then_some(()));

    // We end with a message on its way, and another goes on.
    plan.then([Does::Hang]);
    meant.extend(place.round(&jobs));
    let before = plan.seen().len();
    soon(|| (plan.seen().len() > before).then_some(()));
    drop(delivery);
    let delivery = webhooks.deliver();
    for _ in 0..5 {
        meant.extend(place.round(&jobs));
    }
    place.log.flush().wait().unwrap();
    let taken = soon(|| {
        let status = &webhooks.list().unwrap()[0];
        (status.delivered >= meant.len() as u64).then(|| plan.taken())
    });
    delivery.stop();

    let meant: Vec<_> = meant.iter().map(ToString::to_string).collect();
    let arrived = taken.iter().map(|message| {
        let activity = message.json()["data"]["activity"]
            .as_str()
            .unwrap()
            .to_owned();
        (message.id().to_owned(), activity)
    });
    arrived_in_order(arrived, meant);

    // By code that is not ours.
    let verifier = standardwebhooks::Webhook::new(&secret.reveal()).unwrap();
    let other = standardwebhooks::Webhook::new(&Secret::random().unwrap().reveal()).unwrap();
    for message in plan.seen() {
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

/// What somebody does to the files of a log that is open.
type Act = fn(&Place);

fn beside(place: &Place, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", place.path.display()))
}

/// With 200 events, more than the log itself has.
fn another_log_is_put_there(place: &Place) {
    let other = place.path.with_extension("other");
    let log = ActivityLog::open(&other).unwrap();
    for _ in 0..200 {
        log.event("foreign").record();
    }
    log.shutdown().wait().unwrap();
    std::fs::rename(&other, &place.path).unwrap();
}

#[test]
fn each_record_is_sent_once_whatever_takes_the_place_of_the_log() {
    let acts: [(&str, Act); 4] = [
        ("moved away", |place| {
            std::fs::rename(&place.path, place.path.with_extension("moved")).unwrap();
        }),
        ("removed", |place| {
            for suffix in ["-shm", "-wal", ""] {
                std::fs::remove_file(beside(place, suffix)).unwrap();
            }
        }),
        ("an older copy put back", |place| {
            std::fs::rename(beside(place, "-copy"), &place.path).unwrap();
        }),
        ("another log put there", another_log_is_put_there),
    ];
    for (name, act) in acts {
        let place = Place::new();
        let plan = Plan::default();
        let receiver = Receiver::start(&plan, None);
        let webhooks = place.webhooks();
        let steps = Webhook::events("steps", receiver.url()).unwrap();
        webhooks.add(&steps.allow_private()).unwrap();
        let delivery = webhooks.deliver();
        let mut sent = 0;
        for round in 0..2 {
            for _ in 0..10 {
                place.log.event("step").record();
            }
            sent += 10;
            soon(|| (plan.taken().len() == sent).then_some(()));
            // All of them are in the main file: nothing is left to be copied.
            let wal = beside(&place, "-wal");
            soon(|| (std::fs::metadata(&wal).unwrap().len() == 0).then_some(()));
            if round == 0 {
                // By another process: one that closes a file loses its own locks on it.
                let copied = Command::new("cp")
                    .args([&place.path, &beside(&place, "-copy")])
                    .status();
                assert!(copied.unwrap().success());
            }
        }
        act(&place);
        let mut ids = Vec::new();
        for _ in 0..30 {
            let receipt = place.log.event("next").record();
            ids.extend(receipt.id().map(|id| id.to_string()));
            receipt.committed().wait().unwrap();
        }
        soon(|| (plan.taken().len() >= 50).then_some(()));
        delivery.stop();
        let taken: Vec<String> = plan.taken().iter().map(|one| one.id().to_owned()).collect();
        assert_eq!(taken[20..], ids, "{name}");
    }
}

#[test]
fn a_record_that_is_never_taken_is_set_aside_and_can_be_sent_again() {
    let place = Place::new();
    let plan = Plan::default();
    let receiver = Receiver::start(&plan, None);
    let webhooks = place.webhooks().attempts(3);
    let failed = Webhook::activities("failed", receiver.url()).unwrap();
    let failed = failed.filter(filter("status:failed")).allow_private();
    webhooks.add(&failed).unwrap();
    plan.poison.lock().unwrap().push("poison".into());
    for name in ["one", "poison", "fine", "two"] {
        let job = place.log.start(Describe::job(name));
        job.end(match name {
            "fine" => Outcome::success(),
            _ => Outcome::failed("denied"),
        });
    }
    place.log.flush().wait().unwrap();
    let delivery = webhooks.deliver();
    soon(|| (plan.taken().len() == 2).then_some(()));
    let names: Vec<_> = plan
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
    let mut reader = ActivityReader::open(&place.path).unwrap();
    let id = reader.find(&letter.id).unwrap();
    assert_eq!(reader.activity(id).unwrap().unwrap().name, "poison");

    let refused = webhooks.retry(letter).unwrap_err();
    assert!(refused.to_string().contains("answered 422"), "{refused}");
    assert_eq!(webhooks.list().unwrap()[0].dead_letters, 1);
    plan.poison.lock().unwrap().clear();
    webhooks.retry(letter).unwrap();
    assert_eq!(webhooks.dead_letters().unwrap(), []);
    assert_eq!(plan.taken().last().unwrap().id(), letter.id);
    delivery.stop();
}

#[test]
fn one_of_several_delivers_and_another_takes_over() {
    let place = Place::new();
    let plan = Plan::default();
    let receiver = Receiver::start(&plan, None);
    let webhooks = place.webhooks();
    let webhook = Webhook::events("all", receiver.url()).unwrap();
    webhooks.add(&webhook.allow_private()).unwrap();
    let first = webhooks.deliver();
    place.log.event("one").record();
    soon(|| (plan.taken().len() == 1).then_some(()));
    let second = webhooks.deliver();
    place.log.event("two").record();
    soon(|| (plan.taken().len() == 2).then_some(()));
    first.stop();
    place.log.event("three").record();
    soon(|| (plan.taken().len() == 3).then_some(()));
    second.stop();
    let types: Vec<_> = plan
        .seen()
        .iter()
        .map(|message| message.json()["data"]["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["one", "two", "three"]);
}

#[test]
fn a_webhook_can_be_mended_and_removed_while_it_waits() {
    let place = Place::new();
    let plan = Plan::default();
    let receiver = Receiver::start(&plan, None);
    let webhooks = place.webhooks();
    let nowhere = Webhook::events("all", "http://127.0.0.1:1/hook").unwrap();
    let secret = webhooks.add(&nowhere.allow_private()).unwrap();
    let delivery = webhooks.deliver();
    place.log.event("one").record();
    place.log.flush().wait().unwrap();
    let trouble = soon(|| webhooks.list().unwrap()[0].trouble.clone());
    assert!(trouble.to_lowercase().contains("refused"), "{trouble}");

    let mended = Webhook::events("all", receiver.url()).unwrap();
    assert_eq!(webhooks.add(&mended.allow_private()).unwrap(), secret);
    soon(|| (plan.taken().len() == 1).then_some(()));
    soon(|| webhooks.list().unwrap()[0].trouble.is_none().then_some(()));
    webhooks.remove("all").unwrap();
    assert!(webhooks.remove("all").unwrap_err().is_not_found());
    assert_eq!(webhooks.list().unwrap(), []);
    delivery.stop();
}
