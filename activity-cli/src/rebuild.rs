//! `activity rebuild`: the sums once more, from the activities; and indexes and views that are missing.

use crate::{
    failure::Failure,
    print::{self, human, progress::Progress},
    source,
};

/// An hour a step: others write in between.
const STEP: i64 = 4;

pub(crate) fn run(store: &str) -> Result<(), Failure> {
    let mut upkeep = source::upkeep(store)?;
    let restored = upkeep.restore_schema()?;
    if !restored.is_empty() {
        print::text(&format!("restored: {}\n", restored.join(", ")))?;
    }
    let all = upkeep.rebuildable(0)?;
    let count = (all.end - all.start).max(1);
    let mut progress = Progress::begin("rebuilding");
    let mut first = all.start;
    let mut rebuilt = 0u64;
    while first < all.end {
        let end = all.end.min(first + STEP);
        upkeep.rebuild(first..end)?;
        rebuilt += (end - first).cast_unsigned();
        progress.at((end - all.start) as f64 / count as f64);
        // A clock that was wrong may have left years without anything.
        first = match upkeep.rebuildable(end)? {
            rest if rest.is_empty() => all.end,
            rest => rest.start,
        };
    }
    drop(progress);
    let hours = human::many(rebuilt.div_ceil(4), "hour", "hours");
    Ok(print::text(&format!("the sums of {hours} are rebuilt\n"))?)
}
