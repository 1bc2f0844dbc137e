//! How much a shard has seen.

/// How many activities a shard has seen. All are cumulative.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) rejected_memory: u64,
    pub(crate) rejected_closed: u64,
    pub(crate) lost_shutdown: u64,
    pub(crate) events: EventCounts,
    pub(crate) steps: StepCounts,
}

/// How many steps of recordings a shard has seen. All are cumulative.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StepCounts {
    pub(crate) recorded: u64,
    pub(crate) rejected_memory: u64,
    pub(crate) rejected_closed: u64,
    pub(crate) lost_shutdown: u64,
}

/// How many events a shard has seen. All are cumulative.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventCounts {
    pub(crate) recorded: u64,
    pub(crate) rejected_memory: u64,
    pub(crate) rejected_closed: u64,
    pub(crate) rejected_type: u64,
    pub(crate) rejected_limit: u64,
}
