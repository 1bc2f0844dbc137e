//! Values in the cell or element next to their key: Markdown and HTML tables, property lists, tab-separated columns.

use std::sync::LazyLock;

use crate::redact::{
    encoded_char::{
        EncodedChar, end_while, is_quote, read_char, skip_blanks, skip_while, skip_whitespace,
        start_while,
    },
    rules::Words,
};

/// Maximum length of the tags between a key and its value, in bytes.
const MAX_TAGS: usize = 96;

/// Maximum length of a value behind a tab, in bytes.
const MAX_COLUMN: usize = 64;

/// Tags of settings: the text of the element is the value of its name attribute.
static SETTINGS: LazyLock<Words> = LazyLock::new(|| Words::load("settings"));

/// True if a Markdown cell starts before the key: `| **`, `|`.
pub(super) fn begins_cell(bytes: &[u8], start: usize) -> bool {
    let of_cell = |byte: u8| byte.is_ascii_alphanumeric() || b" *`_\t".contains(&byte);
    let cell = start_while(bytes, start, 32, of_cell);
    cell > 0 && bytes[cell - 1] == b'|'
}

/// Reads the tags between a key that ends at `at` and its value: `</td><td>`, `</key><string>`. Returns the start of the
/// value, and the separator: `|` for a cell, `>` for an element.
pub(super) fn next_cell(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let limit = at + MAX_TAGS;
    let (mut place, mut closed, mut separator) = (at, None::<&[u8]>, None);
    loop {
        place = skip_whitespace(bytes, place, limit.saturating_sub(place));
        let open = read_char(bytes, place);
        if place >= bytes.len().min(limit) || open.byte != b'<' {
            return separator.map(|separator| (place, separator));
        }
        let name = place + open.len;
        let end = skip_while(bytes, name, limit.saturating_sub(name), |next| {
            !matches!(next.byte, b'>' | b'<')
        });
        if end >= bytes.len().min(limit) || read_char(bytes, end).byte != b'>' {
            return None;
        }
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/-".contains(&byte);
        match (
            &bytes[name..end_while(bytes, name, end - name, of_name)],
            closed,
        ) {
            (tag @ (b"/td" | b"/th" | b"/dt" | b"/key" | b"/name" | b"/param-name"), None) => {
                closed = Some(tag);
            }
            (b"td" | b"dd", Some(b"/td" | b"/th" | b"/dt")) => separator = Some(b'|'),
            (b"value", Some(b"/name"))
            | (b"param-value", Some(b"/param-name"))
            | (b"string" | b"data" | b"integer", Some(b"/key")) => separator = Some(b'>'),
            (b"code" | b"tt" | b"pre" | b"b" | b"strong" | b"span", Some(_))
            | (b"/code" | b"/b" | b"/strong" | b"/span" | b"/label", None) => {}
            _ => return None,
        }
        place = end + read_char(bytes, end).len;
    }
}

/// True if a tab separates the key from a value that ends the line or the column: `password⇥x1y2z3`.
pub(super) fn in_column(bytes: &[u8], before: Option<EncodedChar>, tab: usize) -> bool {
    let begins = before.is_none_or(|before| matches!(before.byte, b'\n' | b'\r' | b'"' | b'\t'));
    let start = tab + read_char(bytes, tab).len;
    let end = skip_while(bytes, start, MAX_COLUMN, |next| {
        next.byte > b' ' && !is_quote(next.byte)
    });
    begins && end > start && end < start + MAX_COLUMN && skip_blanks(bytes, end) <= end + 1
}

/// Returns the start of the text of an element named by the key: `<property name="password">x`. The flag is true if any
/// text is a value; texts of `string` are mostly user interface labels.
pub(super) fn text_of_named(bytes: &[u8], naming: usize, end: usize) -> Option<(usize, bool)> {
    let open = start_while(bytes, naming, MAX_COLUMN, |byte| byte != b'<');
    let tag = &bytes[open..end_while(bytes, open, MAX_COLUMN, |byte| byte.is_ascii_alphanumeric())];
    if open == 0 || bytes[open - 1] != b'<' || !SETTINGS.has(tag) {
        return None;
    }
    let close = end_while(bytes, end, MAX_TAGS, |byte| byte != b'>');
    if bytes.get(close) != Some(&b'>') || bytes[close - 1] == b'/' {
        return None;
    }
    let inner = skip_whitespace(bytes, close + 1, (end + MAX_TAGS).saturating_sub(close + 1));
    let at = match bytes.get(inner..) {
        Some(rest) if rest.starts_with(b"<value>") => inner + 7,
        _ => close + 1,
    };
    (at < bytes.len()).then_some((at, tag != b"string"))
}
