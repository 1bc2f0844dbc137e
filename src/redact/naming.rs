//! Keys that stand as a value, behind a word that says so: `name="password"`, `"selector":"#password"`.

use std::sync::LazyLock;

use crate::redact::{
    rules::Words,
    site::{Site, is_of_key},
    spell::{is_quote, start_of},
};

/// What names the value beside it: `{"name": "password", "value": ..}`.
pub(super) static NAMING: LazyLock<Words> = LazyLock::new(|| Words::read("naming"));

/// What the value beside it is called.
pub(super) static VALUES: LazyLock<Words> = LazyLock::new(|| Words::read("values"));

/// Where a naming word begins before a key: `name="`, `"type":"`.
pub(super) fn naming(bytes: &[u8], site: &Site) -> Option<usize> {
    let quote = site.before.filter(|before| is_quote(before.byte));
    let mut at = site.start - quote.map_or(0, |quote| quote.len);
    // What stands before a name in a path or a selector: `/prod/password`, `#password`.
    if matches!(bytes.get(at.checked_sub(1)?), Some(b'/' | b'#')) {
        at = start_of(bytes, at, 64, |byte| {
            is_of_key(byte) || b"/#".contains(&byte)
        });
    }
    let between = |byte: u8| b"=: \"'\\".contains(&byte);
    let name = start_of(bytes, at, 32, between);
    let word = start_of(bytes, name, 32, |byte| byte.is_ascii_alphabetic());
    // `variable "password" {`
    let separated = bytes[name..at].iter().any(|byte| b"=:".contains(byte))
        || &bytes[word..name] == b"variable";
    (separated && NAMING.has_any_case(&bytes[word..name])).then_some(word)
}
