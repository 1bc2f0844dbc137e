//! `--sort duration`: the longest activities first.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Bound};

use tower_activity::{
    query::ActivityReader,
    record::{ActivityRecord, DurationRange, Filter},
    store::LARGEST_PAGE,
};

use crate::failure::Failure;

/// Returns the longest ended activities that match, at most `limit`, the longest first; of equally long ones the newest.
///
/// Reads the durations of all that match, and then only those activities that are long enough.
pub(super) fn read(
    reader: &mut ActivityReader,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<ActivityRecord>, Failure> {
    let mut longest = BinaryHeap::new();
    reader.scan(filter, &mut |sample| {
        longest.extend(sample.duration_ns.map(Reverse));
        if longest.len() > limit {
            longest.pop();
        }
    })?;
    let Some(Reverse(least)) = longest.peek().copied() else {
        return Ok(Vec::new());
    };
    let longer = longest.iter().filter(|ns| ns.0 > least).count();
    let mut filter = filter.clone();
    let max_ns = filter
        .duration
        .map_or(Bound::Unbounded, |range| range.max_ns);
    filter.duration = Some(DurationRange {
        min_ns: Bound::Included(least),
        max_ns,
    });
    let mut found: Vec<ActivityRecord> = Vec::new();
    // As many as are equally long as the last are left out here.
    let (mut equal, mut found_longer, mut cursor) = (0, 0, None);
    while equal + longer < limit || found_longer < longer {
        let page = reader.page(&filter, cursor, LARGEST_PAGE)?;
        for one in page.records {
            let is_longer = one.duration_ns > Some(least);
            if is_longer {
                found_longer += 1;
            } else if equal + longer < limit {
                equal += 1;
            } else {
                continue;
            }
            found.push(one);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort_by_key(|one| Reverse((one.duration_ns, one.id)));
    found.truncate(limit);
    Ok(found)
}
