//! Takes secrets out of JSON as it is written, string by string.
//!
//! A snapshot of a page is nested as deep as the page, too deep for a parser that recurses; and all that can hold a
//! secret in it are strings.

use serde_json::Value;

/// Names of tags, classes and the like: nothing this short, in quotes, is a secret by its looks.
const SHORTEST: usize = 6;

/// The lines, in which every string that says something is what `redact` makes of it under its key.
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
                SHORTEST.. => out.push_str(&redact(key, value(string)).to_string()),
                _ => out.push_str(string),
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Where the string ends that begins with the text.
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

/// What a string says. JavaScript cuts characters in half, and Rust takes none of these; what cannot be understood at
/// all may be a secret.
fn value(string: &str) -> Value {
    serde_json::from_str(string)
        .or_else(|_| serde_json::from_str(&without_halves(string)))
        .unwrap_or_else(|_| "[redacted]".into())
}

/// The string with replacement characters for halves of surrogate pairs.
fn without_halves(string: &str) -> String {
    let mut out = String::with_capacity(string.len());
    let mut rest = string;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let next = escape.get(6..).unwrap_or_default();
        let length = match (unit(escape), unit(next)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(_), _) => 6,
            (None, _) => escape
                .char_indices()
                .nth(2)
                .map_or(escape.len(), |(at, _)| at),
        };
        let (escape, after) = escape.split_at(length);
        out.push_str(match unit(escape) {
            Some(0xd800..=0xdfff) if length == 6 => "\\ufffd",
            _ => escape,
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The UTF-16 code unit whose escape the text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_redacted_under_their_keys_however_deep_they_are() {
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
