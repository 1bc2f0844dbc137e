//! A tree of activities, each under the one it ran inside of.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tower_activity::{ActivityId, ActivityRecord};

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
    let branches = branches(tree);
    let room = width.unwrap_or(usize::MAX);
    let left: Vec<String> = branches
        .iter()
        .map(|branch| {
            let name = safe::line(&branch.activity.name);
            format!(
                "{}{} {name}",
                branch.lead,
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

struct Branch<'a> {
    activity: &'a ActivityRecord,
    /// The lines that lead to it.
    lead: String,
}

/// The activities in the order in which they are drawn. One whose parent is not on record is drawn as a root.
fn branches(tree: &[ActivityRecord]) -> Vec<Branch<'_>> {
    let known: HashMap<ActivityId, usize> = tree
        .iter()
        .enumerate()
        .map(|(at, activity)| (activity.id, at))
        .collect();
    let mut children: HashMap<Option<ActivityId>, Vec<&ActivityRecord>> = HashMap::new();
    for activity in tree {
        let parent = activity
            .parent
            .filter(|parent| known.contains_key(parent) && *parent != activity.id);
        children.entry(parent).or_default().push(activity);
    }
    // A stack instead of recursion: how deep a tree is, is for the recorded program to say.
    let mut stack: Vec<(&ActivityRecord, String, &str)> = Vec::new();
    let roots = children.get(&None).into_iter().flatten();
    stack.extend(roots.rev().map(|root| (*root, String::new(), "")));
    let mut drawn = Vec::new();
    while let Some((activity, lead, turn)) = stack.pop() {
        if drawn.len() == MOST_LINES {
            break;
        }
        let below = match turn {
            "" => lead.clone(),
            "└─ " => format!("{lead}   "),
            _ => format!("{lead}│  "),
        };
        drawn.push(Branch {
            activity,
            lead: format!("{lead}{turn}"),
        });
        let inner = children
            .get(&Some(activity.id))
            .map(Vec::as_slice)
            .unwrap_or_default();
        for (at, child) in inner.iter().enumerate().rev() {
            let turn = if at + 1 == inner.len() {
                "└─ "
            } else {
                "├─ "
            };
            stack.push((*child, below.clone(), turn));
        }
    }
    drawn
}
