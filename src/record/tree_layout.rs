//! The layout of a tree of activities as lines of text.

use std::{collections::HashMap, slice};

use crate::record::{ActivityId, ActivityRecord};

/// An iterator over activities in the order of a drawn tree: children follow their parent, with line prefixes.
///
/// An activity whose parent is missing is a root, and so is one of a cycle of ancestors. Siblings keep their order.
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
    /// Activities to scan for cycles once all roots are drawn.
    rest: slice::Iter<'a, ActivityRecord>,
    /// The children of activities that are not drawn yet.
    children: HashMap<ActivityId, Vec<&'a ActivityRecord>>,
    /// A stack instead of recursion: the recorded program decides how deep the tree is.
    next: Vec<Next<'a>>,
}

/// One activity of a [`TreeLayout`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Branch<'a> {
    /// The activity.
    pub activity: &'a ActivityRecord,
    /// The prefix of its line, such as `│  └─ `; empty for a root.
    pub prefix: String,
}

#[derive(Debug)]
struct Next<'a> {
    activity: &'a ActivityRecord,
    /// Indentation inherited from the ancestors.
    indent: String,
    /// The lines to the activity itself: `└─ `, `├─ `, or empty for a root.
    connector: &'static str,
}

impl<'a> TreeLayout<'a> {
    /// Lays out activities, in any order.
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
            connector: "",
        });
        TreeLayout {
            rest: activities.iter(),
            next: next.collect(),
            children,
        }
    }
}

impl<'a> TreeLayout<'a> {
    /// Returns the next activity that no root leads to, because its ancestors form a cycle.
    fn next_in_cycle(&mut self) -> Option<Next<'a>> {
        let activity = self.rest.find(|one| self.children.contains_key(&one.id))?;
        Some(Next {
            activity,
            indent: String::new(),
            connector: "",
        })
    }
}

impl<'a> Iterator for TreeLayout<'a> {
    type Item = Branch<'a>;

    fn next(&mut self) -> Option<Branch<'a>> {
        let Next {
            activity,
            indent,
            connector,
        } = self.next.pop().or_else(|| self.next_in_cycle())?;
        let below = match connector {
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
                connector: if is_last { "└─ " } else { "├─ " },
            });
        }
        Some(Branch {
            activity,
            prefix: format!("{indent}{connector}"),
        })
    }
}
