//! The top level of the activities that match a filter.

use std::{cmp::Reverse, collections::HashMap};

use chrono::{DateTime, Utc};
use tower_activity::{
    Result,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter, Has, Is},
    store::{Cursor, LARGEST_PAGE},
};

/// The most pages of activities with a parent that are checked for a list: 10,000 activities, in some tens of milliseconds.
const MOST_CHECKED: usize = 10;

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
    pub(crate) fn roots(&self) -> Filter {
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
    pub(crate) fn without_root(
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
