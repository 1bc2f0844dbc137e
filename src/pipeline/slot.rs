//! An activity from its start until the writer takes it, and what that costs of the log's memory.

use crate::{
    record::Status,
    store::{Details, Started},
};

/// What every admitted activity is charged for, whatever it carries: its slot or its record, three times, because
/// what they stand in grows by doubling; and its details, which most do not have.
pub(super) const BASE_COST: usize = 3 * size_of::<Slot>() + size_of::<Details>();

/// An activity from its start until the writer takes it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) started: Started,
    /// While it runs the stamp of its start, from then on how long it took.
    pub(super) clock_ns: u64,
    pub(super) cost: u32,
    pub(super) status: Status,
    /// The store's table of open activities has it, or will with the next commit.
    pub(super) has_open_row: bool,
    /// The store's table of open activities has it as it is now.
    pub(super) open_row_is_current: bool,
    /// Somebody is to be told when it ends.
    pub(super) has_end_listener: bool,
    /// How many log lines it has taken. No wider: so it fits beside the marks.
    pub(super) lines: u16,
}

impl Slot {
    /// What a copy of its start is charged for: twice, because the vector it stands in grows by doubling.
    pub(super) fn copy_cost(&self) -> usize {
        let details = self.started.details.as_ref();
        let details = details.map_or(0, |_| size_of::<Details>());
        let payload = (self.cost as usize).saturating_sub(BASE_COST);
        2 * size_of::<Started>() + details + payload
    }
}
