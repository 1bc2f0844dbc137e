//! Patterns: texts with wildcards, in any case or exactly as written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Text, fold, snake_case};

/// A text in which each wildcard stands for any characters, or none.
///
/// [`exact`](Self::exact) patterns match a text as it is written; all others match it in any case, as Unicode defines it:
/// `STRASSE` is `straße`. In the grammar a wildcard is a `*` outside of quotes, and `=` before a value makes its case matter:
/// `project:=Acme`.
///
/// # Examples
///
/// ```
/// use tower_activity::record::Pattern;
///
/// let pattern = Pattern::glob("login*");
/// assert!(pattern.matches("Login_again"));
/// assert!(!pattern.matches("relogin"));
/// assert!(!Pattern::exact("login").matches("Login"));
/// assert!(Pattern::exact("GET /*").matches("GET /*"));
/// assert_eq!(Pattern::exact("GET /*").to_string(), r#"="GET /*""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The texts between the wildcards; never empty.
    #[serde(deserialize_with = "not_empty")]
    parts: Vec<String>,
    case: Case,
}

/// Whether the case of letters matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Case {
    Any,
    Exact,
}

impl Pattern {
    /// Creates a pattern that matches exactly this text: for filters that restrict what a user may see.
    pub fn exact(text: impl Into<String>) -> Self {
        Pattern::any_case(text).exactly()
    }

    /// Creates a pattern that matches this text in any case.
    pub fn any_case(text: impl Into<String>) -> Self {
        Pattern::from_parts(vec![text.into()])
    }

    /// Creates a pattern in which every `*` is a wildcard, and that matches texts in any case.
    pub fn glob(text: &str) -> Self {
        Pattern::from_parts(text.split('*').map(str::to_owned).collect())
    }

    /// Creates a pattern from the texts between its wildcards. No parts are one empty part.
    pub(crate) fn from_parts(mut parts: Vec<String>) -> Self {
        if parts.is_empty() {
            parts.push(String::new());
        }
        Pattern {
            parts,
            case: Case::Any,
        }
    }

    /// Returns the pattern for texts in the case in which it is written.
    #[must_use]
    pub fn exactly(mut self) -> Self {
        self.case = Case::Exact;
        self
    }

    /// Returns the only text that the pattern matches; `None` if it has wildcards, or matches texts in any case.
    pub fn as_exact(&self) -> Option<&str> {
        self.as_text().filter(|_| self.case == Case::Exact)
    }

    /// Returns the text of a pattern without wildcards.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// Returns the text that the only one of these patterns matches; `None` if there are several, or if it matches others.
    pub(crate) fn only_exact(patterns: &[Pattern]) -> Option<&str> {
        match patterns {
            [one] => one.as_exact(),
            _ => None,
        }
    }

    /// Returns true if the pattern matches every text.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.parts.len() > 1 && self.parts.iter().all(String::is_empty)
    }

    /// Returns the texts between the wildcards: one if there is no wildcard.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// Returns the pattern in the spelling of event types. Types have one spelling, so that one without wildcards is exact, and
    /// found by an index.
    pub(crate) fn in_snake_case(&self) -> Pattern {
        let last = self.parts.len() - 1;
        let parts = self.parts.iter().enumerate().map(|(index, part)| {
            let is_separator = |c: char| !c.is_alphanumeric();
            let words = snake_case(&Text::from(part.clone()));
            // Separators beside a wildcard stand between words.
            let before = index > 0 && part.starts_with(is_separator);
            let after = index < last && !words.is_empty() && part.ends_with(is_separator);
            let separator = |is_there| if is_there { "_" } else { "" };
            [separator(before), words.as_str(), separator(after)].concat()
        });
        let pattern = Pattern::from_parts(parts.collect());
        match pattern.as_text() {
            Some(_) => pattern.exactly(),
            None => pattern,
        }
    }

    /// Returns true if the pattern matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        match self.case {
            Case::Exact => matches(&self.parts, text),
            Case::Any => {
                let parts: Vec<_> = self.parts.iter().map(|part| fold(part)).collect();
                matches(&parts, &fold(text))
            }
        }
    }
}

/// Returns true if the text is made of these parts and any characters between them.
fn matches(parts: &[impl AsRef<str>], text: &str) -> bool {
    let (first, middle, last) = match parts {
        [only] => return only.as_ref() == text,
        [first, middle @ .., last] => (first.as_ref(), middle, last.as_ref()),
        [] => return false,
    };
    let rest = text.strip_prefix(first);
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    for part in middle.iter().map(AsRef::as_ref) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Pattern::exact(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.case == Case::Exact {
            f.write_str("=")?;
        }
        if self.as_text() == Some("") {
            return f.write_str("\"\"");
        }
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str("*")?;
            }
            let odd = |c: char| c.is_whitespace() || c.is_control() || "\",*\\".contains(c);
            // What begins with these would be read as an exact text, a comparison or a range.
            let is_operator = part.starts_with(['=', '<', '>']) || part.contains("..");
            match is_operator || part.contains(odd) {
                true => quoted(f, part)?,
                false => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Writes a text in quotes.
pub(super) fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if c == '"' || c == '\\' {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

fn not_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(deserializer).map(|parts| Pattern::from_parts(parts).parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_any_characters() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(
                Pattern::glob(pattern).matches(text),
                expected,
                "{pattern} on {text}"
            );
        };
        check("login", "login", true);
        check("login", "login2", false);
        check("*", "", true);
        check("", "", true);
        check("", "x", false);
        check("a*b", "ab", true);
        check("a*a", "a", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c", false);
        check("*_search", "amazon_search", true);
        check("Login*", "login", true);
        check("É*", "état", true);
        check("stra*E", "STRAßE", true);
        check("a**b", "a/b", true);
    }

    #[test]
    fn the_case_of_an_exact_pattern_matters() {
        let check = |pattern: Pattern, text: &str, expected: bool| {
            assert_eq!(pattern.matches(text), expected, "{pattern} on {text}");
        };
        check(Pattern::exact("Ann"), "Ann", true);
        check(Pattern::exact("Ann"), "ann", false);
        check(Pattern::any_case("Ann"), "aNN", true);
        check(Pattern::any_case("a*"), "ab", false);
        check(Pattern::glob("Ann*").exactly(), "Ann B", true);
        check(Pattern::glob("Ann*").exactly(), "ann B", false);
    }
}
