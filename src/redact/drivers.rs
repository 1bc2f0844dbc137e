//! What drivers of browsers type into a field: `page.fill("#password", "x")`, `cy.get("[name=password]").type("x")`.

use std::sync::LazyLock;

use crate::redact::{
    rules::Words,
    site::Site,
    spell::{blanks_end, end_of, is_quote, read, skip, start_of},
};

/// How far a call is read before and behind its selector, in bytes.
const CALL: usize = 64;

/// Calls that type, in lower case.
static VERBS: LazyLock<Words> = LazyLock::new(|| Words::read("verbs"));

/// Where the quote stands that opens what is typed into the field with the key's name.
pub(super) fn typed_at(bytes: &[u8], site: &Site) -> Option<usize> {
    let mut at = skip(bytes, site.end, CALL, |next| {
        is_quote(next.byte) || b"]} ".contains(&next.byte)
    });
    // `find_element(By.name("password"))`
    if bytes[at.min(bytes.len())..].starts_with(b"))") {
        at += 1;
    }
    let value = match bytes.get(at)? {
        b',' if at > site.end && is_typing(bytes, site.start) => at + 1,
        b')' if at > site.end => chained(bytes, at + 1)?,
        _ => return None,
    };
    let value = blanks_end(bytes, value);
    is_quote(read(bytes, value).byte).then_some(value)
}

/// True where the last bracket before `at` opens the arguments of a call that types.
pub(super) fn is_typing(bytes: &[u8], at: usize) -> bool {
    let open = start_of(bytes, at, CALL, |byte| byte != b'(');
    open > 0 && bytes[open - 1] == b'(' && VERBS.has_any_case(last_name(bytes, open - 1))
}

/// Behind `.type(`; calls without arguments may stand before: `.clear().type(`.
fn chained(bytes: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..3 {
        let open = end_of(bytes, at, CALL, |byte| byte != b'(');
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
    &bytes[start_of(bytes, end, CALL, of_name)..end]
}
