//! Trees of activities, each under its parent.

use chrono::{DateTime, Utc};
use tower_activity::record::{ActivityId, ActivityRecord, Branch, TreeLayout};

use crate::print::{
    safe,
    status::{self, BOLD, DIM, elapsed, styled},
};

/// Maximum number of lines; `--json` has the whole tree.
const MAX_LINES: usize = 400;

/// Formats a tree, with `this` marked.
pub(crate) fn render(
    tree: &[ActivityRecord],
    this: ActivityId,
    now: DateTime<Utc>,
    width: Option<usize>,
) -> String {
    let branches: Vec<Branch<'_>> = TreeLayout::new(tree).take(MAX_LINES).collect();
    let width = width.unwrap_or(usize::MAX);
    let left: Vec<String> = branches
        .iter()
        .map(|branch| {
            let name = safe::line(&branch.activity.name);
            format!(
                "{}{} {name}",
                branch.prefix,
                status::sign(branch.activity.status)
            )
        })
        .collect();
    let widest = left
        .iter()
        .map(|text| safe::width(text))
        .max()
        .unwrap_or(0)
        .min(width / 2);
    let mut out = String::new();
    for (branch, left) in branches.iter().zip(&left) {
        let activity = branch.activity;
        let style = if activity.id == this {
            BOLD
        } else {
            status::style(activity.status)
        };
        let left = safe::truncate(left, widest);
        let gap = " ".repeat(widest - safe::width(&left));
        let duration = format!("{:>12}", elapsed(activity, now));
        let mark = if activity.id == this {
            "  ← this"
        } else {
            ""
        };
        let used = 2 + widest + safe::width(&duration) + safe::width(mark) + 2;
        let error = safe::truncate(&status::error(activity), width.saturating_sub(used).max(12));
        let error = if error.is_empty() {
            error
        } else {
            format!("  {}", styled(style, &error))
        };
        out.push_str(&format!(
            "  {}{gap}{duration}{}{error}\n",
            styled(style, &left),
            styled(DIM, mark)
        ));
    }
    if branches.len() < tree.len() {
        let more = format!(
            "  … and {} more: use --json to get all of them",
            tree.len() - branches.len()
        );
        out.push_str(&format!("{}\n", styled(DIM, &more)));
    }
    out
}
