//! Fingerprints: failures with the same name, type and message, whatever varies in the message.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    error::Error,
    record::{ActivityRecord, Status, fnv1a},
};

/// How much of a message is looked at, in bytes.
const MAX_BYTES: usize = 1024;
/// What stands for a variable part of a message.
const VARIABLE: &str = "…";
/// Words after which a short number is a code, which tells failures apart.
const CODE_PREFIXES: [&str; 6] = ["http", "status", "code", "error", "errno", "signal"];

/// What failures of one kind have in common: a hash of their name, error type and [message template](message_template).
///
/// Failures with one fingerprint are one group of [`errors`](crate::query::ActivityReader::errors), and the filter
/// `fingerprint:` finds them. It is written as 16 hexadecimal digits. A fingerprint is 64 bits: two of 10,000 groups meet with a
/// probability of 1 to 370 billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Returns the fingerprint of failures with this name, error type and message.
    pub fn new(name: &str, error_type: Option<&str>, message: Option<&str>) -> Self {
        let template = message.map(message_template).unwrap_or_default();
        let texts = [name, error_type.unwrap_or_default(), &template];
        // 0xff is in no text.
        let bytes = texts
            .into_iter()
            .flat_map(|text| text.bytes().chain([0xff]));
        // 0 is reserved for the overflow group.
        Fingerprint(fnv1a(bytes).max(1))
    }

    /// Returns the fingerprint of a failed activity.
    pub fn of(activity: &ActivityRecord) -> Option<Self> {
        let texts = (activity.error_type.as_deref(), activity.message.as_deref());
        (activity.status == Status::Failed)
            .then(|| Fingerprint::new(&activity.name, texts.0, texts.1))
    }

    /// Returns the number, which is stored.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "clickhouse"))]
    pub(crate) fn number(self) -> i64 {
        self.0.cast_signed()
    }

    /// Returns the fingerprint with a stored number.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "clickhouse"))]
    pub(crate) fn from_number(number: i64) -> Self {
        Fingerprint(number.cast_unsigned())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(Fingerprint).ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is not a fingerprint · it has 16 hexadecimal digits"
            ))
        })
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Returns the first line of a message without its variable parts: `no such user us4711` is `no such user …`.
///
/// Variable are words with a digit, an `@` or a path in them, hexadecimal numbers, and texts in double or single quotes. A
/// number of up to three digits after a word such as `HTTP`, `status` or `error` is a code and stays. Only the first KiB is
/// looked at.
///
/// # Examples
///
/// ```
/// use tower_activity::record::message_template;
///
/// let template = message_template("HTTP 502 from 10.0.3.17:5432 after 3 retries for 'ann'\nat line 9");
/// assert_eq!(template, "HTTP 502 from … after … retries for …");
/// ```
pub fn message_template(message: &str) -> String {
    let line = message.trim_start().lines().next().unwrap_or_default();
    let line = line[..line.floor_char_boundary(MAX_BYTES)].trim_end();
    let mut template = Template::default();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = quoted_length(rest, first, template.last_char) {
            template.push_variable();
            rest = &rest[length..];
            template.last_char = Some(first);
        } else if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            // A full stop or colon at the end belongs to the sentence.
            let word = rest[..end].trim_end_matches(['.', ':', '-', '/']);
            let word = if word.is_empty() { &rest[..end] } else { word };
            template.push_word(word);
            rest = &rest[word.len()..];
        } else {
            template.push_char(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    template.finish()
}

/// Returns the length of the quoted text at the start, with its quotes. An apostrophe within a word opens none.
fn quoted_length(rest: &str, first: char, before: Option<char>) -> Option<usize> {
    let closing = match first {
        '"' => '"',
        '\'' if before.is_none_or(|c| !c.is_alphanumeric()) => '\'',
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    // At most a KiB for each character of a KiB.
    let inner = &rest[first.len_utf8()..];
    Some(first.len_utf8() + inner.find(closing)? + closing.len_utf8())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_-.:/@+%#&=?~\\$*".contains(c)
}

fn is_variable(word: &str) -> bool {
    let is_hex = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex
        || word.chars().any(char::is_numeric)
        || word.contains('@')
        || word.contains("://")
        || (word.starts_with(['/', '~']) && word.len() > 1)
        || word.contains(":\\")
}

#[derive(Default)]
struct Template {
    text: String,
    /// Separators since the last variable part, which a following one swallows: lists of any length are one.
    pending: Option<String>,
    last_word: String,
    last_char: Option<char>,
}

impl Template {
    fn push_word(&mut self, word: &str) {
        self.last_char = word.chars().next_back();
        let is_code = word.len() <= 3
            && word.bytes().all(|byte| byte.is_ascii_digit())
            && CODE_PREFIXES.contains(&&*self.last_word);
        if word.contains(char::is_alphanumeric) {
            self.last_word = word.to_lowercase();
        }
        // Not a closing tag of HTML.
        let is_element = self.text.ends_with('<') && word.starts_with('/');
        match is_variable(word) && !is_code && !is_element {
            true => self.push_variable(),
            false => self.push_text(word),
        }
    }

    fn push_variable(&mut self) {
        if self.pending.is_none() {
            self.text.push_str(VARIABLE);
        }
        self.pending = Some(String::new());
    }

    fn push_char(&mut self, c: char) {
        self.last_char = Some(c);
        match &mut self.pending {
            Some(pending) if c.is_whitespace() || ",;|".contains(c) => pending.push(c),
            _ => self.push_text(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn push_text(&mut self, text: &str) {
        if let Some(pending) = self.pending.take() {
            self.text.push_str(&pending);
        }
        self.text.push_str(text);
    }

    fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_are_taken_out() {
        let check = |message: &str, expected: &str| assert_eq!(message_template(message), expected);
        check("no such user us4711", "no such user …");
        check("no such user ann@example.com", "no such user …");
        check(
            "cannot open /home/ann/a.txt: denied",
            "cannot open …: denied",
        );
        check(
            "cannot open C:\\Users\\ann: denied",
            "cannot open …: denied",
        );
        check("GET https://a.example/b?c=d failed", "GET … failed");
        check(
            "id 0199e5a2-7c00-7000-8000-000000000000 is gone",
            "id … is gone",
        );
        check("commit deadbeef not found", "commit … not found");
        check("took 12 ms, 13 ms", "took … ms, … ms");
        check("ids [1, 2, 3] are taken", "ids […] are taken");
        check("ids [1] are taken", "ids […] are taken");
        check("unknown column 'price' in \"x y\"", "unknown column … in …");
        check("it's Ann's turn", "it's Ann's turn");
        check("don't 'quote' it", "don't … it");
        check("an open 'quote", "an open 'quote");
        check("HTTP 502 Bad Gateway", "HTTP 502 Bad Gateway");
        check("HTTP 502", "HTTP 502");
        check("(os error 104)", "(os error 104)");
        check("error 1234567", "error …");
        check("status: 404", "status: 404");
        check(
            "called `Option::unwrap()` on a `None` value",
            "called `Option::unwrap()` on a `None` value",
        );
        check("\n  first line 1 \nsecond", "first line …");
        check("Benutzer №７ fehlt", "Benutzer №… fehlt");
        check("", "");
        check("42", "…");
        check("<p>a</p>", "<p>a</p>");
        check("<h1>a</h1>", "<…>a</h1>");
    }

    #[test]
    fn long_messages_are_looked_at_up_to_a_kib() {
        let quotes = "'".repeat(1 << 20);
        assert!(message_template(&quotes).len() <= MAX_BYTES);
        let letters = "ä".repeat(1 << 20);
        assert!(message_template(&letters).len() <= MAX_BYTES);
    }

    #[test]
    fn failures_that_differ_in_a_constant_part_are_told_apart() {
        let one = Fingerprint::new("login", Some("tool_error"), Some("no such user us1"));
        let same = Fingerprint::new("login", Some("tool_error"), Some("no such user us2"));
        assert_eq!(one, same);
        for (name, error_type, message) in [
            ("logout", Some("tool_error"), Some("no such user us1")),
            ("login", Some("panic"), Some("no such user us1")),
            ("login", None, Some("no such user us1")),
            ("login", Some("tool_error"), Some("no such account us1")),
            ("login", Some("tool_error"), None),
        ] {
            assert_ne!(one, Fingerprint::new(name, error_type, message));
        }
    }

    #[test]
    fn a_fingerprint_is_written_as_hexadecimal_digits_and_never_changes() {
        let one = Fingerprint::new("login", Some("tool_error"), Some("no such user us1"));
        assert_eq!(one.to_string(), "598ad8a92ae54871");
        assert_eq!(one.to_string().parse::<Fingerprint>().unwrap(), one);
        for text in [
            "",
            "1",
            "+000000000000001",
            "000000000000000g",
            "00000000000000000",
        ] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
