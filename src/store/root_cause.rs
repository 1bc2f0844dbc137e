//! The root cause of a failure: the first of the deepest failures in a tree.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use crate::record::{ActivityId, ActivityRecord, Status};

/// The longest path to a root cause.
const LONGEST_PATH: usize = 100;

/// A failed activity of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailedNode {
    pub(crate) id: ActivityId,
    pub(crate) parent: Option<ActivityId>,
    pub(crate) ended_us: i64,
}

impl FailedNode {
    /// Returns the node of an activity, if it failed.
    pub(crate) fn new(one: &ActivityRecord) -> Option<Self> {
        (one.status == Status::Failed).then(|| FailedNode {
            id: one.id,
            parent: one.parent,
            ended_us: one.ended_at.unwrap_or(one.started_at).timestamp_micros(),
        })
    }
}

/// Finds the root cause of `of`, and returns the path to it: from the topmost failure, which is `of` if it failed itself, to the
/// cause. Empty if nothing failed.
///
/// A failure is followed to the failures directly inside it, as deep as they go: one that was handled, because what called it
/// succeeded, is not the cause of a failure further up. Of several the one that ended first is the cause.
///
/// `failed` are the failed activities of the tree, and `is_inside` tells whether one of them is inside `of`; it is only asked if
/// `of` did not fail.
pub(crate) fn path_to_root_cause(
    of: ActivityId,
    failed: &[FailedNode],
    is_inside: impl Fn(&FailedNode) -> bool,
) -> Vec<ActivityId> {
    let parents: HashMap<_, _> = failed.iter().map(|one| (one.id, one.parent)).collect();
    let mut inside = HashMap::<ActivityId, Vec<&FailedNode>>::new();
    for one in failed {
        if let Some(parent) = one.parent.filter(|parent| parents.contains_key(parent)) {
            inside.entry(parent).or_default().push(one);
        }
    }
    let is_topmost = |one: &&FailedNode| match parents.contains_key(&of) {
        true => one.id == of,
        false => {
            one.parent
                .is_none_or(|parent| !parents.contains_key(&parent))
                && is_inside(one)
        }
    };
    let mut open: Vec<(&FailedNode, usize)> = failed
        .iter()
        .filter(is_topmost)
        .map(|one| (one, 0))
        .collect();
    let (mut found, mut seen) = (None, HashSet::new());
    while let Some((one, depth)) = open.pop() {
        // Another program may have written a circle.
        if !seen.insert(one.id) {
            continue;
        }
        match inside.get(&one.id) {
            Some(deeper) => open.extend(deeper.iter().map(|one| (*one, depth + 1))),
            None => {
                let key = (one.ended_us, Reverse(depth), one.id);
                if found.is_none_or(|(first, _)| key < first) {
                    found = Some((key, one));
                }
            }
        }
    }
    let mut path = Vec::new();
    let mut next = found.map(|(_, cause)| cause.id);
    while let Some(id) = next.filter(|_| path.len() < LONGEST_PATH) {
        path.push(id);
        let parent = parents.get(&id).copied().flatten();
        next = parent.filter(|parent| id != of && parents.contains_key(parent));
    }
    path.reverse();
    if path.is_empty() && parents.contains_key(&of) {
        // In a circle every failure has a deeper one.
        path.push(of);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Activities by number: the parent, and when it ended.
    fn path(of: u128, failed: &[(u128, u128, i64)]) -> Vec<u128> {
        let id = |number: u128| ActivityId::from_bytes(number.to_be_bytes());
        let nodes: Vec<_> = failed
            .iter()
            .map(|(one, parent, ended_us)| FailedNode {
                id: id(*one),
                parent: (*parent > 0).then(|| id(*parent)),
                ended_us: *ended_us,
            })
            .collect();
        let path = path_to_root_cause(id(of), &nodes, |_| true);
        path.iter()
            .map(|id| u128::from_be_bytes(*id.as_bytes()))
            .collect()
    }

    #[test]
    fn the_deepest_failure_is_the_cause() {
        assert_eq!(path(1, &[(1, 0, 9), (2, 1, 8), (3, 2, 7)]), [1, 2, 3]);
        assert_eq!(path(1, &[(1, 0, 9)]), [1]);
        assert_eq!(path(1, &[]), [0_u128; 0]);
    }

    #[test]
    fn of_several_the_first_that_ended_is_the_cause() {
        // Two attempts, the second of which failed deeper.
        let attempts = [(1, 0, 9), (2, 1, 3), (4, 1, 8), (5, 4, 7)];
        assert_eq!(path(1, &attempts), [1, 2]);
        assert_eq!(path(4, &attempts), [4, 5]);
    }

    #[test]
    fn a_failure_that_was_handled_is_not_the_cause() {
        // 3 failed inside 2, which succeeded and is not listed.
        assert_eq!(path(1, &[(1, 0, 9), (3, 2, 2), (4, 1, 8)]), [1, 4]);
        // Where the activity itself succeeded, it is what went wrong inside.
        assert_eq!(path(1, &[(3, 2, 2)]), [3]);
    }

    #[test]
    fn circles_and_long_paths_end() {
        assert_eq!(path(1, &[(1, 2, 9), (2, 1, 8)]), [1]);
        let deep: Vec<_> = (1..=10_000).map(|one| (one, one - 1, 1)).collect();
        let found = path(1, &deep);
        assert_eq!((found.len(), found.last()), (LONGEST_PATH, Some(&10_000)));
    }
}
