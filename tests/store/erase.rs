//! Erasing removes an actor's content from every file, and leaves all counts.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    thread,
};

use chrono::Utc;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    notify::{Webhook, Webhooks},
    query::{ActivityReader, MetricsQuery, Window},
    record::{Capture, Filter, RecordingStatus},
    recording::{Chunk, Stream},
    store::EraseCounts,
};

use crate::{
    log_file::maintenance,
    support::{after_commit, poll_until},
};

/// Texts that must be gone, also in the form of the index.
const TEXTS: [&str; 7] = [
    "quuxington",
    "flobblewick",
    "wibblethorpe",
    "snargleford",
    "zimblecrest",
    "gorpleheim",
    "plundersby",
];

fn record(log: &ActivityLog, actor: &str, texts: [&str; 6]) {
    let [session, input, message, attribute, summary, reference] = texts;
    let call = Describe::tool("login").project("acme").agent("bot");
    let call = log.start(call.actor(actor.to_owned()).session(session.to_owned()));
    call.set_input(&input, Capture::Full);
    call.set("note", attribute);
    let event = call.event("deployment").project("acme");
    let event = event.actor(actor.to_owned()).summary(summary.to_owned());
    event.reference(reference.to_owned()).record();
    call.end(Outcome::failed("denied").with_message(message.to_owned()));
}

/// The texts that are found in any file of a folder.
fn left<'a>(folder: &Path, texts: &[&'a str]) -> Vec<&'a str> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let bytes: Vec<u8> = files
        .filter(|path| path.is_file())
        .flat_map(|path| fs::read(path).unwrap())
        .collect();
    let stands = |text: &&&str| bytes.windows(text.len()).any(|at| at == text.as_bytes());
    texts.iter().filter(stands).copied().collect()
}

fn list(reader: &mut ActivityReader, text: &str) -> Vec<tower_activity::record::ActivityRecord> {
    let filter = Filter::parse(text, Utc::now()).unwrap();
    reader.page(&filter, None, 1_000).unwrap().records
}

#[test]
fn an_actors_content_is_erased_from_every_file_and_counts_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = ActivityLog::open(folder.join("a.db")).unwrap();
    let mut reader = log.reader().unwrap();
    let mut maintenance = maintenance(folder);
    for round in 0..30 {
        let [_, texts @ ..] = TEXTS;
        record(&log, TEXTS[0], texts);
        record(
            &log,
            "bob",
            [
                "s",
                "plain input",
                "plain message",
                "a",
                "plain summary",
                "r",
            ],
        );
        log.flush().wait().unwrap();
        // Some rows are in several segments of the index, some in none.
        if round % 10 == 4 {
            while maintenance.index().unwrap() > 0 {}
        }
    }
    let month = MetricsQuery::new(Window::Month, Utc::now());
    let before = reader.metrics(&month).unwrap();
    assert_eq!(left(folder, &TEXTS), TEXTS);

    let all = EraseCounts::default();
    assert_eq!(maintenance.erasable("unknown").unwrap(), all);
    let found = maintenance.erasable(TEXTS[0]).unwrap();
    assert_eq!(
        (found.activities, found.events, found.recordings),
        (30, 30, 0)
    );
    let mut steps = 0;
    let erased = maintenance.erase(TEXTS[0], &mut |_| steps += 1).unwrap();
    assert_eq!((erased.activities, erased.events), (30, 30));
    assert!(steps > 0);
    assert_eq!(left(folder, &TEXTS), [""; 0]);
    assert_eq!(maintenance.erasable(TEXTS[0]).unwrap(), all);

    assert_eq!(reader.metrics(&month).unwrap(), before);
    assert_eq!(list(&mut reader, "").len(), 60);
    assert_eq!(list(&mut reader, "login status:failed agent:bot").len(), 60);
    assert_eq!(list(&mut reader, "wibblethorpe").len(), 0);
    assert_eq!(list(&mut reader, "plain actor:bob").len(), 30);
    let kept = list(&mut reader, "-has:actor").remove(0);
    assert_eq!(
        (kept.name.as_str(), kept.error_type.as_deref()),
        ("login", Some("denied"))
    );
    assert!(kept.message.is_none() && kept.input.is_none() && kept.attributes.is_empty());
    assert!(kept.scope.session.is_none() && kept.scope.project.is_some());
    let events = reader
        .events(&Filter::default(), None, 100)
        .unwrap()
        .records;
    assert_eq!(
        events
            .iter()
            .filter(|event| event.summary.is_none())
            .count(),
        30
    );
    assert!(reader.integrity_errors().unwrap().is_empty());

    // An actor who comes back is recorded again, also by writers that had cached the text's id.
    record(&log, TEXTS[0], ["s", "i", "m", "a", "s", "r"]);
    record(
        &log,
        "bob",
        ["s", "plain input", "plain message", "a", "s", "r"],
    );
    log.flush().wait().unwrap();
    assert_eq!(list(&mut reader, "actor:quuxington").len(), 1);
    assert_eq!(list(&mut reader, "actor:bob").len(), 31);
}

#[test]
fn the_deduplication_key_of_an_erased_event_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = ActivityLog::open(folder.join("a.db")).unwrap();
    let fire = |actor: Option<&'static str>| {
        let event = log.event("sync").dedup_key("k1");
        let event = actor
            .into_iter()
            .fold(event, |event, actor| event.actor(actor));
        event.record().committed().wait().unwrap()
    };
    let (ann, bob, nobody) = (fire(Some("ann")), fire(Some("bob")), fire(None));
    let mut maintenance = maintenance(folder);
    for actor in ["ann", "bob"] {
        assert_eq!(maintenance.erase(actor, &mut |_| ()).unwrap().events, 1);
    }
    // Erased events have no actor and no key.
    assert_eq!(fire(None), nobody);
    let again = fire(Some("ann"));
    assert!(![ann, bob, nobody].contains(&again));
    assert_eq!(fire(Some("ann")), again);
}

/// A webhook receiver that answers with this status, and passes on the bodies.
fn receiver(status: &Arc<AtomicU16>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (got, bodies) = mpsc::channel();
    let status = status.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = status.load(Ordering::SeqCst);
            let head =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            if got.send(String::from_utf8(body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_and_pending_deliveries_of_an_actor_are_erased_too() {
    const SEEN: [&str; 2] = ["blatherskite", "crumblethwick"];

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("a.db");
    let log = ActivityLog::open(&path).unwrap();
    let mut reader = log.reader().unwrap();
    let status = Arc::new(AtomicU16::new(500));
    let (url, bodies) = receiver(&status);
    let webhooks = Webhooks::open(&path).unwrap().attempts(1);
    let all = Webhook::events("all", url).unwrap().allow_private();
    webhooks.add(&all).unwrap();

    // Each has a recording, and they share another one, whose content cannot be attributed.
    let mut calls = Vec::new();
    for (actor, seen) in [(TEXTS[0], SEEN[0]), ("bob", "nothing special")] {
        let call = log.start(Describe::tool("shop").actor(actor));
        let own = call.attach(Stream::new("frames")).await;
        own.append(Chunk::new(seen));
        calls.push((call, own));
    }
    let ids: Vec<_> = calls.iter().map(|(call, _)| call.id().unwrap()).collect();
    let shared = calls[0].0.attach(Stream::new("frames")).await;
    shared.append(Chunk::new(SEEN[1]));
    drop(shared);
    for (call, own) in calls {
        drop(own);
        call.end(Outcome::success());
    }
    let [_, texts @ ..] = TEXTS;
    record(&log, TEXTS[0], texts);
    let recordings = |reader: &mut ActivityReader| {
        log.flush().wait().unwrap();
        ids.iter()
            .map(|id| reader.recordings_of(*id).unwrap())
            .collect::<Vec<_>>()
    };
    after_commit(|| {
        let all = recordings(&mut reader);
        let ended =
            |one: &tower_activity::record::RecordingRecord| one.status == RecordingStatus::Complete;
        (all[0].len() == 2 && all.iter().flatten().all(ended)).then_some(())
    });

    // One event is a dead letter, and one is pending.
    let delivery = webhooks.deliver();
    poll_until(|| webhooks.dead_letters().unwrap().pop());
    delivery.stop();
    assert!(bodies.recv().unwrap().contains(TEXTS[0]));
    record(&log, TEXTS[0], texts);
    log.flush().wait().unwrap();
    assert_eq!(webhooks.list().unwrap()[0].behind, 1);
    let mut maintenance = maintenance(folder);
    while maintenance.index().unwrap() > 0 {}
    let texts = [&TEXTS[..], &SEEN].concat();
    assert_eq!(left(folder, &texts), texts);
    let month = MetricsQuery::new(Window::Month, Utc::now());
    let sums = reader.metrics(&month).unwrap();

    let erased = maintenance.erase(TEXTS[0], &mut |_| ()).unwrap();
    assert_eq!(
        (erased.activities, erased.events, erased.recordings),
        (3, 2, 2)
    );
    assert_eq!(left(folder, &texts), [""; 0]);
    assert_eq!(left(folder, &["nothing special"]), ["nothing special"]);
    assert_eq!(reader.metrics(&month).unwrap(), sums);
    let kept = recordings(&mut reader);
    assert_eq!((kept[0].len(), kept[1].len()), (0, 1));
    assert_eq!(list(&mut reader, "has:recording").len(), 1);
    assert_eq!(list(&mut reader, "").len(), 4);
    assert!(reader.integrity_errors().unwrap().is_empty());

    // Later deliveries have the erased records.
    status.store(204, Ordering::SeqCst);
    let letter = webhooks.dead_letters().unwrap().remove(0);
    webhooks.retry(&letter).unwrap();
    let delivery = webhooks.deliver();
    poll_until(|| (webhooks.list().unwrap()[0].behind == 0).then_some(()));
    delivery.stop();
    for _ in 0..2 {
        let body = bodies.recv().unwrap();
        assert!(body.contains("\"type\":\"deployment\""), "{body}");
        assert!(texts.iter().all(|text| !body.contains(text)), "{body}");
    }
}
