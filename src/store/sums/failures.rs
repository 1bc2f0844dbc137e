//! Groups of failures by quarter hour and fingerprint, of which a store keeps a bounded number.

use std::collections::{BTreeMap, HashMap, btree_map::Entry, hash_map};

use crate::record::ActivityId;

/// The most fingerprints with groups of their own.
pub(crate) const MOST_FINGERPRINTS: i64 = 10_000;
/// The most of them in one quarter hour: so the table of a month has 3 million rows at most. [`Failures::limited`] is the only one
/// that adds rows, and retention counts them with the other sums.
const MOST_IN_QUARTER: i64 = 1_000;
/// The fingerprint of the others.
pub(crate) const OTHERS: i64 = 0;

/// Failures by quarter hour and fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Failures(pub(crate) BTreeMap<(i64, i64), FailureSum>);

/// The failures of one quarter hour with one fingerprint.
#[derive(Debug, Clone)]
pub(crate) struct FailureSum {
    /// The dictionary id of their name.
    pub(crate) name: Option<i64>,
    pub(crate) error_type: Option<String>,
    pub(crate) count: i64,
    pub(crate) first: ActivityId,
    pub(crate) last: ActivityId,
}

/// The stored groups.
pub(crate) trait FailureRows {
    /// The error of the database.
    type Error;

    /// Returns true if there is a group with this fingerprint in any quarter hour.
    fn is_known(&self, fingerprint: i64) -> Result<bool, Self::Error>;

    /// Counts the fingerprints. May stop at one more than [`MOST_FINGERPRINTS`].
    fn fingerprints(&self) -> Result<i64, Self::Error>;

    /// Returns true if there is a group with this fingerprint in this quarter hour.
    fn is_in_quarter(&self, quarter: i64, fingerprint: i64) -> Result<bool, Self::Error>;

    /// Counts the groups of a quarter hour, without that of the others.
    fn in_quarter(&self, quarter: i64) -> Result<i64, Self::Error>;
}

impl Failures {
    pub(crate) fn add(&mut self, key: (i64, i64), one: FailureSum) {
        match self.0.entry(key) {
            Entry::Vacant(new) => drop(new.insert(one)),
            Entry::Occupied(mut sum) => {
                let sum = sum.get_mut();
                sum.count = sum.count.saturating_add(one.count);
                sum.first = sum.first.min(one.first);
                sum.last = sum.last.max(one.last);
            }
        }
    }

    /// Returns true if these groups are those of some failures. Where some failures have no group of their own, groups may lack some.
    pub(crate) fn are_groups_of(&self, all: &Failures) -> bool {
        let has_others = self.0.keys().any(|key| key.1 == OTHERS);
        let count = |of: &Failures| {
            let counts = of.0.values().map(|sum| sum.count);
            counts.fold(0, i64::saturating_add)
        };
        let mut own = self.0.iter().filter(|(key, _)| key.1 != OTHERS);
        let are_equal = own.all(|(key, group)| {
            all.0.get(key).is_some_and(|sum| {
                (group.name, &group.error_type) == (sum.name, &sum.error_type)
                    && match has_others {
                        true => {
                            group.count <= sum.count
                                && group.first >= sum.first
                                && group.last <= sum.last
                        }
                        false => {
                            (group.count, group.first, group.last)
                                == (sum.count, sum.first, sum.last)
                        }
                    }
            })
        });
        are_equal && count(self) == count(all)
    }

    /// Moves what has no room for a group of its own to the group of the others.
    pub(crate) fn limited<R: FailureRows>(self, rows: &R) -> Result<Failures, R::Error> {
        let mut groups = Failures::default();
        let mut is_known = HashMap::new();
        let mut count = None;
        let mut in_quarters = HashMap::new();
        for ((quarter, fingerprint), sum) in self.0 {
            let known = match is_known.get(&fingerprint) {
                Some(known) => *known,
                None => {
                    let mut known = rows.is_known(fingerprint)?;
                    if !known {
                        let count = match &mut count {
                            Some(count) => count,
                            none => none.insert(rows.fingerprints()?),
                        };
                        known = *count < MOST_FINGERPRINTS;
                        *count += i64::from(known);
                    }
                    is_known.insert(fingerprint, known);
                    known
                }
            };
            match known && has_room(rows, &mut in_quarters, quarter, fingerprint)? {
                true => groups.add((quarter, fingerprint), sum),
                false => {
                    let of_several = FailureSum {
                        name: None,
                        error_type: None,
                        ..sum
                    };
                    groups.add((quarter, OTHERS), of_several);
                }
            }
        }
        Ok(groups)
    }
}

/// Whether a fingerprint may have a group in a quarter hour. `counts` are those of the quarter hours so far.
fn has_room<R: FailureRows>(
    rows: &R,
    counts: &mut HashMap<i64, i64>,
    quarter: i64,
    fingerprint: i64,
) -> Result<bool, R::Error> {
    if rows.is_in_quarter(quarter, fingerprint)? {
        return Ok(true);
    }
    let count = match counts.entry(quarter) {
        hash_map::Entry::Occupied(count) => count.into_mut(),
        hash_map::Entry::Vacant(new) => new.insert(rows.in_quarter(quarter)?),
    };
    let has_room = *count < MOST_IN_QUARTER;
    *count += i64::from(has_room);
    Ok(has_room)
}
