//! `activity rebuild`: the sums once more, from the activities.

use crate::{
    failure::Failure,
    print::{self, human, progress::Progress},
    source,
};

/// An hour a step: others write in between.
const STEP: i64 = 4;

pub(crate) fn run(store: &str) -> Result<(), Failure> {
    let mut upkeep = source::upkeep(store)?;
    let quarters = upkeep.rebuildable()?;
    let count = (quarters.end - quarters.start).max(1);
    let mut progress = Progress::begin("rebuilding");
    let mut first = quarters.start;
    while first < quarters.end {
        let end = quarters.end.min(first + STEP);
        upkeep.rebuild(first..end)?;
        progress.at((end - quarters.start) as f64 / count as f64);
        first = end;
    }
    drop(progress);
    let hours = (quarters.end - quarters.start)
        .max(0)
        .cast_unsigned()
        .div_ceil(4);
    let hours = human::many(hours, "hour", "hours");
    Ok(print::text(&format!("the sums of {hours} are rebuilt\n"))?)
}
