//! Erasing: what is known of an actor is gone from every file, and what was counted stays counted.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use chrono::Utc;
use tower_activity::{
    ActivityLog, Capture, Describe, Outcome,
    query::{ActivityReader, MetricsQuery, Window},
    record::Filter,
    store::{Erased, Store, Upkeep, sqlite::SqliteStore},
};

/// What must not be left, written as the index writes it.
const TELLING: [&str; 7] = [
    "quuxington",
    "flobblewick",
    "wibblethorpe",
    "snargleford",
    "zimblecrest",
    "gorpleheim",
    "plundersby",
];

fn record(log: &ActivityLog, actor: &str, told: [&str; 6]) {
    let [session, input, message, attribute, summary, reference] = told;
    let call = Describe::tool("login").project("acme").agent("bot");
    let call = log.start(call.actor(actor.to_owned()).session(session.to_owned()));
    call.set_input(&input, Capture::Full);
    call.set("note", attribute);
    let event = call.event("deployment").project("acme");
    let event = event.actor(actor.to_owned()).summary(summary.to_owned());
    event.reference(reference.to_owned()).record();
    call.end(Outcome::failed("denied").with_message(message.to_owned()));
}

/// Which of these texts stand anywhere in the files of a folder.
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

fn upkeep(folder: &Path) -> Box<dyn Upkeep> {
    let store = SqliteStore::at(folder.join("a.db")).unwrap();
    store.upkeep().unwrap()
}

fn list(reader: &mut ActivityReader, text: &str) -> Vec<tower_activity::ActivityRecord> {
    let filter = Filter::parse(text, Utc::now()).unwrap();
    reader.page(&filter, None, 1_000).unwrap().activities
}

#[test]
fn what_is_known_of_an_actor_is_erased_from_every_file_and_counts_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = ActivityLog::open(folder.join("a.db")).unwrap();
    let mut reader = log.reader().unwrap();
    let mut upkeep = upkeep(folder);
    for round in 0..30 {
        let [_, told @ ..] = TELLING;
        record(&log, TELLING[0], told);
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
        // Some of it stands in several segments of the index, some in none.
        if round % 10 == 4 {
            while upkeep.index().unwrap() > 0 {}
        }
    }
    let month = MetricsQuery::new(Window::Month, Utc::now());
    let before = reader.metrics(&month).unwrap();
    assert_eq!(left(folder, &TELLING), TELLING);

    let all = Erased::default();
    assert_eq!(upkeep.erasable("nobody").unwrap(), all);
    let found = upkeep.erasable(TELLING[0]).unwrap();
    assert_eq!(
        (found.activities, found.events, found.recordings),
        (30, 30, 0)
    );
    let mut steps = 0;
    let erased = upkeep.erase(TELLING[0], &mut |_| steps += 1).unwrap();
    assert_eq!((erased.activities, erased.events), (30, 30));
    assert!(steps > 0);
    assert_eq!(left(folder, &TELLING), [""; 0]);
    assert_eq!(upkeep.erasable(TELLING[0]).unwrap(), all);

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
    let events = reader.events(&Filter::default(), None, 100).unwrap().events;
    assert_eq!(
        events
            .iter()
            .filter(|event| event.summary.is_none())
            .count(),
        30
    );
    assert!(reader.damages().unwrap().is_empty());

    // Who comes back is known again, also to those who remembered the number of the name.
    record(&log, TELLING[0], ["s", "i", "m", "a", "s", "r"]);
    record(
        &log,
        "bob",
        ["s", "plain input", "plain message", "a", "s", "r"],
    );
    log.flush().wait().unwrap();
    assert_eq!(list(&mut reader, "actor:quuxington").len(), 1);
    assert_eq!(list(&mut reader, "actor:bob").len(), 31);
}
