//! Trees of activities, each under its parent. Failures are always shown, and activities that repeat are one line.

use std::{collections::HashMap, fmt, iter};

use anstyle::Style;
use chrono::{DateTime, Utc};
use tower_activity::{
    Kind, Status,
    record::{ActivityId, ActivityRecord, Text, TreeLayout},
};

use crate::{
    percentile::p95,
    print::{
        human, safe,
        status::{self, BOLD, DIM, elapsed, named, styled},
    },
};

/// Maximum number of lines; `--json` has the whole tree.
const MAX_LINES: usize = 400;
/// So many activities with the same parent, name and kind are folded into one line, as in the dashboard.
const REPEATED: usize = 6;
/// Maximum number of failures that are shown for their own sake, in the tree and of one group.
const MAX_FAILED: usize = 100;
const MAX_FAILED_OF_GROUP: usize = 5;

/// What stands for activities that repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repeats {
    pub(crate) count: usize,
    /// Number of activities inside them.
    pub(crate) inside: usize,
    /// Number of failed ones among them and inside them.
    pub(crate) failed: usize,
    pub(crate) running: usize,
    pub(crate) cancelled: usize,
    pub(crate) skipped: usize,
    /// 95th percentile of their durations in nanoseconds.
    pub(crate) p95: Option<u64>,
}

/// What a shortened tree left out.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// By the activity that stands for them.
    pub(crate) repeats: HashMap<ActivityId, Repeats>,
    /// Number of activities that no line stands for, and of failed ones among them.
    pub(crate) hidden: usize,
    pub(crate) hidden_failed: usize,
}

/// Formats a tree, with `this` marked.
pub(crate) fn render(
    mut tree: Vec<ActivityRecord>,
    this: ActivityId,
    cause: Option<ActivityId>,
    now: DateTime<Utc>,
    width: Option<usize>,
) -> String {
    let folded = fold(&mut tree, &[Some(this), cause]);
    let width = width.unwrap_or(usize::MAX);
    let lines: Vec<Line> = TreeLayout::new(&tree)
        .map(|branch| {
            let repeats = folded.repeats.get(&branch.activity.id);
            let indentation = indentation(&branch.prefix, width / 4);
            let left = indentation + &label(branch.activity, repeats);
            Line {
                left: safe::truncate(&left, width / 2),
                ..Line::new(branch.activity, repeats, branch.activity.id == this, now)
            }
        })
        .collect();
    let left = lines.iter().map(|line| safe::width(&line.left)).max();
    let left = left.unwrap_or(0);
    let took = lines.iter().map(|line| safe::width(&line.took)).max();
    let took = took.unwrap_or(0).max(10);
    let mut out: String = lines
        .iter()
        .map(|line| line.render(left, took, width))
        .collect();
    if folded.hidden > 0 {
        let failed = match folded.hidden_failed {
            0 => String::from("none of them failed"),
            failed => format!("{} of them failed", human::count(failed as u64)),
        };
        let more = format!(
            "  … and {} more, {failed}: use --json to get all of them",
            human::count(folded.hidden as u64)
        );
        out.push_str(&format!("{}\n", styled(DIM, &more)));
    }
    out
}

/// A line of a tree.
#[derive(Debug)]
struct Line {
    left: String,
    took: String,
    rest: String,
    is_this: bool,
    style: Style,
}

impl Line {
    fn new(
        activity: &ActivityRecord,
        repeats: Option<&Repeats>,
        is_this: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let took = |ns| format!("p95 {}", human::duration(ns));
        Line {
            left: String::new(),
            took: match repeats {
                Some(repeats) => repeats.p95.map(took).unwrap_or_default(),
                None => elapsed(activity, now),
            },
            rest: match repeats {
                Some(repeats) => repeats.to_string(),
                None => status::error(activity),
            },
            is_this,
            style: match is_this {
                true => BOLD,
                false => status::style(state(activity, repeats)),
            },
        }
    }

    fn render(&self, left: usize, took: usize, width: usize) -> String {
        let mark = if self.is_this { "  ← this" } else { "" };
        let gap = " ".repeat(left - safe::width(&self.left));
        let used = 2 + left + 2 + took + safe::width(mark) + 2;
        let rest = match width.saturating_sub(used) {
            // Nothing but an ellipsis.
            0..4 => String::new(),
            room => safe::truncate(&self.rest, room),
        };
        let rest = match rest.is_empty() {
            true => rest,
            false => format!("  {}", styled(self.style, &rest)),
        };
        let line = format!(
            "  {}{gap}  {:>took$}{}{rest}",
            styled(self.style, &self.left),
            self.took,
            styled(DIM, mark)
        );
        format!("{}\n", line.trim_end())
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.failed, "failed"),
            (self.running, "running"),
            (self.cancelled, "cancelled"),
            (self.skipped, "skipped"),
            (self.inside, "inside"),
        ];
        let parts = parts.into_iter().filter(|(number, _)| *number > 0);
        let parts: Vec<_> = parts
            .map(|(number, what)| format!("{} {what}", human::count(number as u64)))
            .collect();
        f.write_str(&parts.join(", "))
    }
}

fn state(activity: &ActivityRecord, repeats: Option<&Repeats>) -> Status {
    match repeats {
        Some(repeats) if repeats.failed > 0 => Status::Failed,
        Some(repeats) if repeats.running > 0 => Status::Running,
        Some(repeats) if repeats.cancelled == repeats.count => Status::Cancelled,
        Some(repeats) if repeats.skipped == repeats.count => Status::Skipped,
        Some(_) => Status::Success,
        None => activity.status,
    }
}

/// Formats sign and name: `✗ login`, `✓ upsert × 99`.
fn label(activity: &ActivityRecord, repeats: Option<&Repeats>) -> String {
    let sign = status::sign(state(activity, repeats));
    let name = safe::line(&named(&activity.name));
    match repeats {
        Some(repeats) => {
            // The number stays readable beside a long name.
            let name = safe::truncate(&name, 24);
            format!("{sign} {name} × {}", human::count(repeats.count as u64))
        }
        None => format!("{sign} {name}"),
    }
}

/// Shortens the indentation of a deep activity to its depth, so that its name stays visible.
fn indentation(prefix: &str, most: usize) -> String {
    let columns = safe::width(prefix);
    if columns <= most {
        return prefix.to_owned();
    }
    let connector: String = prefix.chars().skip(columns - 3).collect();
    format!("⋯{} {connector}", columns / 3)
}

/// Removes the activities that no line is left for: those that repeat, then the deepest. The `wanted` ones and the failures stay,
/// each below all of its ancestors.
pub(crate) fn fold(tree: &mut Vec<ActivityRecord>, wanted: &[Option<ActivityId>]) -> Folded {
    let mut folded = Folded::default();
    let shown = {
        let nodes = Nodes::new(tree);
        let kept = nodes.kept(wanted);
        nodes.select(&kept, &mut folded)
    };
    let failed = |one: &&ActivityRecord| is_failure(one.status);
    let (all, all_failed) = (tree.len(), tree.iter().filter(failed).count());
    tree.retain(|one| shown.contains_key(&one.id));
    tree.sort_by_key(|one| shown[&one.id]);
    folded.repeats.retain(|id, _| shown.contains_key(id));
    let single = tree
        .iter()
        .filter(|one| !folded.repeats.contains_key(&one.id));
    let repeats = folded.repeats.values();
    let in_groups: usize = repeats.clone().map(|one| one.count + one.inside).sum();
    let failed_in_groups: usize = repeats.map(|one| one.failed).sum();
    folded.hidden = all.saturating_sub(single.clone().count() + in_groups);
    folded.hidden_failed =
        all_failed.saturating_sub(single.filter(failed).count() + failed_in_groups);
    folded
}

fn is_failure(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Abandoned)
}

/// A place in the order: that of an activity, or behind it.
type Place = (usize, bool);

/// The activities of a tree, by their number.
struct Nodes<'a> {
    tree: &'a [ActivityRecord],
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
}

impl<'a> Nodes<'a> {
    fn new(tree: &'a [ActivityRecord]) -> Self {
        let numbers: HashMap<_, _> = tree
            .iter()
            .enumerate()
            .map(|(at, one)| (one.id, at))
            .collect();
        let parents: Vec<_> = tree
            .iter()
            .map(|one| one.parent.filter(|parent| *parent != one.id))
            .map(|parent| parent.and_then(|parent| numbers.get(&parent).copied()))
            .collect();
        let mut children = vec![Vec::new(); tree.len()];
        for (at, parent) in parents.iter().enumerate() {
            if let Some(parent) = parent {
                children[*parent].push(at);
            }
        }
        Nodes {
            tree,
            parents,
            children,
        }
    }

    fn key(&self, at: usize) -> (Option<usize>, Kind, &'a Text) {
        (self.parents[at], self.tree[at].kind, &self.tree[at].name)
    }

    /// Returns which activities are shown in any case: the wanted ones, the first failures, and their ancestors.
    fn kept(&self, wanted: &[Option<ActivityId>]) -> Vec<bool> {
        let mut kept = vec![false; self.tree.len()];
        let mut of_group = HashMap::new();
        let mut failed = 0;
        for (at, one) in self.tree.iter().enumerate() {
            let mut keep = wanted.contains(&Some(one.id));
            if is_failure(one.status) && failed < MAX_FAILED {
                let of_group = of_group.entry(self.key(at)).or_insert(0);
                if *of_group < MAX_FAILED_OF_GROUP {
                    (*of_group, failed) = (*of_group + 1, failed + 1);
                    keep = true;
                }
            }
            let mut next = Some(at).filter(|_| keep);
            while let Some(at) = next.filter(|at| !kept[*at]) {
                kept[at] = true;
                next = self.parents[at];
            }
        }
        kept
    }

    /// Selects the activities to show, level by level, and notes those that stand for others. Each has its place in the order.
    fn select(&self, kept: &[bool], folded: &mut Folded) -> HashMap<ActivityId, Place> {
        let kept_ones = (0..self.tree.len()).filter(|at| kept[*at]);
        let mut shown: HashMap<_, _> = kept_ones
            .map(|at| (self.tree[at].id, (at, false)))
            .collect();
        let roots = (0..self.tree.len()).filter(|at| self.parents[*at].is_none());
        let mut level: Vec<(usize, Place)> = roots.map(|at| (at, (at, false))).collect();
        while !level.is_empty() && shown.len() < MAX_LINES {
            let mut next = Vec::new();
            for (at, place) in level {
                if shown.len() >= MAX_LINES && !kept[at] {
                    continue;
                }
                shown.insert(self.tree[at].id, place);
                // One that stands for others has no lines below it.
                if !folded.repeats.contains_key(&self.tree[at].id) {
                    next.extend(self.unfolded(at, kept, folded));
                }
            }
            level = next;
        }
        shown
    }

    /// Returns the children of an activity that get a line. One that stands for others comes after those of its group that have
    /// lines of their own.
    fn unfolded(&self, at: usize, kept: &[bool], folded: &mut Folded) -> Vec<(usize, Place)> {
        let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
        for child in &self.children[at] {
            groups.entry(self.key(*child)).or_default().push(*child);
        }
        let mut lines = Vec::new();
        for group in groups.into_values() {
            let rest: Vec<usize> = group.iter().copied().filter(|one| !kept[*one]).collect();
            if group.len() < REPEATED || rest.len() < 2 {
                lines.extend(group.into_iter().map(|one| (one, (one, false))));
                continue;
            }
            let mut own = group.into_iter().filter(|one| kept[*one]);
            lines.extend(own.clone().map(|one| (one, (one, false))));
            folded
                .repeats
                .insert(self.tree[rest[0]].id, self.repeats(&rest));
            let place = own.next_back().map_or(rest[0], |last| last.max(rest[0]));
            lines.push((rest[0], (place, true)));
        }
        lines.sort_by_key(|(_, place)| *place);
        lines
    }

    fn repeats(&self, group: &[usize]) -> Repeats {
        let mut took: Vec<u64> = group
            .iter()
            .filter_map(|at| self.tree[*at].duration_ns)
            .collect();
        took.sort_unstable();
        let mut repeats = Repeats {
            count: group.len(),
            p95: p95(&took),
            ..Repeats::default()
        };
        let mut left: Vec<(usize, bool)> = group.iter().copied().zip(iter::repeat(false)).collect();
        while let Some((at, inside)) = left.pop() {
            let status = self.tree[at].status;
            repeats.inside += usize::from(inside);
            repeats.failed += usize::from(is_failure(status));
            let is_own = |other| usize::from(!inside && status == other);
            repeats.running += is_own(Status::Running);
            repeats.cancelled += is_own(Status::Cancelled);
            repeats.skipped += is_own(Status::Skipped);
            left.extend(self.children[at].iter().map(|child| (*child, true)));
        }
        repeats
    }
}
