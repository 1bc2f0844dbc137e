//! The oracle: answers computed by a linear scan of the records.

use std::{cmp::Reverse, collections::BTreeMap, ops::RangeInclusive};

use super::Records;
use crate::{
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, Fingerprint, Kind,
        RecordingId, RecordingRecord, Status, Text,
    },
    store::{AHEAD, Cursor, Descendants, FailureGroup, LARGEST_PAGE, Quarter, Record},
};

/// The records, and the expected answers about them.
pub(super) struct Expected<'a> {
    pub(super) records: &'a Records,
    pub(super) activities: Vec<ActivityRecord>,
    pub(super) events: Vec<EventRecord>,
    /// Agents that recorded an activity of kind `turn`.
    pub(super) turn_agents: Vec<Text>,
}

/// Records without the fields that the store assigns.
pub(super) trait Plain: Record {
    /// Returns the record without its number in commit order.
    fn plain(self) -> Self;

    /// Returns all records, in commit order.
    fn all<'a>(expected: &'a Expected<'_>) -> &'a [Self];
}

impl Plain for ActivityRecord {
    fn plain(mut self) -> Self {
        self.seq = None;
        self
    }

    fn all<'a>(expected: &'a Expected<'_>) -> &'a [Self] {
        &expected.activities
    }
}

impl Plain for EventRecord {
    fn plain(mut self) -> Self {
        self.seq = 0;
        self
    }

    fn all<'a>(expected: &'a Expected<'_>) -> &'a [Self] {
        &expected.events
    }
}

impl<'a> Expected<'a> {
    pub(super) fn new(records: &'a Records) -> Self {
        let ahead_from = records.now + AHEAD;
        let mut activities = records.activities.clone();
        for one in &mut activities {
            one.ahead = one.started_at >= ahead_from;
        }
        let mut events = records.events.clone();
        for one in &mut events {
            one.ahead = one.at >= ahead_from;
        }
        let turns = activities.iter().filter(|one| one.kind == Kind::Turn);
        let turns = turns.filter(|one| one.status != Status::Running);
        Expected {
            turn_agents: turns.filter_map(|one| one.scope.agent.clone()).collect(),
            records,
            activities,
            events,
        }
    }

    /// Returns the whole list after a cursor: newest first, records dated ahead last.
    pub(super) fn list<R: Plain>(&self, filter: &Filter, after: Option<Cursor<R>>) -> Vec<R> {
        let mut found = self.matching::<R>(filter);
        found.sort_by_key(|one| (one.is_ahead(), Reverse(one.id())));
        if let Some(after) = after {
            let place = (after.is_ahead(), Reverse(after.id()));
            found.retain(|one| (one.is_ahead(), Reverse(one.id())) > place);
        }
        found
    }

    /// Returns the records that match a filter, in commit order.
    pub(super) fn matching<R: Plain>(&self, filter: &Filter) -> Vec<R> {
        let all = R::all(self).iter();
        all.filter(|one| one.matches(filter)).cloned().collect()
    }

    /// Returns the committed records that match a filter: events and ended activities.
    pub(super) fn committed<R: Plain>(&self, filter: &Filter) -> Vec<R> {
        let mut found = self.matching::<R>(filter);
        if R::KIND == ActivityRecord::KIND {
            found.retain(|one| one.status() != Status::Running);
        }
        found
    }

    pub(super) fn get<R: Plain>(&self, id: R::Id) -> Option<R> {
        R::all(self).iter().find(|one| one.id() == id).cloned()
    }

    pub(super) fn ids(&self, range: &RangeInclusive<ActivityId>, limit: usize) -> Vec<ActivityId> {
        let mut ids: Vec<_> = self.activities.iter().map(|one| one.id).collect();
        ids.retain(|id| range.contains(id));
        ids.sort_unstable();
        ids.truncate(limit);
        ids
    }

    /// Returns what ran inside each of these activities and matches a filter.
    pub(super) fn descendants(&self, roots: &[ActivityId], filter: &Filter) -> Vec<Descendants> {
        let mut roots = roots.to_vec();
        roots.sort_unstable();
        let inside = |root: &ActivityId| {
            let mut tree = self.tree(*root, filter);
            tree.retain(|one| one.id != *root);
            Descendants::new(*root, tree.iter().map(|one| (one.status, 1)))
        };
        roots.iter().filter_map(inside).collect()
    }

    /// Returns the path to the root cause of an activity: each failure without a failure directly inside it is followed
    /// upwards, as long as its parent failed, too.
    pub(super) fn root_cause(&self, of: &ActivityRecord, filter: &Filter) -> Vec<ActivityId> {
        let mut failed = self.tree(of.root, filter);
        failed.retain(|one| one.status == Status::Failed);
        let find = |id: Option<ActivityId>| failed.iter().find(|one| Some(one.id) == id);
        let mut paths = Vec::new();
        for leaf in &failed {
            if failed.iter().any(|one| one.parent == Some(leaf.id)) {
                continue;
            }
            let mut path = vec![leaf.id];
            let mut top = leaf;
            while top.id != of.id
                && let Some(parent) = find(top.parent)
            {
                path.push(parent.id);
                top = parent;
            }
            let is_of = top.id == of.id || (find(Some(of.id)).is_none() && self.is_inside(top, of));
            if is_of {
                path.reverse();
                paths.push(((leaf.ended_at, Reverse(path.len()), leaf.id), path));
            }
        }
        let first = paths.into_iter().min_by(|(a, _), (b, _)| a.cmp(b));
        first.map(|(_, path)| path).unwrap_or_default()
    }

    fn is_inside(&self, one: &ActivityRecord, of: &ActivityRecord) -> bool {
        one.id == of.id
            || of.id == one.root
            || one.parent.is_some_and(|parent| {
                let parent = self.activities.iter().find(|other| other.id == parent);
                parent.is_some_and(|parent| self.is_inside(parent, of))
            })
    }

    /// Returns the failures that match a filter, by fingerprint.
    pub(super) fn failures(&self, filter: &Filter) -> Vec<FailureGroup> {
        let mut groups = BTreeMap::<Fingerprint, FailureGroup>::new();
        for one in self.committed::<ActivityRecord>(filter) {
            let Some(fingerprint) = Fingerprint::of(&one) else {
                continue;
            };
            let group = groups.entry(fingerprint);
            let group = group.or_insert_with(|| FailureGroup {
                fingerprint: Some(fingerprint),
                name: Some(one.name.clone()),
                error_type: one.error_type.clone(),
                count: 0,
                first: one.id,
                last: one.id,
                quarters: BTreeMap::new(),
            });
            group.count += 1;
            group.first = group.first.min(one.id);
            group.last = group.last.max(one.id);
            let quarter = Quarter::containing(one.started_at);
            *group.quarters.entry(quarter).or_default() += 1;
        }
        groups.into_values().collect()
    }

    /// Returns the activities in a tree that match a filter, in order of start.
    pub(super) fn tree(&self, root: ActivityId, filter: &Filter) -> Vec<ActivityRecord> {
        let mut tree = self.matching::<ActivityRecord>(filter);
        tree.retain(|one| one.id == root || one.root == root);
        tree.sort_by_key(|one| one.id);
        tree
    }

    /// Returns the newest events of an activity, oldest first.
    pub(super) fn events_of(&self, activity: ActivityId, limit: usize) -> Vec<EventRecord> {
        let mut inside = self.events.clone();
        inside.retain(|one| one.activity == Some(activity));
        inside.sort_by_key(|one| Reverse(one.id));
        inside.truncate(limit);
        inside.reverse();
        inside
    }

    pub(super) fn recordings(&self) -> Vec<RecordingRecord> {
        let mut all: Vec<_> = self
            .records
            .recordings
            .iter()
            .map(|(one, _)| one.clone())
            .collect();
        all.sort_by_key(|one| one.id);
        all
    }

    pub(super) fn recordings_of(&self, activity: ActivityId) -> Vec<RecordingRecord> {
        let mut of = self.recordings();
        of.retain(|one| one.links.iter().any(|link| link.activity == activity));
        of.truncate(LARGEST_PAGE);
        of
    }

    pub(super) fn chunks(&self, id: RecordingId, from: u64, limit: usize) -> Vec<ChunkRecord> {
        let of = self.records.recordings.iter().find(|(one, _)| one.id == id);
        let chunks = of.into_iter().flat_map(|(_, chunks)| chunks);
        let from = chunks.filter(|chunk| chunk.number >= from);
        from.take(limit).cloned().collect()
    }
}
