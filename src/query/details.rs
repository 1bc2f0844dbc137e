//! One activity with what belongs to it.

use serde::Serialize;

use crate::{
    error::Result,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventRecord, RecordingRecord},
    store::LARGEST_PAGE,
};

/// One activity, the tree that it stands in, and what happened inside of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ActivityDetails {
    /// The activity.
    #[serde(flatten)]
    pub activity: ActivityRecord,
    /// All of the tree that it stands in, in order of start.
    pub tree: Vec<ActivityRecord>,
    /// What happened inside of it, oldest first; where there is more, the newest
    /// [`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
    pub events: Vec<EventRecord>,
    /// What was recorded of it, in order of begin.
    pub recordings: Vec<RecordingRecord>,
}

impl ActivityReader {
    /// One activity with what belongs to it; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn details(&mut self, id: ActivityId) -> Result<Option<ActivityDetails>> {
        let Some(activity) = self.activity(id)? else {
            return Ok(None);
        };
        let tree = self.tree(activity.root)?;
        let details = self.beside(activity)?;
        Ok(Some(ActivityDetails { tree, ..details }))
    }

    /// An activity with what happened inside of it, and without its tree.
    pub(crate) fn beside(&mut self, activity: ActivityRecord) -> Result<ActivityDetails> {
        Ok(ActivityDetails {
            tree: Vec::new(),
            events: self.events_of(activity.id, LARGEST_PAGE)?,
            recordings: self.recordings_of(activity.id)?,
            activity,
        })
    }
}
