//! The order and the lines in which a tree of activities is drawn.

use std::{collections::HashMap, slice};

use crate::record::{ActivityId, ActivityRecord};

/// Activities in the order in which a tree of them is drawn: each under the one it ran inside of.
///
/// One whose parent is not among them is drawn as a root, and so is one of those that are each other's ancestors. Siblings
/// keep the order in which they were given.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe, record::TreeLayout};
///
/// # fn main() -> tower_activity::Result<()> {
/// # let log = ActivityLog::open(":memory:")?;
/// let import = log.start(Describe::job("import"));
/// let root = import.id().expect("the log has room");
/// import.run(|| {
///     log.start(Describe::job("read")).run(|| ());
///     log.start(Describe::job("write")).run(|| ());
/// });
/// log.flush().wait()?;
/// let tree = log.reader()?.tree(root)?;
/// for branch in TreeLayout::new(&tree) {
///     println!("{}{}", branch.prefix, branch.activity.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TreeLayout<'a> {
    /// To be looked through once what hangs from a root has been drawn.
    rest: slice::Iter<'a, ActivityRecord>,
    /// Of those that have not been drawn.
    children: HashMap<ActivityId, Vec<&'a ActivityRecord>>,
    /// A stack instead of recursion: how deep a tree is, is for the recorded program to say.
    next: Vec<Next<'a>>,
}

/// One activity of an [`TreeLayout`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Branch<'a> {
    /// The activity.
    pub activity: &'a ActivityRecord,
    /// The lines that lead to it: `│  └─ `; empty for a root.
    pub prefix: String,
}

#[derive(Debug)]
struct Next<'a> {
    activity: &'a ActivityRecord,
    /// What stands before the turn.
    indent: String,
    turn: &'static str,
}

impl<'a> TreeLayout<'a> {
    /// Lays these activities out.
    pub fn new(activities: &'a [ActivityRecord]) -> Self {
        let mut children: HashMap<_, Vec<_>> = activities
            .iter()
            .map(|activity| (activity.id, Vec::new()))
            .collect();
        let mut roots = Vec::new();
        for activity in activities {
            let siblings = activity
                .parent
                .filter(|parent| *parent != activity.id)
                .and_then(|parent| children.get_mut(&parent));
            siblings.unwrap_or(&mut roots).push(activity);
        }
        let next = roots.into_iter().rev().map(|activity| Next {
            activity,
            indent: String::new(),
            turn: "",
        });
        TreeLayout {
            rest: activities.iter(),
            next: next.collect(),
            children,
        }
    }
}

impl<'a> TreeLayout<'a> {
    /// The next activity that hangs from no root: its ancestors are a circle.
    fn circle(&mut self) -> Option<Next<'a>> {
        let activity = self.rest.find(|one| self.children.contains_key(&one.id))?;
        Some(Next {
            activity,
            indent: String::new(),
            turn: "",
        })
    }
}

impl<'a> Iterator for TreeLayout<'a> {
    type Item = Branch<'a>;

    fn next(&mut self) -> Option<Branch<'a>> {
        let Next {
            activity,
            indent,
            turn,
        } = self.next.pop().or_else(|| self.circle())?;
        let below = match turn {
            "" => "",
            "└─ " => "   ",
            _ => "│  ",
        };
        let below = format!("{indent}{below}");
        let mut children = self.children.remove(&activity.id).unwrap_or_default();
        children.retain(|child| self.children.contains_key(&child.id));
        for (at, child) in children.iter().enumerate().rev() {
            let is_last = at + 1 == children.len();
            self.next.push(Next {
                activity: child,
                indent: below.clone(),
                turn: if is_last { "└─ " } else { "├─ " },
            });
        }
        Some(Branch {
            activity,
            prefix: format!("{indent}{turn}"),
        })
    }
}
