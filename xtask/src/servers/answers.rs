//! The answers that a client got.

use serde_json::Value;

use crate::run::Result;

/// Checks that the answers are the same.
///
/// # Errors
///
/// If they differ, with the first difference.
pub(super) fn compare(direct: &[Value], proxied: &[Value]) -> Result {
    let (direct, proxied): (Vec<_>, Vec<_>) = (
        direct.iter().map(comparable).collect(),
        proxied.iter().map(comparable).collect(),
    );
    let mut pairs = direct.iter().zip(&proxied);
    if let Some((direct, proxied)) = pairs.find(|(direct, proxied)| direct != proxied) {
        return Err(format!("the answers differ:\n direct {direct}\nproxied {proxied}").into());
    }
    if direct.len() != proxied.len() {
        let (direct, proxied) = (direct.len(), proxied.len());
        return Err(format!("{direct} answers directly, {proxied} through the proxy").into());
    }
    Ok(())
}

/// The text of an answer; without its numbers if it has times.
fn comparable(line: &Value) -> String {
    let text = line.to_string();
    match line["step"]["varies"] == true {
        true => text.replace(|character: char| character.is_ascii_digit(), "0"),
        false => text,
    }
}
