//! `activity rebuild`: recomputes statistics from the activities and restores missing indexes, triggers and views.

use serde_json::json;

use crate::{
    args::Rebuild,
    failure::Failure,
    print::{self, human, json, progress::Progress},
    source,
};

/// Quarter hours per step. Other processes write between steps.
const STEP: i64 = 4;

pub(crate) fn run(store: &str, args: &Rebuild) -> Result<(), Failure> {
    let mut maintenance = source::maintenance(store)?;
    let restored = maintenance.restore_schema()?;
    if !restored.is_empty() && !args.json {
        print::text(&format!("restored: {}\n", restored.join(", ")))?;
    }
    // Skips empty years, which a wrong clock may have left.
    let mut steps = Vec::new();
    let mut rest = maintenance.rebuildable(0)?;
    while !rest.is_empty() {
        let end = rest.end.min(rest.start + STEP);
        steps.push(rest.start..end);
        rest = maintenance.rebuildable(end)?;
    }
    let mut progress = Progress::new("rebuilding");
    let (count, mut rebuilt) = (steps.len(), 0u64);
    // The newest first: sums count as kept from a quarter hour on.
    for (done, step) in steps.into_iter().rev().enumerate() {
        rebuilt += (step.end - step.start).cast_unsigned();
        maintenance.rebuild(step)?;
        progress.set((done + 1) as f64 / count as f64);
    }
    drop(progress);
    if args.json {
        let rebuilt = json!({"restored": restored, "quarter_hours": rebuilt});
        return Ok(json::print(&rebuilt)?);
    }
    let hours = human::many(rebuilt.div_ceil(4), "hour", "hours");
    Ok(print::text(&format!(
        "recomputed the statistics of {hours}\n"
    ))?)
}
