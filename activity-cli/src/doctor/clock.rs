//! Notes of `activity doctor` about clocks.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tower_activity::store::Health;

use crate::print::human;

/// How far the wall clock may be ahead of the store's clock, which stands still while no process records.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// How far the wall clock may be behind.
const BEHIND: TimeDelta = TimeDelta::minutes(5);

/// Reports clocks that are off, and the effect on retention.
pub(super) fn notes(health: &Health, now: DateTime<Utc>) -> Vec<String> {
    let mut notes = Vec::new();
    let format = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let distance = |from, to| human::duration(human::since(from, to));
    if let Some(clock) = health.clock {
        if clock.wall - clock.store > AHEAD {
            notes.push(format!(
                "the system clock is {} ahead of the store's clock ({}): ages are counted by the store's clock until the system \
                 clock has run steadily for 24 hours (so far {})",
                distance(clock.store, clock.wall),
                format(clock.store),
                human::duration(clock.agreed_s.saturating_mul(1_000_000_000)),
            ));
        } else if clock.store - clock.wall > BEHIND {
            notes.push(format!(
                "the system clock is {} behind the store's clock ({}): records that are newer by the system clock are not \
                 deleted by age",
                distance(clock.wall, clock.store),
                format(clock.store),
            ));
        }
        if clock.wall - now > BEHIND {
            notes.push(format!(
                "this system's clock is {} behind the clock of the last commit ({})",
                distance(now, clock.wall),
                format(clock.wall),
            ));
        }
    }
    if health.ahead > 0 {
        notes.push(format!(
            "{} dated in the future and listed last: a clock was wrong when they were recorded, or is wrong now",
            human::many(health.ahead, "record is", "records are"),
        ));
    }
    notes
}
