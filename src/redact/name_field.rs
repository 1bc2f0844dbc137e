//! Keys given as the value of a name field: `name="password"`, `"selector":"#password"`.

use std::sync::LazyLock;

use crate::redact::{
    encoded_char::{is_quote, start_while},
    key_span::{KeySpan, is_key_byte},
    rules::Words,
};

/// Fields that contain the name of a value: `{"name": "password", "value": …}`.
pub(super) static NAME_FIELDS: LazyLock<Words> = LazyLock::new(|| Words::load("naming"));

/// Fields that contain the value.
pub(super) static VALUE_FIELDS: LazyLock<Words> = LazyLock::new(|| Words::load("values"));

/// Returns the start of the name field before a key: `name="`, `"type":"`.
pub(super) fn name_field(bytes: &[u8], span: &KeySpan) -> Option<usize> {
    let quote = span.before.filter(|before| is_quote(before.byte));
    let mut at = span.start - quote.map_or(0, |quote| quote.len);
    // Skip the start of a path or a selector: `/prod/password`, `#password`.
    if matches!(bytes.get(at.checked_sub(1)?), Some(b'/' | b'#')) {
        at = start_while(bytes, at, 64, |byte| {
            is_key_byte(byte) || b"/#".contains(&byte)
        });
    }
    let between = |byte: u8| b"=: \"'\\".contains(&byte);
    let name = start_while(bytes, at, 32, between);
    let word = start_while(bytes, name, 32, |byte| byte.is_ascii_alphabetic());
    // `variable "password" {`
    let separated = bytes[name..at].iter().any(|byte| b"=:".contains(byte))
        || &bytes[word..name] == b"variable";
    (separated && NAME_FIELDS.has_any_case(&bytes[word..name])).then_some(word)
}
