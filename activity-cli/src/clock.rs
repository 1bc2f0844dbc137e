//! What `activity doctor` says of clocks.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tower_activity::store::Health;

use crate::print::human;

/// A wall clock may be this far ahead of the store's: that was not open for a night, say.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// And this far behind.
const BEHIND: TimeDelta = TimeDelta::minutes(5);

/// Which clocks are off, and what that means.
pub(crate) fn notes(health: &Health, now: DateTime<Utc>) -> Vec<String> {
    let mut notes = Vec::new();
    let written = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let apart = |from, to| human::duration(human::since(from, to));
    if let Some(clock) = health.clock {
        if clock.wall - clock.store > AHEAD {
            notes.push(format!(
                "the machine's clock is {} ahead of the store's ({}): ages are counted by the store's until the other has run \
                 steadily for 24 hours (so far {})",
                apart(clock.store, clock.wall),
                written(clock.store),
                human::duration(clock.agreed_s.saturating_mul(1_000_000_000)),
            ));
        } else if clock.store - clock.wall > BEHIND {
            notes.push(format!(
                "the machine's clock is {} behind the store's ({}): nothing is deleted by age that it takes for newer",
                apart(clock.wall, clock.store),
                written(clock.store),
            ));
        }
        if clock.wall - now > BEHIND {
            notes.push(format!(
                "this machine's clock is {} behind the one of the last commit ({})",
                apart(now, clock.wall),
                written(clock.wall),
            ));
        }
    }
    if health.ahead > 0 {
        notes.push(format!(
            "{} dated in the future, listed last: a clock was wrong when they were recorded, or is wrong now",
            human::many(health.ahead, "record is", "records are"),
        ));
    }
    notes
}
