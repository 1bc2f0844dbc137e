//! Every act alone, by every client: nothing is missing, and the writer's lock is held.

use super::check;
use crate::foreign_clients::{
    act::Act,
    client::Client,
    story::{End, Story},
    writer::Mode,
};

#[test]
fn no_harmless_act_loses_a_row_or_the_lock() {
    let clients = Client::ALL.into_iter().cycle();
    let modes = Mode::ALL.into_iter().cycle();
    let acts = Act::HARMLESS.into_iter().zip(clients).zip(modes);
    check(acts.map(|((act, client), mode)| {
        let mut story = Story::aged(mode);
        if act.needs_a_moved_file() {
            story.act(Act::MoveMain, client);
        }
        story.act(act, client);
        story.finish(End::Kill)
    }));
}
