//! The file is copied, moved and linked.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use super::check;
use crate::foreign_clients::{
    act::Act,
    client::Client,
    store_folder::{Row, StoreFolder, activity, rows},
    story::{End, Story},
    writer::{Clock, Mode},
};

/// The timeout for the main file to have the last record.
const IDLE: Duration = Duration::from_secs(10);

#[test]
fn the_main_file_is_complete_soon_after_the_last_record() {
    let mut story = Story::begin(Mode::Fast, Clock::Real);
    let deadline = Instant::now() + IDLE;
    loop {
        let missing = missing_in_main(&mut story);
        if missing == 0 {
            break;
        }
        if Instant::now() > deadline {
            let count = story.must.len();
            story.fault(format_args!(
                "after {IDLE:?} the file alone lacks {missing} of {count} rows"
            ));
            break;
        }
    }
    check([story.finish(End::Kill)]);
}

/// The number of rows missing in a copy of the main file.
fn missing_in_main(story: &mut Story) -> usize {
    let copy = story.new_file("main-alone");
    fs::copy(story.folder.store(), &copy).unwrap();
    let found = rows(&copy).unwrap_or_default();
    story.must.difference(&found).count()
}

#[test]
fn the_main_file_is_complete_after_a_command() {
    let folder = StoreFolder::new();
    let (store, copy) = (folder.store(), folder.file("copy.db"));
    let exported = folder.file("events.jsonl");
    let other = StoreFolder::new();
    let output = other.activity(&["event", "imported", "v0"]);
    let imported = format!("event {}", output.stdout.trim());
    let lines = other.activity(&["events", "--json"]).stdout;
    fs::write(&exported, lines).unwrap();
    let mut expected: BTreeSet<Row> = BTreeSet::new();
    let alone = |expected: &BTreeSet<Row>| {
        fs::copy(&store, &copy).unwrap();
        assert_eq!(rows(&copy).unwrap_or_default(), *expected);
    };
    let output = folder.activity(&["event", "deployment", "v1"]);
    expected.insert(format!("event {}", output.stdout.trim()));
    alone(&expected);
    let output = folder.activity(&["import", exported.to_str().unwrap()]);
    assert_eq!(output.code, Some(0), "{output:?}");
    expected.insert(imported);
    alone(&expected);
    for reading in [&["events"][..], &["doctor"], &["stats"]] {
        assert_eq!(folder.activity(reading).code, Some(0), "{reading:?}");
        alone(&expected);
    }
}

#[test]
fn a_moved_file_is_complete_by_itself() {
    let acts = [Act::MoveMain, Act::MoveAll];
    check(acts.into_iter().flat_map(|act| {
        Mode::ALL.map(|mode| {
            let mut story = Story::aged(mode);
            story.act(act, Client::Shell);
            story.act(Act::Select, Client::Other);
            story.act(Act::MoveBack, Client::Shell);
            story.finish(End::Kill)
        })
    }));
}

/// Before the writer has noticed.
#[test]
fn a_file_that_is_moved_away_and_back_immediately_is_complete() {
    check([Act::MoveMain, Act::MoveAll].map(|act| {
        let mut story = Story::aged(Mode::Fast);
        story.only(act, Client::Shell);
        story.only(Act::MoveBack, Client::Shell);
        story.record(10);
        story.finish(End::Kill)
    }));
}

/// At the moment in which it notices: a second after the last commit it checks its files.
#[test]
fn a_file_that_is_moved_away_and_back_while_it_is_checked_is_complete() {
    let story = |after: u64, act| {
        let mut story = Story::aged(Mode::Fast);
        thread::sleep(Duration::from_millis(after));
        story.only(act, Client::Shell);
        thread::sleep(Duration::from_millis(after % 4 * 30));
        story.only(Act::MoveBack, Client::Shell);
        story.record(10);
        story.finish(End::Kill)
    };
    let story = &story;
    let stories = thread::scope(|scope| {
        let threads = [0, 7, 13, 21].map(|offset| {
            let delays = (860 + offset..960).step_by(25);
            let acts = [Act::MoveMain, Act::MoveAll];
            let cases = delays.flat_map(move |after| acts.map(|act| (after, act)));
            scope.spawn(move || {
                cases
                    .map(|(after, act)| story(after, act))
                    .collect::<Vec<_>>()
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    check(stories.into_iter().flatten());
}

/// SQLite derives the name of the WAL from the name that it opened: with two names, one file would have two WALs.
#[test]
fn a_log_is_not_opened_by_a_hard_link_while_it_is_open() {
    let mut story = Story::aged(Mode::Fast);
    let (store, link) = (story.folder.store(), story.folder.file("link.db"));
    fs::hard_link(&store, &link).unwrap();
    for command in [&["event", "foreign", "by a link"][..], &["list"]] {
        let output = activity(&link, command);
        if output.code != Some(1) || !output.stderr.contains("activity.db") {
            story.fault(format_args!("activity {command:?} by a link: {output:?}"));
        }
    }
    story.record(5);
    fs::remove_file(link).unwrap();
    check([story.finish(End::Kill)]);
}

#[test]
fn a_file_that_is_replaced_by_a_rename_is_not_lost() {
    use Act::{EndWriter, MoveAll, MoveBack, MoveMain, MoveOver};
    let stories: [&[Act]; 6] = [
        &[MoveMain, MoveOver],
        &[MoveAll, MoveOver],
        &[MoveMain, MoveBack, MoveOver],
        &[MoveAll, MoveBack, MoveOver],
        &[MoveMain, MoveBack, EndWriter, MoveOver],
        &[MoveAll, MoveBack, MoveMain, MoveBack, EndWriter, MoveOver],
    ];
    check(stories.map(|acts| {
        let mut story = Story::aged(Mode::Durable);
        for act in acts {
            story.act(*act, Client::Shell);
        }
        story.finish(End::Kill)
    }));
}
