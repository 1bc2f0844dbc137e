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
            match serde_json::from_str::<Value>(string) {
                Ok(value) if string.len() >= SHORTEST => {
                    out.push_str(&redact(key, value).to_string());
                }
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
        check(r#"["unended"#, r#"["unended"#);
    }
}
