//! The dictionary's numbers of the texts of a batch.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use tokio_postgres::{Transaction, types::Type};

use super::{
    columns::key,
    connection::{Failed, Parameter, query},
};
use crate::record::{self, ActivityRecord, EventRecord, Scope, Text};

const ADD_TEXTS: &str = "INSERT INTO tower_activity.text (value, folded) SELECT * FROM unnest($1::text[], $2::text[]) \
     ON CONFLICT (value) DO NOTHING";
const TEXTS: &str = "SELECT value, id FROM tower_activity.text WHERE value = ANY($1::text[])";
/// The most texts that are remembered, of half a kilobyte at most.
const MOST: usize = 20_000;

/// The numbers of texts that were met. To be dropped when a transaction fails, which may have added some of them.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    ids: HashMap<String, i64>,
    wanted: BTreeSet<String>,
    /// The mark `erased` when these numbers were valid.
    erased: i64,
}

impl Dictionary {
    pub(super) fn add(&mut self, text: &str) {
        let text = key(text);
        if !self.ids.contains_key(&*text) && !self.wanted.contains(&*text) {
            self.wanted.insert(text.into_owned());
        }
    }

    fn add_scope(&mut self, scope: &Scope) {
        let Scope {
            project,
            agent,
            actor,
            brand,
            environment,
            session: _,
            request: _,
        } = scope;
        let texts = [project, agent, actor, brand, environment];
        texts.into_iter().flatten().for_each(|text| self.add(text));
    }

    pub(super) fn add_activity(&mut self, one: &ActivityRecord) {
        self.add(one.kind.as_str());
        self.add(&one.name);
        self.add_scope(&one.scope);
    }

    pub(super) fn add_event(&mut self, one: &EventRecord) {
        self.add(&one.event_type);
        self.add_scope(&one.scope);
    }

    /// Forgets the numbers if texts were erased since, or there are too many.
    pub(super) fn validate(&mut self, erased: i64) {
        if self.erased != erased || self.ids.len() > MOST {
            self.ids.clear();
            self.erased = erased;
        }
    }

    /// Looks up all texts, adding the new ones: in order, so that two intakes do not wait for each other.
    pub(super) async fn resolve(&mut self, transaction: &Transaction<'_>) -> Result<(), Failed> {
        let wanted: Vec<String> = std::mem::take(&mut self.wanted).into_iter().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let find: [Parameter<'_>; 1] = [(&wanted, Type::TEXT_ARRAY)];
        let mut found = query(transaction, TEXTS, &find).await?;
        if found.len() < wanted.len() {
            let folded = wanted.iter().map(|text| {
                let folded = record::fold(text);
                (*folded != **text).then_some(folded)
            });
            let folded: Vec<Option<Cow<'_, str>>> = folded.collect();
            let add: [Parameter<'_>; 2] =
                [(&wanted, Type::TEXT_ARRAY), (&folded, Type::TEXT_ARRAY)];
            query(transaction, ADD_TEXTS, &add).await?;
            found = query(transaction, TEXTS, &find).await?;
        }
        let found = found.iter().map(|row| (row.get(0), row.get(1)));
        self.ids.extend(found);
        Ok(())
    }

    /// Returns the number of a text, which was added before.
    pub(super) fn id(&self, text: &str) -> i64 {
        self.ids.get(&*key(text)).copied().unwrap_or_default()
    }

    pub(super) fn optional(&self, text: Option<&Text>) -> Option<i64> {
        text.map(|text| self.id(text))
    }
}
