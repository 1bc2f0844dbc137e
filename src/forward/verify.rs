//! Compares a file with its target.

use std::collections::HashSet;

use crate::{
    error::Result,
    record::ActivityId,
    store::{LARGEST_PAGE, Reader},
};

/// Returns the number of activities in the file, and of those that the target does not have.
pub(super) fn missing(
    file: &mut dyn Reader,
    central: &mut dyn Reader,
    mut progress: impl FnMut(f64),
) -> Result<(u64, u64)> {
    let total = file.health()?.activities.max(1);
    let (mut count, mut missing) = (0, 0);
    let mut from = ActivityId::from_bytes([0; 16]);
    let last = ActivityId::from_bytes([0xff; 16]);
    loop {
        let own = file.ids(from..=last, LARGEST_PAGE)?;
        let Some(end) = own.last().copied() else {
            return Ok((count, missing));
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
        count += own.len() as u64;
        missing += own.iter().filter(|id| !theirs.contains(id)).count() as u64;
        progress(count as f64 / total as f64);
        match next(end) {
            Some(after) => from = after,
            None => return Ok((count, missing)),
        }
    }
}

/// The id after this one.
fn next(id: ActivityId) -> Option<ActivityId> {
    let next = u128::from_be_bytes(*id.as_bytes()).checked_add(1)?;
    Some(ActivityId::from_bytes(next.to_be_bytes()))
}
