//! Groups of failures.

use std::collections::{BTreeMap, HashMap};

use crate::{
    record::{ActivityId, ActivityRecord, Filter, Fingerprint, Status, Text},
    store::Quarter,
};

/// The failed activities with one fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureGroup {
    /// The fingerprint; `None` for the failures of several fingerprints, beyond the largest number that a store keeps.
    pub fingerprint: Option<Fingerprint>,
    /// Their name.
    pub name: Option<Text>,
    /// Their error type.
    pub error_type: Option<Text>,
    /// Their number.
    pub count: u64,
    /// The first by start.
    pub first: ActivityId,
    /// The last by start.
    pub last: ActivityId,
    /// Their number in each quarter hour, without empty ones.
    pub quarters: BTreeMap<Quarter, u64>,
}

/// Returns true if a filter selects all failures of its window.
pub(crate) fn selects_all_failures(filter: &Filter) -> bool {
    let mut rest = filter.clone();
    (rest.since, rest.until) = (None, None);
    rest.status
        .any_of
        .retain(|status| *status != Status::Failed);
    rest.is_empty()
}

/// Adds up failures by fingerprint.
#[derive(Debug, Default)]
pub(crate) struct FailureSums {
    groups: HashMap<Option<Fingerprint>, FailureGroup>,
}

impl FailureSums {
    /// Adds a failed activity. Others are left out.
    pub(crate) fn add(&mut self, one: &ActivityRecord) {
        if let Some(fingerprint) = Fingerprint::of(one) {
            let (name, error_type) = (&one.name, one.error_type.as_ref());
            self.add_some(Some(fingerprint), name, error_type, [one.id, one.id], 1);
        }
    }

    /// Adds some failures with one fingerprint in one quarter hour: their name, type, first and last, and number.
    pub(crate) fn add_some(
        &mut self,
        fingerprint: Option<Fingerprint>,
        name: &Text,
        error_type: Option<&Text>,
        ends: [ActivityId; 2],
        count: u64,
    ) {
        let quarter = Quarter::containing(ends[0].started_at());
        self.add_quarters(fingerprint, name, error_type, ends, [(quarter, count)]);
    }

    /// The same of some quarter hours, with the number of each.
    pub(crate) fn add_quarters(
        &mut self,
        fingerprint: Option<Fingerprint>,
        name: &Text,
        error_type: Option<&Text>,
        [first, last]: [ActivityId; 2],
        quarters: impl IntoIterator<Item = (Quarter, u64)>,
    ) {
        let group = self.groups.entry(fingerprint);
        let group = group.or_insert_with(|| FailureGroup {
            fingerprint,
            name: fingerprint.map(|_| name.clone()),
            error_type: error_type.filter(|_| fingerprint.is_some()).cloned(),
            count: 0,
            first,
            last,
            quarters: BTreeMap::new(),
        });
        group.first = group.first.min(first);
        group.last = group.last.max(last);
        for (quarter, count) in quarters {
            group.count = group.count.saturating_add(count);
            let of_quarter = group.quarters.entry(quarter).or_default();
            *of_quarter = of_quarter.saturating_add(count);
        }
    }

    /// Returns the groups in no particular order.
    pub(crate) fn finish(self) -> Vec<FailureGroup> {
        self.groups.into_values().collect()
    }
}
