//! `activity rebuild`: recomputes statistics from the activities and restores missing indexes, triggers and views.

use crate::{
    failure::Failure,
    print::{self, human, progress::Progress},
    source,
};

/// Quarter hours per step. Other processes write between steps.
const STEP: i64 = 4;

pub(crate) fn run(store: &str) -> Result<(), Failure> {
    let mut maintenance = source::maintenance(store)?;
    let restored = maintenance.restore_schema()?;
    if !restored.is_empty() {
        print::text(&format!("restored: {}\n", restored.join(", ")))?;
    }
    let all = maintenance.rebuildable(0)?;
    let count = (all.end - all.start).max(1);
    let mut progress = Progress::new("rebuilding");
    let mut first = all.start;
    let mut rebuilt = 0u64;
    while first < all.end {
        let end = all.end.min(first + STEP);
        maintenance.rebuild(first..end)?;
        rebuilt += (end - first).cast_unsigned();
        progress.set((end - all.start) as f64 / count as f64);
        // Skips empty years, which a wrong clock may have left.
        first = match maintenance.rebuildable(end)? {
            rest if rest.is_empty() => all.end,
            rest => rest.start,
        };
    }
    drop(progress);
    let hours = human::many(rebuilt.div_ceil(4), "hour", "hours");
    Ok(print::text(&format!(
        "recomputed the statistics of {hours}\n"
    ))?)
}
