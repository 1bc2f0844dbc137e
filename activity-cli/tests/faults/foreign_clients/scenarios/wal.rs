//! The WAL stays small.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::check;
use crate::foreign_clients::{
    act::Act,
    client::Client,
    store_folder::{beside, size},
    story::{End, Story},
    writer::{Clock, Mode},
};

/// More than the log's own limit, and less than what the test writes.
const LARGE: u64 = 14 << 20;
/// Practically empty.
const SMALL: u64 = 1 << 20;
/// The timeout until it is small again.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_wal_is_small_again_after_a_long_reader() {
    let mut story = Story::begin(Mode::Durable, Clock::Real);
    story.only(Act::LongRead, Client::Shell);
    let before = wal(&story);
    while wal(&story) < LARGE {
        story.record(100);
    }
    let grown = wal(&story);
    story.readers.clear();
    story.record(1);
    let deadline = Instant::now() + SOON;
    while wal(&story) > SMALL && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    let after = wal(&story);
    story.note(format_args!("{before} bytes, then {grown}, then {after}"));
    if after > SMALL {
        story.fault(format_args!("the write-ahead log stays at {after} bytes"));
    }
    check([story.finish(End::Kill)]);
}

#[test]
fn the_wal_is_not_many_times_the_size_of_the_log() {
    let mut story = Story::begin(Mode::Durable, Clock::Real);
    for _ in 0..5 {
        story.record(100);
        let (wal, main) = (wal(&story), size(&story.folder.store()));
        story.note(format_args!("{wal} bytes beside {main}"));
        if wal > LARGE.max(2 * main) {
            story.fault(format_args!("{wal} bytes of write-ahead log beside {main}"));
        }
    }
    check([story.finish(End::Kill)]);
}

fn wal(story: &Story) -> u64 {
    size(&beside(&story.folder.store(), "-wal"))
}
