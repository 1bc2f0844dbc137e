//! An activity from its start until the writer collects it, and its cost in memory.

use std::mem;

use crate::{
    record::Status,
    store::{Details, MAX_NAME_BYTES, PerKind, RecordCounts, StartedActivity},
};

/// The base cost of an activity in bytes: its slot or record, three times, because vectors grow by doubling, and its
/// details, which most do not have.
pub(super) const BASE_COST: usize = 3 * size_of::<Slot>() + size_of::<Details>();

/// Memory reserved for the name of a provisional activity, in bytes: enough for the longest, with its reference counts.
pub(crate) const NAME_ROOM: usize = MAX_NAME_BYTES + 2 * size_of::<usize>();

/// The stage in which an activity starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is on record from its start.
    Described,
    /// It is not counted, and has no row, until it is described or ends.
    #[cfg(feature = "mcp")]
    Provisional,
}

/// An activity from its start until the writer collects it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) started: StartedActivity,
    /// While it runs, the monotonic time of its start; then its duration.
    pub(super) clock_ns: u64,
    pub(super) cost: u32,
    pub(super) status: Status,
    /// The store's table of open activities has a row of it, or will with the next commit.
    pub(super) has_open_row: bool,
    /// That row holds its current state.
    pub(super) open_row_is_current: bool,
    pub(super) has_end_listener: bool,
    /// It is not counted, and has no row, until it is described.
    pub(super) is_provisional: bool,
    /// A child or an event refers to it.
    pub(super) is_referenced: bool,
    /// How many log lines it has taken; while it is provisional, how many it has dropped. 16 bits fit into the padding beside the flags.
    pub(super) lines: u16,
}

impl Slot {
    /// Counts a provisional activity that is on record from now on, and the log lines that it has dropped.
    #[cold]
    pub(super) fn count_provisional(&mut self, counts: &mut PerKind<RecordCounts>) {
        let lines = u64::from(mem::take(&mut self.lines));
        counts.activities.recorded += 1;
        counts.events.recorded += lines;
        counts.events.rejected_limit += lines;
    }

    /// Returns the cost of a copy of its start, twice its size, because the vector grows by doubling.
    pub(super) fn copy_cost(&self) -> usize {
        let details = self.started.details.as_ref();
        let details = details.map_or(0, |_| size_of::<Details>());
        let payload = (self.cost as usize).saturating_sub(BASE_COST);
        2 * size_of::<StartedActivity>() + details + payload
    }
}
