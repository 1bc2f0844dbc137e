//! Which activities `activity list` lists: those at the top level, or all. The dashboard chooses by the same rule, in
//! `src/web/pages/dashboard/data/roots.ts`.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use chrono::{DateTime, Utc};
use tower_activity::{
    Result,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Choice, Filter, Has, Is},
    store::{Cursor, Descendants, LARGEST_PAGE},
};

/// The most pages of activities with a parent that are checked for a list: 10,000 activities, in some tens of milliseconds.
const MOST_CHECKED: usize = 10;

/// Returns true if the filter has only fields that an activity shares with the activities inside it: a list has the top level then.
pub(super) fn is_shared(asked: &Filter) -> bool {
    let mut rest = asked.clone();
    for shared in [
        &mut rest.project,
        &mut rest.agent,
        &mut rest.actor,
        &mut rest.brand,
        &mut rest.environment,
        &mut rest.session,
    ] {
        *shared = Choice::default();
    }
    (rest.since, rest.until) = (None, None);
    rest.is_empty()
}

/// The activities at the top level among those that match a filter: roots, and activities whose root and parent do not match or
/// are not stored. So every activity that matches is listed, or is inside one that is.
#[derive(Debug)]
pub(crate) struct TopLevel {
    asked: Filter,
    /// Activities that were looked up, and whether they match.
    matching: HashMap<ActivityId, bool>,
    pages: usize,
    /// The start of the last activity that was checked, if there are more than can be.
    pub(crate) checked_back_to: Option<DateTime<Utc>>,
}

impl TopLevel {
    pub(crate) fn new(asked: Filter) -> Self {
        TopLevel {
            asked,
            matching: HashMap::new(),
            pages: 0,
            checked_back_to: None,
        }
    }

    /// Returns the filter for roots.
    pub(super) fn roots(&self) -> Filter {
        let mut roots = self.asked.clone();
        roots.is.any_of.push(Is::Root);
        roots
    }

    /// Reads the newest activities after a cursor, and the cursor of those that follow.
    pub(crate) fn page(
        &mut self,
        reader: &mut ActivityReader,
        cursor: Option<Cursor<ActivityRecord>>,
        limit: usize,
    ) -> Result<(Vec<ActivityRecord>, Option<Cursor<ActivityRecord>>)> {
        let roots = reader.page(&self.roots(), cursor, limit)?;
        let (mut found, mut more) = (roots.records, roots.next.is_some());
        let last = found.last().filter(|_| more).cloned();
        found.extend(self.without_root(reader, cursor, last.as_ref(), limit)?);
        found.sort_by_key(order);
        more |= found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(Cursor::after_record);
        Ok((found, next.filter(|_| more)))
    }

    /// Reads the newest activities that have a parent, but neither it nor their root matches: after a cursor, up to the last of
    /// a page.
    pub(super) fn without_root(
        &mut self,
        reader: &mut ActivityReader,
        mut cursor: Option<Cursor<ActivityRecord>>,
        last: Option<&ActivityRecord>,
        limit: usize,
    ) -> Result<Vec<ActivityRecord>> {
        let mut inside = self.asked.clone();
        inside.has.any_of.push(Has::Parent);
        let oldest = last.filter(|last| !last.ahead).map(|last| last.started_at);
        inside.since = inside.since.max(oldest);
        let mut found = Vec::new();
        'pages: while found.len() < limit {
            if self.pages == MOST_CHECKED {
                self.checked_back_to = cursor.map(|cursor| cursor.id().started_at());
                break;
            }
            self.pages += 1;
            let page = reader.page(&inside, cursor, LARGEST_PAGE)?;
            for one in page.records {
                if last.is_some_and(|last| order(&one) > order(last)) {
                    break 'pages;
                }
                let parent = one.parent.unwrap_or(one.root);
                if !self.matches(reader, one.root)? && !self.matches(reader, parent)? {
                    found.push(one);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Returns true if the activity is stored and matches.
    fn matches(&mut self, reader: &mut ActivityReader, id: ActivityId) -> Result<bool> {
        if let Some(matches) = self.matching.get(&id) {
            return Ok(*matches);
        }
        let found = reader.activity(id)?;
        let matches = found.is_some_and(|one| self.asked.matches(&one));
        self.matching.insert(id, matches);
        Ok(matches)
    }
}

/// Returns the sort key of a list: what is dated ahead of the present comes last.
fn order(one: &ActivityRecord) -> (bool, Reverse<ActivityId>) {
    (one.ahead, Reverse(one.id))
}

/// Counts what ran inside the roots among these activities, in the order of the activities.
pub(super) fn descendants(
    reader: &mut ActivityReader,
    activities: &[ActivityRecord],
) -> Result<Vec<Option<Descendants>>> {
    let mut counted = Vec::new();
    for page in activities.chunks(LARGEST_PAGE) {
        let roots = page.iter().filter(|one| one.id == one.root);
        let roots: Vec<_> = roots.map(|one| one.id).collect();
        let found = reader.descendants(&roots, &Filter::default())?;
        let mut found: HashMap<_, _> = found.into_iter().map(|one| (one.root, one)).collect();
        counted.extend(page.iter().map(|one| found.remove(&one.id)));
    }
    Ok(counted)
}

/// Counts what ran inside an activity that is not a root, among the next activities of its tree.
pub(super) fn descendants_inside(
    reader: &mut ActivityReader,
    one: &ActivityRecord,
) -> Result<Option<Descendants>> {
    // What is inside started later.
    let after = Some(Cursor::after(one.id));
    let tree = reader.tree_page(one.root, &Filter::default(), after, LARGEST_PAGE)?;
    let mut inside = HashSet::from([one.id]);
    let mut counts = Vec::new();
    for below in &tree.activities {
        if below.parent.is_some_and(|parent| inside.contains(&parent)) {
            inside.insert(below.id);
            counts.push((below.status, 1));
        }
    }
    let found = Descendants::new(one.id, counts);
    Ok(found.map(|mut found| {
        found.more |= tree.next.is_some();
        found
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_listed_unless_the_filter_looks_for_something_inside() {
        let check = |text: &str, expected: bool| {
            let asked = Filter::parse(text, Utc::now()).unwrap();
            assert_eq!(is_shared(&asked), expected, "{text}");
        };
        check("", true);
        check("project:acme -env:dev", true);
        check("session:s1 since:2026-02-18", true);
        check("status:failed", false);
        check("project:acme upsert", false);
        check("request:r1", false);
        check("has:parent", false);
        check("-is:root", false);
        check("attr.rows:42", false);
    }
}
