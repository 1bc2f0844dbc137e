//! The files beside the main one are removed while the log is open.

use super::check;
use crate::foreign_clients::{
    act::Act,
    client::Client,
    story::{End, Story},
    writer::Mode,
};

const REMOVED: [Act; 3] = [Act::RemoveSides, Act::RemoveWal, Act::RemoveShm];

/// Before the writer has noticed.
#[test]
fn an_event_of_another_process_is_kept_after_side_files_were_removed() {
    check(REMOVED.map(|removed| {
        let mut story = Story::aged(Mode::Fast);
        story.only(removed, Client::Shell);
        story.only(Act::Event, Client::Shell);
        story.record(20);
        story.finish(End::Kill)
    }));
}

#[test]
fn acknowledged_records_are_kept_after_side_files_were_removed() {
    check(Mode::ALL.into_iter().flat_map(|mode| {
        REMOVED.map(|removed| {
            let mut story = Story::aged(mode);
            story.only(removed, Client::Shell);
            story.record(20);
            story.act(Act::Select, Client::Python);
            story.act(Act::Event, Client::Shell);
            story.finish(End::Kill)
        })
    }));
}

#[test]
fn a_running_call_is_not_abandoned_after_the_lock_folder_was_removed() {
    check(Mode::ALL.map(|mode| {
        let mut story = Story::aged(mode);
        story.only(Act::RemoveInstances, Client::Shell);
        story.only(Act::Event, Client::Shell);
        story.record(5);
        story.finish(End::Shutdown)
    }));
}

/// The reader still has the removed files open.
#[test]
fn a_long_reader_does_not_block_recording_after_side_files_were_removed() {
    // Not after the writer was killed: then the removed WAL may have the only copy, because the reader may have blocked a
    // checkpoint.
    check(REMOVED.map(|removed| {
        let mut story = Story::aged(Mode::Fast);
        story.act(Act::LongRead, Client::Shell);
        story.act(removed, Client::Shell);
        story.act(Act::KillWriter, Client::Shell);
        story.finish(End::Kill)
    }));
}
