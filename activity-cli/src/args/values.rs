//! Parsers of cursors and positions: clap then names the option in the error.

use tower_activity::{
    Error,
    record::{ActivityRecord, EventRecord},
    store::{Cursor, Position},
};

/// Checks a position in commit order, of either kind of record.
pub(super) fn position(text: &str) -> Result<String, Error> {
    text.parse::<Position<ActivityRecord>>()
        .map(|_| text.to_owned())
}

/// Checks a cursor of a list, of either kind of record.
pub(super) fn cursor(text: &str) -> Result<String, Error> {
    let of_activities = text.parse::<Cursor<ActivityRecord>>().map(drop);
    let parsed = of_activities.or_else(|error| match text.parse::<Cursor<EventRecord>>() {
        Ok(_) => Ok(()),
        Err(_) => Err(error),
    });
    parsed.map(|()| text.to_owned())
}
