//! Short IDs: the shortest prefixes that `activity show` accepts.

use std::{fmt::Display, ops::RangeInclusive};

use chrono::{DateTime, TimeDelta, Utc};
use tower_activity::{
    Result,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter, Is},
};

/// Characters of the shortest short ID.
const LEAST: usize = 8;
/// Characters of an ID.
const ALL: usize = 36;
/// Characters of the time in an ID, in milliseconds.
const TIME: usize = 13;
/// Activities that start now are in the store after this time at the latest, in a process that keeps up.
const COMMITTED_AFTER: TimeDelta = TimeDelta::seconds(2);
/// Activities at the top level that started within the microseconds around a range.
const MOST_ROOTS: usize = 8;

/// Returns how many characters of the IDs of these activities to show, so that [`resolve`] finds each by them: also later, as no
/// activity that starts from now on has such a prefix.
pub(crate) fn width<'a>(
    reader: &mut ActivityReader,
    of: impl IntoIterator<Item = &'a ActivityRecord>,
) -> Result<usize> {
    let mut width = LEAST;
    let present = reader.present()?;
    for one in of {
        while width < TIME
            && !one.ahead
            && end(&one.id.to_string(), width) >= present - COMMITTED_AFTER
        {
            width = with_hyphen(width + 1);
        }
        while width < ALL
            && let Some(other) = namesake(reader, one, width)?
        {
            width = with_hyphen(common(&one.id.to_string(), &other.to_string()) + 1).max(width + 1);
        }
    }
    Ok(width.min(ALL))
}

/// Resolves a prefix of an ID. One that several activities have is that of the only one at the top level: what runs inside it
/// starts so soon that a short prefix cannot tell them apart.
///
/// # Errors
///
/// As [`ActivityReader::find`].
pub(crate) fn resolve(reader: &mut ActivityReader, prefix: &str) -> Result<ActivityId> {
    let found = reader.find(prefix);
    let digits: Option<Vec<u8>> = prefix
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    match (&found, digits) {
        (Err(error), Some(digits)) if error.is_invalid() && (1..=32).contains(&digits.len()) => {
            match &roots(reader, &range(&digits))?[..] {
                [root] => Ok(*root),
                _ => found,
            }
        }
        _ => found,
    }
}

/// Returns how many characters of these IDs to show, so that no two of them look alike.
pub(crate) fn width_among<I: Display>(ids: impl IntoIterator<Item = I>) -> usize {
    let mut ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    // The longest common prefix is that of neighbours.
    let common = ids.windows(2).map(|pair| common(&pair[0], &pair[1]));
    common
        .max()
        .map_or(LEAST, |common| with_hyphen(common + 1).max(LEAST))
}

/// Returns another activity whose ID begins with the same characters, if a prefix of them would not be that of this one.
fn namesake(
    reader: &mut ActivityReader,
    one: &ActivityRecord,
    width: usize,
) -> Result<Option<ActivityId>> {
    let range = of_prefix(&one.id.to_string(), width);
    let is_other = |other: &ActivityId| *other != one.id;
    let other = reader.ids(range.clone(), 2)?.into_iter().find(is_other);
    if other.is_none() || one.id != one.root {
        return Ok(other);
    }
    Ok(roots(reader, &range)?.into_iter().find(is_other))
}

/// Returns the start of the last activity with this prefix.
fn end(id: &str, width: usize) -> DateTime<Utc> {
    of_prefix(id, width).end().started_at()
}

/// Returns the first and the last ID that begins with these characters.
fn of_prefix(id: &str, width: usize) -> RangeInclusive<ActivityId> {
    let digits = id.chars().take(width).filter_map(|c| c.to_digit(16));
    range(&digits.map(|digit| digit as u8).collect::<Vec<_>>())
}

/// Returns the first and the last ID that begins with these digits.
fn range(digits: &[u8]) -> RangeInclusive<ActivityId> {
    let filled = |with: u8| {
        let half = |at: usize| digits.get(at).copied().unwrap_or(with);
        ActivityId::from_bytes(std::array::from_fn(|at| {
            half(2 * at) << 4 | half(2 * at + 1)
        }))
    };
    filled(0x0)..=filled(0xf)
}

/// Returns activities at the top level in a range of IDs, which is one of time: the newest.
fn roots(
    reader: &mut ActivityReader,
    range: &RangeInclusive<ActivityId>,
) -> Result<Vec<ActivityId>> {
    let mut filter = Filter::default();
    filter.is.any_of.push(Is::Root);
    filter.since = Some(range.start().started_at());
    filter.until = Some(range.end().started_at() + TimeDelta::microseconds(1));
    let page = reader.page(&filter, None, MOST_ROOTS)?;
    let ids = page.records.iter().map(|one| one.id);
    Ok(ids.filter(|id| range.contains(id)).collect())
}

/// Returns the length of the common prefix.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(a, b)| a == b).count()
}

/// A prefix does not end with a hyphen.
fn with_hyphen(width: usize) -> usize {
    match width {
        9 | 14 | 19 | 24 => width + 1,
        width => width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ids_look_alike() {
        let check = |ids: &[&str], expected| assert_eq!(width_among(ids), expected, "{ids:?}");
        check(&[], 8);
        check(&["0199e5a2-7c00-7d01-8000-000000000000"], 8);
        let other = "0199e5a2-7c00-7d02-8000-000000000000";
        check(&["0199e5a2-7c00-7d01-8000-000000000000", other, other], 18);
        check(&["0199e5a2-8c00-7d01-8000-000000000000", other], 10);
        check(&["1199e5a2-8c00-7d01-8000-000000000000", other], 8);
    }
}
