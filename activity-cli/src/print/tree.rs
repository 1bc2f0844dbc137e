//! A tree of activities, each under the one it ran inside of.

use chrono::{DateTime, Utc};
use tower_activity::record::{ActivityId, ActivityRecord, Branch, TreeLayout};

use crate::print::{
    safe,
    status::{self, BOLD, DIM, styled, took},
};

/// More than this nobody reads in a terminal; `--json` has all of it.
const MOST_LINES: usize = 400;

/// Draws the tree; `this` is marked.
pub(crate) fn render(
    tree: &[ActivityRecord],
    this: ActivityId,
    now: DateTime<Utc>,
    width: Option<usize>,
) -> String {
    let branches: Vec<Branch<'_>> = TreeLayout::new(tree).take(MOST_LINES).collect();
    let room = width.unwrap_or(usize::MAX);
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
        .min(room / 2);
    let mut out = String::new();
    for (branch, left) in branches.iter().zip(&left) {
        let activity = branch.activity;
        let style = if activity.id == this {
            BOLD
        } else {
            status::style(activity.status)
        };
        let left = safe::cut(left, widest);
        let gap = " ".repeat(widest - safe::width(&left));
        let took = took(activity, now);
        let took = format!("{took:>12}");
        let mark = if activity.id == this {
            "  ← this"
        } else {
            ""
        };
        let used = 2 + widest + safe::width(&took) + safe::width(mark) + 2;
        let error = safe::cut(&status::error(activity), room.saturating_sub(used).max(12));
        let error = if error.is_empty() {
            error
        } else {
            format!("  {}", styled(style, &error))
        };
        out.push_str(&format!(
            "  {}{gap}{took}{}{error}\n",
            styled(style, &left),
            styled(DIM, mark)
        ));
    }
    if branches.len() < tree.len() {
        let more = format!(
            "  .. and {} more: --json has all of them",
            tree.len() - branches.len()
        );
        out.push_str(&format!("{}\n", styled(DIM, &more)));
    }
    out
}
