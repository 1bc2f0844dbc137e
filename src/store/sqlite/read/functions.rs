//! The SQL functions of queries: conditions that SQL cannot express.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
};
use serde::de::DeserializeOwned;

use super::search;
use crate::{
    record::{AttributeTest, Choice, Fingerprint, Pattern, attributes_match},
    store::sqlite::columns::lossy,
};

/// Registers the SQL functions that queries use.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("activity_has_word", -1, flags, |context| {
        search::has_word(context)
    })?;
    connection.create_scalar_function("activity_matches", 2, flags, |context| {
        let pattern = parsed::<Pattern>(context)?;
        let text = context.get_raw(0).as_str_or_null()?;
        Ok(text.map(|text| pattern.matches(text)))
    })?;
    connection.create_scalar_function("activity_fingerprint", 3, flags, |context| {
        let [name, error_type, message] = [0, 1, 2].map(|at| lossy(context.get_raw(at)));
        let name = name.unwrap_or_default();
        Ok(Fingerprint::new(&name, error_type.as_deref(), message.as_deref()).number())
    })?;
    connection.create_scalar_function("activity_has_attributes", 2, flags, |context| {
        let conditions = parsed::<BTreeMap<String, Choice<AttributeTest>>>(context)?;
        let json = context.get_raw(0).as_str_or_null()?;
        let object = json.and_then(|json| serde_json::from_str(json).ok());
        Ok(attributes_match(&conditions, object.as_ref()))
    })
}

/// Returns the second argument of a function, a condition as JSON. It is parsed once per statement.
fn parsed<T>(context: &Context<'_>) -> rusqlite::Result<Arc<T>>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    context.get_or_create_aux(1, |json| {
        Ok::<T, Box<dyn std::error::Error + Send + Sync>>(serde_json::from_str(json.as_str()?)?)
    })
}
