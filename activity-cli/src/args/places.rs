//! Places that are handed back: checked here, so that an error names the option.

use tower_activity::{
    Error,
    record::{ActivityRecord, EventRecord},
    store::{Cursor, Position},
};

/// A place in an order of commits, of whatever records.
pub(super) fn place(text: &str) -> Result<String, Error> {
    text.parse::<Position<ActivityRecord>>()
        .map(|_| text.to_owned())
}

/// A cursor of a list, of whatever records.
pub(super) fn cursor(text: &str) -> Result<String, Error> {
    let of_activities = text.parse::<Cursor<ActivityRecord>>().map(drop);
    let parsed = of_activities.or_else(|error| match text.parse::<Cursor<EventRecord>>() {
        Ok(_) => Ok(()),
        Err(_) => Err(error),
    });
    parsed.map(|()| text.to_owned())
}
