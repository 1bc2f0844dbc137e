//! Stretches: when one agent was active and took turns within one quarter of an hour.

use std::collections::BTreeMap;

/// The scope of all agents; any other is the number of a project.
pub(crate) const ALL: i64 = 0;

/// Starts within one quarter: how many, the first and the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) count: i64,
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
}

/// What one agent did in one quarter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Its activities.
    pub(crate) active: i64,
    /// Those of the kind `turn`.
    pub(crate) turns: Span,
    /// Those that have no parent and are no turn.
    pub(crate) roots: Span,
}

/// The stretches of one agent by quarter.
pub(crate) type Stretches = BTreeMap<i64, Stretch>;

/// Where an activity stands, as far as turns are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nesting {
    /// It is of the kind `turn`, wherever it stands.
    Turn,
    /// It has no parent.
    Root,
    /// It ran inside of another: never a turn.
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
        self.count += other.count;
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
    }
}

impl Stretch {
    /// Of one activity.
    pub(crate) fn of(at_us: i64, nesting: Nesting) -> Self {
        let one = Span {
            count: 1,
            first_us: at_us,
            last_us: at_us,
        };
        let mut stretch = Stretch {
            active: 1,
            ..Stretch::default()
        };
        match nesting {
            Nesting::Turn => stretch.turns = one,
            Nesting::Root => stretch.roots = one,
            Nesting::Nested => {}
        }
        stretch
    }

    pub(crate) fn add(&mut self, other: &Stretch) {
        self.active += other.active;
        self.turns.add(other.turns);
        self.roots.add(other.roots);
    }

    /// The turns of an agent that says what its turns are, or does not.
    pub(crate) fn turns_of(&self, says: bool) -> Span {
        if says { self.turns } else { self.roots }
    }
}
