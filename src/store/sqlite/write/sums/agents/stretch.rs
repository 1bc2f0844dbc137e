//! Stretches: when one agent was active and took turns within one quarter of an hour.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

/// Up to the neighbours of some quarters: what they count for depends on them.
const RANGE: &str = "SELECT quarter, active, turns, first_turn, last_turn, roots, first_root, last_root \
     FROM agent_stretch WHERE agent = ?1 AND quarter BETWEEN ?3 AND ?4 AND scope_id = ?2";
const REPLACE: &str = "INSERT OR REPLACE INTO agent_stretch \
     (agent, scope_id, quarter, active, turns, first_turn, last_turn, roots, first_root, last_root) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const DELETE: &str =
    "DELETE FROM agent_stretch WHERE agent = ?1 AND scope_id = ?2 AND quarter = ?3";

/// Which quarters of an agent follow one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbours {
    before: &'static str,
    after: &'static str,
}

pub(super) const ACTIVE: Neighbours = Neighbours {
    before: "SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter < ?3 AND scope_id = ?2 \
         ORDER BY quarter DESC LIMIT 1",
    after: "SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter > ?3 AND scope_id = ?2 \
         ORDER BY quarter LIMIT 1",
};
pub(super) const TURNS: Neighbours = Neighbours {
    before: "SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter < ?3 AND scope_id = ?2 \
         AND turns > 0 ORDER BY quarter DESC LIMIT 1",
    after: "SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter > ?3 AND scope_id = ?2 \
         AND turns > 0 ORDER BY quarter LIMIT 1",
};
pub(super) const ROOTS: Neighbours = Neighbours {
    before: "SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter < ?3 AND scope_id = ?2 \
         AND roots > 0 ORDER BY quarter DESC LIMIT 1",
    after: "SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter > ?3 AND scope_id = ?2 \
         AND roots > 0 ORDER BY quarter LIMIT 1",
};

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
    pub(super) active: i64,
    /// Those of the kind `turn`.
    pub(super) turns: Span,
    /// Those that have no parent and are no turn.
    pub(super) roots: Span,
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
    pub(super) fn of(at_us: i64, nesting: Nesting) -> Self {
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

    pub(super) fn write(
        &self,
        connection: &Connection,
        agent: i64,
        scope: i64,
        quarter: i64,
    ) -> rusqlite::Result<()> {
        if self.active == 0 {
            let mut delete = connection.prepare_cached(DELETE)?;
            return delete.execute([agent, scope, quarter]).map(drop);
        }
        let place = |span: Span, us: i64| (span.count > 0).then_some(us);
        let (turns, roots) = (self.turns, self.roots);
        let mut replace = connection.prepare_cached(REPLACE)?;
        let written = replace.execute(params![
            agent,
            scope,
            quarter,
            self.active,
            turns.count,
            place(turns, turns.first_us),
            place(turns, turns.last_us),
            roots.count,
            place(roots, roots.first_us),
            place(roots, roots.last_us),
        ]);
        written.map(drop)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Stretch)> {
        let span = |first: usize| -> rusqlite::Result<Span> {
            Ok(Span {
                count: row.get(first)?,
                first_us: row.get::<_, Option<i64>>(first + 1)?.unwrap_or_default(),
                last_us: row.get::<_, Option<i64>>(first + 2)?.unwrap_or_default(),
            })
        };
        let stretch = Stretch {
            active: row.get(1)?,
            turns: span(2)?,
            roots: span(5)?,
        };
        Ok((row.get(0)?, stretch))
    }
}

/// The stretches of an agent in these quarters, both ends included.
pub(crate) fn range(
    connection: &Connection,
    agent: i64,
    scope: i64,
    (first, last): (i64, i64),
) -> rusqlite::Result<Stretches> {
    let mut statement = connection.prepare_cached(RANGE)?;
    let rows = statement.query_map([agent, scope, first, last], Stretch::read)?;
    rows.collect()
}

/// The same, with the neighbours of these quarters.
pub(super) fn around(
    connection: &Connection,
    agent: i64,
    scope: i64,
    (first, last): (i64, i64),
    neighbours: Neighbours,
) -> rusqlite::Result<Stretches> {
    let find = |sql: &str, quarter: i64| {
        let mut statement = connection.prepare_cached(sql)?;
        let found = statement.query_row([agent, scope, quarter], |row| row.get(0));
        found.optional()
    };
    let before = find(neighbours.before, first)?.unwrap_or(first);
    let after = find(neighbours.after, last)?.unwrap_or(last);
    range(connection, agent, scope, (before, after))
}
