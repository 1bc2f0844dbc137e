//! Patterns: texts with wildcards.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Text, snake_case};

/// A text in which each wildcard stands for any characters, or none.
///
/// Case matters. In the grammar a wildcard is a `*` outside of quotes.
///
/// # Examples
///
/// ```
/// use tower_activity::record::Pattern;
///
/// let pattern = Pattern::glob("login*");
/// assert!(pattern.matches("login_again"));
/// assert!(!pattern.matches("relogin"));
/// assert!(Pattern::exact("GET /*").matches("GET /*"));
/// assert_eq!(Pattern::exact("GET /*").to_string(), r#""GET /*""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern {
    /// The texts between the wildcards; never empty.
    #[serde(deserialize_with = "not_empty")]
    parts: Vec<String>,
}

impl Pattern {
    /// Creates a pattern that matches exactly this text.
    pub fn exact(text: impl Into<String>) -> Self {
        Pattern {
            parts: vec![text.into()],
        }
    }

    /// Creates a pattern in which every `*` is a wildcard.
    pub fn glob(text: &str) -> Self {
        Pattern::from_parts(text.split('*').map(str::to_owned).collect())
    }

    /// Creates a pattern from the texts between its wildcards. No parts are one empty part.
    pub(crate) fn from_parts(mut parts: Vec<String>) -> Self {
        if parts.is_empty() {
            parts.push(String::new());
        }
        Pattern { parts }
    }

    /// Returns the text that the pattern matches; `None` if it has wildcards.
    pub fn as_exact(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// Returns the text that the only one of these patterns matches; `None` if there are several, or if it has wildcards.
    pub(crate) fn only_exact(patterns: &[Pattern]) -> Option<&str> {
        match patterns {
            [one] => one.as_exact(),
            _ => None,
        }
    }

    /// Returns the texts between the wildcards: one if there is no wildcard.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// Returns the pattern in the spelling of event types.
    pub(crate) fn in_snake_case(&self) -> Pattern {
        match self.as_exact() {
            Some(text) => Pattern::exact(snake_case(&Text::from(text.to_owned())).as_str()),
            None => Pattern::from_parts(self.parts().map(str::to_lowercase).collect()),
        }
    }

    /// Returns true if the pattern matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.as_exact() == Some(text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Pattern::exact(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.as_exact() == Some("") {
            return f.write_str("\"\"");
        }
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str("*")?;
            }
            if part.contains(|c: char| c.is_whitespace() || c.is_control() || "\",*\\".contains(c))
            {
                quoted(f, part)?;
            } else {
                f.write_str(part)?;
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
        check("Login*", "login", false);
        check("é*", "état", true);
        check("a**b", "a/b", true);
    }
}
