//! Text typed by browser drivers: `page.fill("#password", "x")`, `cy.get("[name=password]").type("x")`.

use std::sync::LazyLock;

use crate::redact::{
    encoded_char::{end_while, is_quote, read_char, skip_blanks, skip_while, start_while},
    key_span::KeySpan,
    rules::Words,
};

/// Maximum extent of a call before and after its selector, in bytes.
const MAX_CALL: usize = 64;

/// Names of methods that type, in lower case.
static VERBS: LazyLock<Words> = LazyLock::new(|| Words::load("verbs"));

/// Returns the opening quote of the text typed into the field named by the key.
pub(super) fn typed_at(bytes: &[u8], span: &KeySpan) -> Option<usize> {
    let mut at = skip_while(bytes, span.end, MAX_CALL, |next| {
        is_quote(next.byte) || b"]} ".contains(&next.byte)
    });
    // `find_element(By.name("password"))`
    if bytes[at.min(bytes.len())..].starts_with(b"))") {
        at += 1;
    }
    let value = match bytes.get(at)? {
        b',' if at > span.end && is_typing(bytes, span.start) => at + 1,
        b')' if at > span.end => chained(bytes, at + 1)?,
        _ => return None,
    };
    let value = skip_blanks(bytes, value);
    is_quote(read_char(bytes, value).byte).then_some(value)
}

/// True if `at` is in the arguments of a method that types.
pub(super) fn is_typing(bytes: &[u8], at: usize) -> bool {
    let open = start_while(bytes, at, MAX_CALL, |byte| byte != b'(');
    open > 0 && bytes[open - 1] == b'(' && VERBS.has_any_case(last_name(bytes, open - 1))
}

/// Returns the end of `.type(`, which may follow calls without arguments: `.clear().type(`.
fn chained(bytes: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..3 {
        let open = end_while(bytes, at, MAX_CALL, |byte| byte != b'(');
        let name = last_name(bytes, open);
        if bytes.get(open)? != &b'(' || bytes[at] != b'.' || name.len() + 1 != open - at {
            return None;
        }
        if VERBS.has_any_case(name) {
            return Some(open + 1);
        }
        if bytes.get(open + 1) != Some(&b')') {
            return None;
        }
        at = open + 2;
    }
    None
}

fn last_name(bytes: &[u8], end: usize) -> &[u8] {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    &bytes[start_while(bytes, end, MAX_CALL, of_name)..end]
}
