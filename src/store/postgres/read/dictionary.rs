//! The dictionary's numbers of the values of a filter, and the texts of numbers.

use std::collections::{HashMap, HashSet};

use tokio_postgres::types::Type;

use super::Snapshot;
use crate::{
    error::Result,
    record::{Filter, Pattern, Text, fold},
    store::{like::escaped, postgres::connection::Failed},
};

/// The most texts that a pattern with wildcards may match to be replaced by them.
const MAX_TEXTS: usize = 5_000;
/// Finds the spellings of texts: by the texts as written, and by folded ones.
const SPELLINGS: &str = "SELECT id, value FROM tower_activity.text WHERE value = ANY($1::text[]) \
     UNION SELECT id, value FROM tower_activity.text WHERE folded IS NOT NULL AND folded = ANY($2::text[])";
const LIKE: &str = "SELECT id, value FROM tower_activity.text WHERE value LIKE $1 LIMIT $2";
const FOLDED_LIKE: &str =
    "SELECT id, value FROM tower_activity.text WHERE coalesce(folded, value) LIKE $1 LIMIT $2";
const VALUES: &str = "SELECT id, value FROM tower_activity.text WHERE id = ANY($1::bigint[])";

/// The texts that the patterns of a filter match.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// `None`: too many.
    found: Vec<(Pattern, Option<Numbered>)>,
}

/// Texts with their numbers.
type Numbered = Vec<(i64, String)>;

/// The numbers of the texts that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Those of all texts.
    All,
    TooMany,
    These(Vec<i64>),
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers::These(Vec::new())
    }
}

impl Numbers {
    /// Returns the numbers of both.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Numbers::All, _) | (_, Numbers::All) => Numbers::All,
            (Numbers::TooMany, _) | (_, Numbers::TooMany) => Numbers::TooMany,
            (Numbers::These(mut all), Numbers::These(more)) => {
                all.extend(more);
                all.sort_unstable();
                all.dedup();
                Numbers::These(all)
            }
        }
    }
}

impl Dictionary {
    /// Looks up the values of a filter.
    pub(super) async fn of(snapshot: &Snapshot<'_>, filter: &Filter) -> Result<Self, Failed> {
        let mut patterns = Vec::new();
        add_patterns(filter, &mut patterns);
        let mut dictionary = Dictionary::default();
        if patterns.is_empty() {
            return Ok(dictionary);
        }
        let spellings = spellings(snapshot, &patterns).await?;
        for pattern in patterns {
            let found = match pattern.as_text() {
                Some(text) => {
                    let of = match pattern.as_exact() {
                        Some(_) => spellings.by_value.get(text),
                        None => spellings.by_folded.get(&*fold(text)),
                    };
                    Some(of.cloned().unwrap_or_default())
                }
                None => like(snapshot, &pattern).await?,
            };
            dictionary.found.push((pattern, found));
        }
        Ok(dictionary)
    }

    /// Returns the numbers of the texts that a pattern of the filter matches.
    pub(super) fn numbers(&self, pattern: &Pattern) -> Numbers {
        if pattern.is_wildcard() {
            return Numbers::All;
        }
        match self.texts(pattern) {
            Some(texts) => Numbers::These(texts.iter().map(|(number, _)| *number).collect()),
            None => Numbers::TooMany,
        }
    }

    /// Returns the texts that a pattern of the filter matches; `None` if there are too many.
    pub(super) fn texts(&self, pattern: &Pattern) -> Option<&[(i64, String)]> {
        let mut found = self.found.iter();
        let (_, texts) = found.find(|(one, _)| one == pattern)?;
        texts.as_deref()
    }
}

/// Collects the patterns on columns that have numbers of the dictionary.
fn add_patterns(filter: &Filter, patterns: &mut Vec<Pattern>) {
    let kinds = [&filter.kind.any_of, &filter.kind.none_of];
    let kinds = kinds.into_iter().flatten();
    let kinds = kinds.map(|kind| Pattern::exact(kind.as_str()));
    let types = [&filter.event_type.any_of, &filter.event_type.none_of];
    let types = types.into_iter().flatten().map(Pattern::in_snake_case);
    let columns = [
        &filter.name,
        &filter.project,
        &filter.agent,
        &filter.actor,
        &filter.brand,
        &filter.environment,
    ];
    let columns = columns
        .into_iter()
        .flat_map(|choice| choice.any_of.iter().chain(&choice.none_of).cloned());
    for pattern in kinds.chain(types).chain(columns) {
        if !pattern.is_wildcard() && !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    if let Some(and) = &filter.and {
        add_patterns(and, patterns);
    }
}

#[derive(Default)]
struct Spellings {
    by_value: HashMap<String, Vec<(i64, String)>>,
    by_folded: HashMap<String, Vec<(i64, String)>>,
}

async fn spellings(snapshot: &Snapshot<'_>, patterns: &[Pattern]) -> Result<Spellings, Failed> {
    let (mut written, mut folded) = (Vec::new(), Vec::new());
    for pattern in patterns {
        // The server's texts have no NUL.
        let text = pattern.as_text().filter(|text| !text.contains('\0'));
        let Some(text) = text else { continue };
        written.push(text.to_owned());
        if pattern.as_exact().is_none() {
            let other = fold(text).into_owned();
            written.push(other.clone());
            folded.push(other);
        }
    }
    let mut spellings = Spellings::default();
    if written.is_empty() {
        return Ok(spellings);
    }
    let values = [
        (&written as _, Type::TEXT_ARRAY),
        (&folded as _, Type::TEXT_ARRAY),
    ];
    for row in snapshot.query(SPELLINGS, &values).await? {
        let (number, value): (i64, String) = (row.get(0), row.get(1));
        let folded = fold(&value).into_owned();
        let one = (number, value.clone());
        spellings
            .by_value
            .entry(value)
            .or_default()
            .push(one.clone());
        spellings.by_folded.entry(folded).or_default().push(one);
    }
    Ok(spellings)
}

/// Reads the texts that a pattern with wildcards matches; `None` if there are too many.
async fn like(
    snapshot: &Snapshot<'_>,
    pattern: &Pattern,
) -> Result<Option<Vec<(i64, String)>>, Failed> {
    let is_exact = *pattern == pattern.clone().exactly();
    let parts = pattern.parts().map(|part| {
        let part = match is_exact {
            true => part.into(),
            false => fold(part),
        };
        escaped(&part)
    });
    let like = parts.collect::<Vec<_>>().join("%");
    if like.contains('\0') {
        return Ok(Some(Vec::new()));
    }
    let limit = MAX_TEXTS as i64 + 1;
    let sql = if is_exact { LIKE } else { FOLDED_LIKE };
    let values = [(&like as _, Type::TEXT), (&limit as _, Type::INT8)];
    let rows = snapshot.query(sql, &values).await?;
    if rows.len() > MAX_TEXTS {
        return Ok(None);
    }
    let found = rows.iter().map(|row| (row.get(0), row.get::<_, String>(1)));
    Ok(Some(
        found.filter(|(_, text)| pattern.matches(text)).collect(),
    ))
}

/// The texts of numbers that were met: many records share few of them.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: HashMap<i64, Text>,
}

impl Texts {
    /// Looks up those that are not known yet.
    pub(super) async fn load(
        &mut self,
        snapshot: &Snapshot<'_>,
        numbers: impl Iterator<Item = Option<i64>>,
    ) -> Result<(), Failed> {
        let wanted: HashSet<i64> = numbers
            .flatten()
            .filter(|number| !self.known.contains_key(number))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let wanted: Vec<i64> = wanted.into_iter().collect();
        let rows = snapshot
            .query(VALUES, &[(&wanted, Type::INT8_ARRAY)])
            .await?;
        let found = rows
            .iter()
            .map(|row| (row.get(0), row.get::<_, String>(1).into()));
        self.known.extend(found);
        Ok(())
    }

    pub(super) fn get(&self, number: Option<i64>) -> Option<Text> {
        self.known.get(&number?).cloned()
    }
}
