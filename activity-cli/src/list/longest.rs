//! `--sort duration`: the longest activities first.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Bound};

use tower_activity::{
    query::ActivityReader,
    record::{ActivityRecord, DurationRange, Filter},
    store::LARGEST_PAGE,
};

use crate::{failure::Failure, top_level::TopLevel};

/// The longest of the ended activities that match.
#[derive(Debug)]
pub(super) struct Longest {
    /// The longest first; of equally long ones the newest.
    pub(super) records: Vec<ActivityRecord>,
    /// The number of ended activities that match.
    pub(super) total: u64,
}

/// Reads the longest ended activities that match, at most `limit`; of `top_level` if it is given.
///
/// Reads the durations of all that match, and then only those activities that are long enough.
pub(super) fn read(
    reader: &mut ActivityReader,
    filter: &Filter,
    top_level: &mut Option<TopLevel>,
    limit: usize,
) -> Result<Longest, Failure> {
    let Some(top_level) = top_level else {
        return read_all(reader, filter, limit);
    };
    let mut longest = read_all(reader, &top_level.roots(), limit)?;
    let mut others = top_level.without_root(reader, None, None, usize::MAX)?;
    others.retain(|one| one.duration_ns.is_some());
    longest.total += others.len() as u64;
    longest.records.extend(others);
    longest.sort(limit);
    Ok(longest)
}

impl Longest {
    fn sort(&mut self, limit: usize) {
        self.records
            .sort_by_key(|one| Reverse((one.duration_ns, one.id)));
        self.records.truncate(limit);
    }
}

fn read_all(
    reader: &mut ActivityReader,
    filter: &Filter,
    limit: usize,
) -> Result<Longest, Failure> {
    let (mut longest, mut total) = (BinaryHeap::new(), 0);
    reader.scan(filter, &mut |sample| {
        if let Some(ns) = sample.duration_ns {
            longest.push(Reverse(ns));
            total += 1;
        }
        if longest.len() > limit {
            longest.pop();
        }
    })?;
    let records = Vec::new();
    let mut found = Longest { records, total };
    let Some(Reverse(least)) = longest.peek().copied() else {
        return Ok(found);
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
            found.records.push(one);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort(limit);
    Ok(found)
}
