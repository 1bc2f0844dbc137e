//! Redacts the strings of JSON text without parsing its structure.
//!
//! A snapshot of a page is nested as deeply as the page, too deeply for a recursive parser, and only its strings can
//! contain secrets.

use serde_json::Value;

/// Minimum length of a redacted string, including its quotes: shorter ones are names of tags and classes.
const MIN_STRING: usize = 6;

/// Replaces every string value by the result of `redact`, which also receives its key.
pub(super) fn lines(text: &str, redact: impl Fn(&str, Value) -> Value) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut key) = (text, "");
    while let Some(at) = rest.find('"') {
        let (before, string) = rest.split_at(at);
        let (string, after) = string.split_at(string_end(string));
        out.push_str(before);
        if after.starts_with(':') {
            key = string.trim_matches('"');
            out.push_str(string);
        } else {
            match string.len() {
                MIN_STRING.. => out.push_str(&redact(key, parse_string(string)).to_string()),
                _ => out.push_str(string),
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Returns the end of the string at the start of `text`.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Parses a string. JavaScript may split surrogate pairs, and lone surrogates are invalid in Rust. A string that cannot be
/// parsed is replaced, because it may contain a secret.
fn parse_string(string: &str) -> Value {
    serde_json::from_str(string)
        .or_else(|_| serde_json::from_str(&replace_lone_surrogates(string)))
        .unwrap_or_else(|_| "[redacted]".into())
}

/// Replaces lone surrogates by U+FFFD.
fn replace_lone_surrogates(string: &str) -> String {
    let mut out = String::with_capacity(string.len());
    let mut rest = string;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let next = escape.get(6..).unwrap_or_default();
        let length = match (code_unit(escape), code_unit(next)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(_), _) => 6,
            (None, _) => escape
                .char_indices()
                .nth(2)
                .map_or(escape.len(), |(at, _)| at),
        };
        let (escape, after) = escape.split_at(length);
        out.push_str(match code_unit(escape) {
            Some(0xd800..=0xdfff) if length == 6 => "\\ufffd",
            _ => escape,
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Parses the UTF-16 escape at the start of `text`.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_redacted_by_key_at_any_depth() {
        let redact = |key: &str, value: Value| match (key, value.as_str()) {
            ("secret", _) | (_, Some("a \"secret\"")) => Value::from("gone"),
            _ => value,
        };
        let check = |text: &str, expected: &str| {
            assert_eq!(lines(text, redact), expected);
            let deep =
                |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
            assert_eq!(lines(&deep(text), redact), deep(expected));
        };
        check(
            r#"{"secret":"abcdef","n":17}"#,
            r#"{"secret":"gone","n":17}"#,
        );
        check(
            r#"{"text":"a \"secret\"","x":"\\"}"#,
            r#"{"text":"gone","x":"\\"}"#,
        );
        check(r#"{"other":"secret"}"#, r#"{"other":"secret"}"#);
        assert_eq!(lines(r#"["unended"#, redact), r#"["[redacted]""#);
        check(r#"["no \x escape"]"#, r#"["[redacted]"]"#);
        check(r#"{"secret":"abc\ud83d"}"#, r#"{"secret":"gone"}"#);
        check(
            r#"["\udc00 \ud83d\ude00 \ud83d\ud83d\\ud83d\n"]"#,
            "[\"\u{fffd} \u{1f600} \u{fffd}\u{fffd}\\\\ud83d\\n\"]",
        );
    }
}
