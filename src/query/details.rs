//! One activity with its tree, events and recordings.

use serde::Serialize;

use crate::{
    error::Result,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, RecordingRecord},
    store::LARGEST_PAGE,
};

/// One activity with its tree, events and recordings.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ActivityDetails {
    /// The activity.
    #[serde(flatten)]
    pub activity: ActivityRecord,
    /// Its whole tree, in order of start.
    pub tree: Vec<ActivityRecord>,
    /// The path to the root cause: from the topmost failed activity, which is this one if it failed, to the deepest, see
    /// [`root_cause`](crate::store::Reader::root_cause). Empty if neither it nor anything inside it failed.
    pub root_cause: Vec<ActivityRecord>,
    /// Its events, oldest first: the newest [`LARGEST_PAGE`](crate::store::LARGEST_PAGE) of them.
    pub events: Vec<EventRecord>,
    /// Its recordings, in order of start.
    pub recordings: Vec<RecordingRecord>,
}

impl ActivityReader {
    /// Returns an activity with its tree, events and recordings, if there is one with this id.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn details(&mut self, id: ActivityId) -> Result<Option<ActivityDetails>> {
        let Some(activity) = self.activity(id)? else {
            return Ok(None);
        };
        let tree = self.tree(activity.root)?;
        let root_cause = self.root_cause(&activity, &Filter::default())?;
        let details = self.details_without_tree(activity)?;
        Ok(Some(ActivityDetails {
            tree,
            root_cause,
            ..details
        }))
    }

    /// Returns an activity with its events and recordings, and without its tree and root cause.
    pub(crate) fn details_without_tree(
        &mut self,
        activity: ActivityRecord,
    ) -> Result<ActivityDetails> {
        Ok(ActivityDetails {
            tree: Vec::new(),
            root_cause: Vec::new(),
            events: self.events_of(activity.id, LARGEST_PAGE)?,
            recordings: self.recordings_of(activity.id)?,
            activity,
        })
    }
}
