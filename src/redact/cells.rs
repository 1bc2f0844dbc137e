//! Cells and elements beside a key, where its value stands: tables of Markdown and HTML, property lists, columns.

use std::sync::LazyLock;

use crate::redact::{
    rules::Words,
    spell::{Spelled, blanks_end, end_of, is_quote, read, skip, spaces_end, start_of},
};

/// How far the tags between a key and its value are read, in bytes.
const TAGS: usize = 96;

/// How long a value behind a tab is at most, in bytes.
const COLUMN: usize = 64;

/// Tags of settings, whose text is the value of the name that they have.
static SETTINGS: LazyLock<Words> = LazyLock::new(|| Words::read("settings"));

/// True where a cell of Markdown begins before the key: `| **`, `|`.
pub(super) fn begins_cell(bytes: &[u8], start: usize) -> bool {
    let of_cell = |byte: u8| byte.is_ascii_alphanumeric() || b" *`_\t".contains(&byte);
    let cell = start_of(bytes, start, 32, of_cell);
    cell > 0 && bytes[cell - 1] == b'|'
}

/// The tag whose text is the value of the key that ends at `at`: `</td><td>`, `</key><string>`. Returns where the value
/// begins, and what parts it: `|` for a cell, `>` for an element.
pub(super) fn next_cell(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let limit = at + TAGS;
    let (mut place, mut closed, mut separator) = (at, None::<&[u8]>, None);
    loop {
        place = spaces_end(bytes, place, limit.saturating_sub(place));
        let open = read(bytes, place);
        if place >= bytes.len().min(limit) || open.byte != b'<' {
            return separator.map(|separator| (place, separator));
        }
        let name = place + open.len;
        let end = skip(bytes, name, limit.saturating_sub(name), |next| {
            !matches!(next.byte, b'>' | b'<')
        });
        if end >= bytes.len().min(limit) || read(bytes, end).byte != b'>' {
            return None;
        }
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/-".contains(&byte);
        match (
            &bytes[name..end_of(bytes, name, end - name, of_name)],
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
        place = end + read(bytes, end).len;
    }
}

/// True where a tab parts the key from a value that ends the line or the column: `password⇥x1y2z3`.
pub(super) fn in_column(bytes: &[u8], before: Option<Spelled>, tab: usize) -> bool {
    let begins = before.is_none_or(|before| matches!(before.byte, b'\n' | b'\r' | b'"' | b'\t'));
    let start = tab + read(bytes, tab).len;
    let end = skip(bytes, start, COLUMN, |next| {
        next.byte > b' ' && !is_quote(next.byte)
    });
    begins && end > start && end < start + COLUMN && blanks_end(bytes, end) <= end + 1
}

/// Where the text begins of the element whose tag has the key as a name: `<property name="password">x`. True where any
/// text is a value: those of `string` are mostly of a user interface.
pub(super) fn text_of_named(bytes: &[u8], naming: usize, end: usize) -> Option<(usize, bool)> {
    let open = start_of(bytes, naming, COLUMN, |byte| byte != b'<');
    let tag = &bytes[open..end_of(bytes, open, COLUMN, |byte| byte.is_ascii_alphanumeric())];
    if open == 0 || bytes[open - 1] != b'<' || !SETTINGS.has(tag) {
        return None;
    }
    let close = end_of(bytes, end, TAGS, |byte| byte != b'>');
    if bytes.get(close) != Some(&b'>') || bytes[close - 1] == b'/' {
        return None;
    }
    let inner = spaces_end(bytes, close + 1, (end + TAGS).saturating_sub(close + 1));
    let at = match bytes.get(inner..) {
        Some(rest) if rest.starts_with(b"<value>") => inner + 7,
        _ => close + 1,
    };
    (at < bytes.len()).then_some((at, tag != b"string"))
}
