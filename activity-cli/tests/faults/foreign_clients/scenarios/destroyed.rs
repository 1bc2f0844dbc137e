//! Acts that destroy rows: the loss is noticed, counted and reported, and nothing is mixed.

use std::{fs, process::Command};

use super::check;
use crate::foreign_clients::{
    act::Act,
    client::Client,
    store_folder::{beside, rows},
    story::{End, Story},
    writer::{Clock, Mode},
};

#[test]
fn rows_that_a_client_deleted_are_reported() {
    check(Client::ALL.map(|client| {
        let mut story = Story::begin(Mode::Fast, Clock::Manual);
        story.act(Act::DeleteRows, client);
        story.check_missing(10);
        story.finish(End::Shutdown)
    }));
}

#[test]
fn a_removed_file_is_reported() {
    check(Mode::ALL.map(|mode| {
        let mut story = Story::aged(mode);
        story.act(Act::RemoveMain, Client::Shell);
        story.finish(End::Shutdown)
    }));
}

#[test]
fn rows_of_a_truncated_wal_are_reported() {
    check(Mode::ALL.map(|mode| {
        let mut story = Story::aged(mode);
        story.act(Act::TruncateWal, Client::Shell);
        story.finish(End::Shutdown)
    }));
}

#[test]
fn removing_the_wal_index_while_a_client_writes_mixes_nothing() {
    check(Client::ALL.map(|client| {
        let mut story = Story::aged(Mode::Fast);
        story.act(Act::RemoveShmInWrite, client);
        story.finish(End::Shutdown)
    }));
}

#[test]
fn restoring_an_older_copy_while_the_log_is_open_mixes_nothing() {
    let acts = [Act::ReplaceWithCopy, Act::OverwriteWithCopy];
    check(acts.into_iter().flat_map(|act| {
        Mode::ALL.map(|mode| {
            let mut story = with_copy(mode);
            story.act(act, Client::Shell);
            story.finish(End::Shutdown)
        })
    }));
}

/// The writer was killed, and its WAL is left.
#[test]
fn restoring_an_older_copy_beside_a_later_wal_mixes_nothing() {
    let acts = [Act::ReplaceWithCopy, Act::OverwriteWithCopy];
    check(acts.map(|act| {
        let mut story = with_copy(Mode::Fast);
        story.stop(End::Kill);
        assert!(beside(&story.folder.store(), "-wal").exists());
        story.perform(act, Client::Shell);
        story.release();
        for command in [
            ["list", "--json"],
            ["stats", "--json"],
            ["doctor", "--json"],
        ] {
            let output = story.folder.activity(&command);
            if output.code == Some(0) {
                let what = command[0];
                story.fault(format_args!("activity {what} says nothing of it"));
            }
        }
        story.start();
        story.record(20);
        story.finish(End::Shutdown)
    }));
}

/// Another program's file is moved to where the log is.
#[test]
fn a_foreign_database_that_replaces_the_log_is_left_unchanged() {
    let mut story = Story::aged(Mode::Fast);
    let foreign = story.folder.file("foreign.db");
    let make = "CREATE TABLE theirs (text); INSERT INTO theirs VALUES ('mine');";
    let made = Command::new("sqlite3").arg(&foreign).arg(make).status();
    assert!(made.unwrap().success());
    let (store, before) = (story.folder.store(), fs::read(&foreign).unwrap());
    fs::rename(&foreign, &store).unwrap();
    // Calls may fail to be recorded now.
    let _ = story.writer.as_mut().unwrap().ask("record 5");
    story.stop(End::Kill);
    let files = [store.clone(), beside(&store, "-wal")].map(|file| fs::read(file).ok());
    if files != [Some(before), None] {
        story.fault("the foreign database was written");
    }
    check([story]);
}

/// A log whose older half is in a copy, and only the newest part in the WAL.
fn with_copy(mode: Mode) -> Story {
    let mut story = Story::begin(mode, Clock::Manual);
    story.record(150);
    story.only(Act::Backup, Client::Shell);
    story.record(150);
    story.only(Act::Checkpoint, Client::Shell);
    story.record(8);
    story
}

impl Story {
    /// `doctor` fails while the log is open, and reports how many activities are missing.
    fn check_missing(&mut self, missing: usize) {
        let output = self.folder.activity(&["doctor"]);
        let number = missing.to_string();
        let told = output.stdout.lines().any(|line| {
            line.contains("problem")
                && line
                    .split(|c: char| !c.is_ascii_digit())
                    .any(|n| n == number)
        });
        if output.code != Some(1) || !told {
            let code = output.code;
            self.fault(format_args!(
                "{missing} activities are missing, and doctor ends with {code:?}: {}",
                output.stdout
            ));
        }
        let found = rows(&self.folder.store()).unwrap();
        assert!(self.may.is_disjoint(&found), "nothing was destroyed");
    }
}
