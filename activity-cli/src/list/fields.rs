//! The fields of listed records: columns of a table, keys of a JSON object.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use serde_json::Value;
use tower_activity::{query::Zone, store::Descendants};

use super::ListedRecord;
use crate::{
    failure::Failure,
    print::table::{Align, Cell, Column, Shrink, Table},
};

/// A field that `--fields` selects.
#[derive(Debug)]
pub(crate) struct Field<R: 'static> {
    pub(crate) name: &'static str,
    /// The keys of the JSON object that have it.
    pub(crate) keys: &'static [&'static str],
    pub(crate) title: &'static str,
    pub(crate) align: Align,
    pub(crate) shrink: Shrink,
    pub(crate) cell: fn(&Row<R>, &Context) -> Cell,
}

/// A record of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Row<R> {
    #[serde(flatten)]
    pub(crate) record: R,
    /// What ran inside it, if it is a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) descendants: Option<Descendants>,
}

/// What the cells of all rows depend on.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: DateTime<Utc>,
    pub(crate) zone: Zone,
    /// Characters of a short ID.
    pub(crate) id_width: usize,
}

impl Context {
    /// Returns a cell with the local time.
    pub(crate) fn clock(&self, at: DateTime<Utc>) -> Cell {
        Cell::new(&self.zone.clock(at).format("%Y-%m-%d %H:%M:%S").to_string())
    }
}

/// A field or an attribute, as it was named.
#[derive(Debug)]
pub(crate) enum Chosen<R: 'static> {
    Field(&'static Field<R>),
    Attribute(String),
}

/// Finds the fields that were named, by the name of the field or of its JSON key.
pub(crate) fn chosen<R: ListedRecord>(names: &[String]) -> Result<Vec<Chosen<R>>, Failure> {
    names.iter().map(|name| find(name)).collect()
}

fn find<R: ListedRecord>(name: &str) -> Result<Chosen<R>, Failure> {
    if let Some(key) = name.strip_prefix("attr.").filter(|key| !key.is_empty()) {
        return Ok(Chosen::Attribute(key.to_owned()));
    }
    let named = R::FIELDS.iter().find(|field| field.name == name);
    let named = named.or_else(|| R::FIELDS.iter().find(|field| field.keys == [name]));
    named.map(Chosen::Field).ok_or_else(|| {
        let allowed: Vec<_> = R::FIELDS.iter().map(|field| field.name).collect();
        Failure::Usage(format!(
            "unknown field {name:?} in --fields: use {} or attr.KEY",
            allowed.join(", ")
        ))
    })
}

/// Returns the table of some rows: with the fields that were chosen, else those of the list.
pub(crate) fn table<R: ListedRecord>(
    rows: &[Row<R>],
    chosen: &[Chosen<R>],
    context: &Context,
) -> Table {
    let of_list = R::COLUMNS.iter().filter_map(|name| find(name).ok());
    let of_list: Vec<Chosen<R>> = of_list.collect();
    let (fields, all) = match chosen.is_empty() {
        true => (of_list.as_slice(), false),
        false => (chosen, true),
    };
    let columns = fields.iter().map(|field| match field.column(rows) {
        column if all => column.always_shown(),
        column => column,
    });
    let mut table = Table::new(columns.collect());
    for row in rows {
        table.row(
            fields
                .iter()
                .map(|field| field.cell(row, context))
                .collect(),
        );
    }
    table
}

impl<R: ListedRecord> Chosen<R> {
    fn column(&self, rows: &[Row<R>]) -> Column {
        match self {
            Chosen::Field(field) => Column::new(field.title, field.align, field.shrink),
            Chosen::Attribute(key) => {
                let mut values = rows.iter().filter_map(|row| attribute(row, key));
                match values.all(Value::is_number) {
                    true => Column::new(key.clone(), Align::Right, Shrink::Never),
                    false => Column::new(key.clone(), Align::Left, Shrink::Truncate(8)),
                }
            }
        }
    }

    fn cell(&self, row: &Row<R>, context: &Context) -> Cell {
        match self {
            Chosen::Field(field) => (field.cell)(row, context),
            Chosen::Attribute(key) => match attribute(row, key) {
                None => Cell::default(),
                Some(Value::String(text)) => Cell::new(text),
                Some(Value::Number(number)) => Cell::new(&number.to_string()).number(),
                Some(value) => Cell::new(&value.to_string()),
            },
        }
    }
}

fn attribute<'a, R: ListedRecord>(row: &'a Row<R>, key: &str) -> Option<&'a Value> {
    row.record.attributes().and_then(|all| all.get(key))
}

/// The chosen fields of one row as a JSON object, in their order.
#[derive(Debug)]
pub(crate) struct Selection(Vec<(String, Value)>);

impl Selection {
    /// # Errors
    ///
    /// If the record cannot be converted to JSON.
    pub(crate) fn new<R: ListedRecord>(
        row: &Row<R>,
        chosen: &[Chosen<R>],
    ) -> serde_json::Result<Self> {
        let Value::Object(object) = serde_json::to_value(row)? else {
            return Ok(Selection(Vec::new()));
        };
        let mut selected = Vec::new();
        for field in chosen {
            match field {
                Chosen::Field(field) => selected.extend(field.keys.iter().map(|key| {
                    let value = object.get(*key).cloned();
                    ((*key).to_owned(), value.unwrap_or_default())
                })),
                Chosen::Attribute(key) => {
                    let of_record = object.get(R::ATTRIBUTES).and_then(Value::as_object);
                    let value = of_record.and_then(|of_record| of_record.get(key));
                    let value = value.cloned().unwrap_or_default();
                    selected.push((format!("attr.{key}"), value));
                }
            }
        }
        Ok(Selection(selected))
    }
}

impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use tower_activity::record::{ActivityRecord, EventRecord};

    use super::*;
    use crate::complete::{ACTIVITY_FIELDS, EVENT_FIELDS};

    #[test]
    fn the_fields_are_those_that_a_shell_completes() {
        fn check<R: ListedRecord>(completed: &[&str]) {
            let names = R::FIELDS.iter().map(|field| field.name);
            assert!(names.chain(["attr."]).eq(completed.iter().copied()));
        }
        check::<ActivityRecord>(&ACTIVITY_FIELDS);
        check::<EventRecord>(&EVENT_FIELDS);
    }

    #[test]
    fn the_columns_of_a_list_are_fields() {
        fn check<R: ListedRecord>() {
            for name in R::COLUMNS {
                assert!(find::<R>(name).is_ok(), "{name}");
            }
        }
        check::<ActivityRecord>();
        check::<EventRecord>();
    }
}
