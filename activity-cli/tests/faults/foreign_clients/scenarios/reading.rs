//! Clients that only read, beside a writer whose maintenance has begun.

use super::check;
use crate::foreign_clients::{
    act::Act,
    client::Client,
    story::{End, Story},
    writer::{Clock, Mode},
};

#[test]
fn an_untouched_log_keeps_everything() {
    let ends = [End::Kill, End::Shutdown];
    check(
        Mode::ALL
            .into_iter()
            .flat_map(|mode| ends.map(|end| Story::begin(mode, Clock::Manual).finish(end))),
    );
}

#[test]
fn a_foreign_reader_loses_nothing() {
    check(Mode::ALL.into_iter().flat_map(|mode| {
        Client::ALL.map(|client| {
            let mut story = Story::aged(mode);
            story.act(Act::Select, client);
            story.finish(End::Kill)
        })
    }));
}

#[test]
fn a_foreign_reader_loses_nothing_in_real_time() {
    let mut story = Story::begin(Mode::Fast, Clock::Real);
    story.ask("age");
    story.act(Act::Select, Client::Shell);
    check([story.finish(End::Kill)]);
}

/// Another log of the same process opens and closes the file while the writer has it open.
#[test]
fn a_foreign_reader_loses_nothing_when_the_process_has_reopened_the_file() {
    check(["handle", "maintenance", "import"].map(|again| {
        let mut story = Story::begin(Mode::Fast, Clock::Manual);
        story.ask(again);
        story.act(Act::Select, Client::Shell);
        story.finish(End::Kill)
    }));
}

#[test]
fn a_second_writer_beside_a_foreign_reader_leaves_the_indexes_intact() {
    check(Mode::ALL.map(|mode| {
        let mut story = Story::aged(mode);
        for client in Client::ALL {
            story.act(Act::Select, client);
            story.only(Act::Event, client);
            story.record(30);
        }
        story.finish(End::Kill)
    }));
}

#[test]
fn our_own_readers_lose_nothing() {
    let mut story = Story::aged(Mode::Fast);
    story.act(Act::List, Client::Shell);
    story.act(Act::Doctor, Client::Shell);
    check([story.finish(End::Kill)]);
}
