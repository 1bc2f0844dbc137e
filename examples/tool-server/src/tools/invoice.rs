//! Looks up an invoice: a JSON file `invoices/<number>.json`.

use std::fs;

use serde_json::Value;

use crate::root::Root;

/// Returns the invoice with this number.
pub(crate) fn fetch(root: &Root, number: u32) -> Result<Value, String> {
    tracing::info!(number, "looking up an invoice");
    let path = root
        .file(&format!("invoices/{number}.json"))
        .map_err(|_| format!("there is no invoice {number}"))?;
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read invoice {number}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("invoice {number} is damaged: {error}"))
}
