//! Compares a file with its target.

use std::collections::HashSet;

use crate::{
    error::Result,
    record::ActivityId,
    store::{LARGEST_PAGE, Quarter, Reader},
};

/// The result of [`Forwarder::verify`](super::Forwarder::verify).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Activities in the file.
    pub activities: u64,
    /// Those that the target does not have, of times of which it has deleted none.
    pub missing: u64,
    /// Those that the target does not have, of times of which it has deleted activities.
    pub deleted: u64,
}

/// Compares by id.
pub(super) fn verify(
    file: &mut dyn Reader,
    central: &mut dyn Reader,
    mut progress: impl FnMut(f64),
) -> Result<Verified> {
    let total = file.health()?.activities.max(1);
    let mut verified = Verified::default();
    let mut from = ActivityId::from_bytes([0; 16]);
    let last = ActivityId::from_bytes([0xff; 16]);
    loop {
        let own = file.ids(from..=last, LARGEST_PAGE)?;
        let Some(end) = own.last().copied() else {
            return Ok(verified);
        };
        let mut theirs = HashSet::new();
        let mut first = own[0];
        loop {
            let page = central.ids(first..=end, LARGEST_PAGE)?;
            theirs.extend(page.iter().copied());
            match page.last().copied().and_then(next) {
                Some(after) if page.len() == LARGEST_PAGE => first = after,
                _ => break,
            }
        }
        verified.activities += own.len() as u64;
        let missing: Vec<_> = own.iter().filter(|id| !theirs.contains(id)).collect();
        if !missing.is_empty() {
            let quarter = |id: &ActivityId| Quarter::containing(id.started_at());
            let gaps =
                central.gaps(quarter(&own[0])..Quarter::from_number(quarter(&end).number() + 1))?;
            let is_deleted = |id: &&&ActivityId| {
                let quarter = quarter(id);
                gaps.activities.iter().any(|gap| gap.contains(&quarter))
            };
            let deleted = missing.iter().filter(is_deleted).count();
            verified.deleted += deleted as u64;
            verified.missing += (missing.len() - deleted) as u64;
        }
        progress(verified.activities as f64 / total as f64);
        match next(end) {
            Some(after) => from = after,
            None => return Ok(verified),
        }
    }
}

/// The id after this one.
fn next(id: ActivityId) -> Option<ActivityId> {
    let next = u128::from_be_bytes(*id.as_bytes()).checked_add(1)?;
    Some(ActivityId::from_bytes(next.to_be_bytes()))
}
