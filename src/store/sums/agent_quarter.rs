//! AgentQuarters: when one agent was active and took turns within one quarter of an hour.

use std::collections::BTreeMap;

/// The scope of all projects together; any other scope is the dictionary id of a project.
pub(crate) const ALL: i64 = 0;

/// The activities that started in one quarter hour: their number, first start and last start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) count: i64,
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
}

/// The activities of one agent that started in one quarter hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AgentQuarter {
    /// Number of activities.
    pub(crate) active: i64,
    /// Activities of kind `turn`.
    pub(crate) turns: Span,
    /// Activities without a parent, except turns.
    pub(crate) roots: Span,
}

/// The quarter hours of one agent, by number.
pub(crate) type AgentQuarters = BTreeMap<i64, AgentQuarter>;

/// Whether an activity may count as a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nesting {
    /// Of kind `turn`, at any depth.
    Turn,
    /// Without a parent: a turn of an agent that never recorded a `turn`.
    Root,
    /// A child of another activity: never a turn.
    Nested,
}

impl Span {
    pub(crate) fn add(&mut self, other: Span) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        // Another program may have written any number.
        self.count = self.count.saturating_add(other.count);
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
    }
}

impl AgentQuarter {
    /// Returns the quarter hour with one activity.
    pub(crate) fn new(at_us: i64, nesting: Nesting) -> Self {
        let one = Span {
            count: 1,
            first_us: at_us,
            last_us: at_us,
        };
        let mut quarter = AgentQuarter {
            active: 1,
            ..AgentQuarter::default()
        };
        match nesting {
            Nesting::Turn => quarter.turns = one,
            Nesting::Root => quarter.roots = one,
            Nesting::Nested => {}
        }
        quarter
    }

    pub(crate) fn add(&mut self, other: &AgentQuarter) {
        self.active = self.active.saturating_add(other.active);
        self.turns.add(other.turns);
        self.roots.add(other.roots);
    }

    /// Returns the turns: the activities of kind `turn` of an agent that records them, else its root activities.
    pub(crate) fn turns_of(&self, records_turns: bool) -> Span {
        if records_turns {
            self.turns
        } else {
            self.roots
        }
    }
}
