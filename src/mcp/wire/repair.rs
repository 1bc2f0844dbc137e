//! JSON that was cut: its beginning, closed.

use serde_json::Value;

/// Parses the beginning of a value, whose last part may be incomplete; `None` if it is not JSON.
pub(super) fn parse_beginning(json: &[u8]) -> Option<Value> {
    serde_json::from_slice(&closed(json)).ok()
}

/// Closes the strings, arrays and objects that a cut has left open. A key without a value is removed.
fn closed(json: &[u8]) -> Vec<u8> {
    let mut open = Vec::new();
    // After the last complete value or opening bracket, and the brackets that are open there.
    let (mut end, mut open_at_end) = (0, 0);
    let mut is_key = false;
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => match string_end(&json[at + 1..]) {
                Some(length) => {
                    at += length + 1;
                    if !is_key {
                        (end, open_at_end) = (at + 1, open.len());
                    }
                }
                None if is_key => break,
                None => {
                    let text = whole_characters(&json[at..]);
                    let mut closed = [&json[..at], text, b"\""].concat();
                    closed.extend(open.iter().rev());
                    return closed;
                }
            },
            bracket @ (b'{' | b'[') => {
                is_key = bracket == b'{';
                open.push(if is_key { b'}' } else { b']' });
                (end, open_at_end) = (at + 1, open.len());
            }
            b'}' | b']' => {
                open.pop();
                (end, open_at_end) = (at + 1, open.len());
            }
            b':' => is_key = false,
            b',' => {
                // A number or word before it is complete.
                (end, open_at_end) = (at, open.len());
                is_key = open.last() == Some(&b'}');
            }
            _ => {}
        }
        at += 1;
    }
    open.truncate(open_at_end);
    let mut closed = json[..end].to_vec();
    closed.extend(open.iter().rev());
    closed
}

/// Returns the position of the quote that ends a string.
fn string_end(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match rest.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Removes an escape or a character that was cut from the end of a string's beginning, which starts with its quote.
fn whole_characters(string: &[u8]) -> &[u8] {
    let mut end = 1;
    let mut at = 1;
    while at < string.len() {
        at += match string[at] {
            b'\\' if string.get(at + 1) == Some(&b'u') => 6,
            b'\\' => 2,
            _ => 1,
        };
        // The first half of a pair means nothing alone.
        let whole = string.get(..at);
        let is_half = |whole: &[u8]| whole.len() >= 6 && is_first_half(&whole[whole.len() - 6..]);
        if whole.is_some_and(|whole| !is_half(whole)) {
            end = at;
        }
    }
    match std::str::from_utf8(&string[..end]) {
        Ok(_) => &string[..end],
        Err(error) if error.error_len().is_none() => &string[..error.valid_up_to()],
        Err(_) => &string[..end],
    }
}

/// True for `\ud800` to `\udbff`.
fn is_first_half(escape: &[u8]) -> bool {
    matches!(
        escape,
        [
            b'\\',
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a' | b'A' | b'b' | b'B',
            ..
        ]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_of_a_value_is_closed() {
        let object =
            r#"{"a":[1,-2.5e3,{"b":"x\"yé😀\ud83d\ude00\\"},true,null],"c":{},"d":"","e\"":[[]]}"#;
        // Escapes in strings that are shorter than one.
        let short = r#"["\u00e9","a\ud83d\ude00","\\","ab\n"]"#;
        for json in [object, short] {
            for end in 1..=json.len() {
                let closed = closed(&json.as_bytes()[..end]);
                let value: Result<Value, _> = serde_json::from_slice(&closed);
                let text = String::from_utf8_lossy(&closed);
                let from = &json[..json.floor_char_boundary(end)];
                assert!(value.is_ok(), "{text} of {from}");
            }
        }
        assert_eq!(closed(object.as_bytes()), object.as_bytes());
    }
}
