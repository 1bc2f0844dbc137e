//! Redaction: takes secrets out of everything before it is kept, logged or shown.
//!
//! Two kinds of rules stand side by side. *Keys* say that a value is secret whatever it looks like
//! (`password`, `X-Api-Key`, a URL's `?token=`); *patterns* know secrets by their looks, wherever they stand
//! (bearer tokens, API keys, card numbers). Whatever they find becomes `[redacted]`. Redaction comes before
//! capping, so that no secret survives by being cut in half.

mod keys;
mod patterns;
mod walk;

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use regex::Regex;
use serde_json::Value;

use crate::{
    error::{Error, Result as CrateResult},
    record::Preview,
};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

type OwnRule = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

/// Takes secrets out of texts and JSON. Cloning it is cheap.
///
/// # Examples
///
/// ```
/// use tower_activity::redact::Redactor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let redactor = Redactor::new()
///     .key("membership_number")
///     .pattern("internal ticket", r"TICKET-\d{6}")?
///     .with(|key, text| (key == "email").then(|| text.replace(|c: char| c.is_alphanumeric(), "*")));
///
/// let clean = redactor.text("see https://ann:pw@example.com/?api_key=k1 and TICKET-123456")?;
/// assert_eq!(clean, "see https://[redacted]@example.com/?api_key=[redacted] and [redacted]");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Redactor {
    rules: Arc<Rules>,
}

#[derive(Clone, Default)]
struct Rules {
    /// False: the standard rules are off.
    off: bool,
    keys: Vec<String>,
    patterns: Vec<(String, Regex)>,
    own: Vec<Arc<OwnRule>>,
}

/// A rule of the application panicked: nothing of the payload may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactorPanicked;

impl Redactor {
    /// The standard rules.
    pub fn new() -> Self {
        Redactor::default()
    }

    /// No rules at all: everything is kept as it is.
    pub fn none() -> Self {
        Redactor {
            rules: Arc::new(Rules {
                off: true,
                ..Rules::default()
            }),
        }
    }

    /// Adds a key whose values are secret, in any case and spelling: `apiKey` is `API_KEY` is `api-key`.
    pub fn key(self, key: &str) -> Self {
        self.change(|rules| rules.keys.push(keys::normal(key)))
    }

    /// Adds a pattern; whatever matches it is secret. The name is for people.
    ///
    /// # Errors
    ///
    /// When the pattern is no regular expression, or one that matches nothing at all (the empty text).
    pub fn pattern(self, name: impl Into<String>, pattern: &str) -> CrateResult<Self> {
        let name = name.into();
        let regex = Regex::new(pattern).map_err(|cause| {
            Error::invalid(format!("cannot read the pattern {name:?}: {pattern:?}"))
                .with_source(cause)
        })?;
        if regex.is_match("") {
            return Err(Error::invalid(format!(
                "the pattern {name:?} matches the empty text: {pattern:?}"
            )));
        }
        Ok(self.change(|rules| rules.patterns.push((name, regex))))
    }

    /// Adds a function. It sees every text with the key that it stands under (empty where there is none),
    /// after the other rules, and returns what to keep instead. When it panics nothing of the payload is
    /// kept, and that is counted.
    pub fn with(self, rule: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.change(|rules| rules.own.push(Arc::new(rule)))
    }

    /// Redacts a text.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn text<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, RedactorPanicked> {
        guarded(|| self.rules.text("", text))
    }

    /// Redacts a value that stands under a key.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn value(&self, key: &str, mut value: Value) -> Result<Value, RedactorPanicked> {
        guarded(|| {
            self.rules.walk(key, &mut value, 0);
            value
        })
    }

    /// Redacts a payload, then caps it at so many bytes, at the border of a character.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn preview(&self, payload: &Value, cap: usize) -> Result<Preview, RedactorPanicked> {
        let bytes = payload.to_string().len() as u64;
        let mut text = self.value("", payload.clone())?.to_string();
        let truncated = text.len() > cap;
        if truncated {
            text.truncate(text.floor_char_boundary(cap));
        }
        Ok(Preview::new(text, bytes, truncated))
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }
}

impl Rules {
    fn is_secret(&self, key: &str) -> bool {
        if self.off && self.keys.is_empty() {
            return false;
        }
        let key = keys::normal(key);
        !key.is_empty() && (self.keys.contains(&key) || (!self.off && keys::is_secret(&key)))
    }

    fn text<'a>(&self, key: &str, text: &'a str) -> Cow<'a, str> {
        let mut clean = if self.off {
            Cow::Borrowed(text)
        } else {
            patterns::redact(text, &|key| self.is_secret(key))
        };
        for (_, pattern) in &self.patterns {
            if pattern.is_match(&clean) {
                clean = Cow::Owned(
                    pattern
                        .replace_all(&clean, regex::NoExpand(REDACTED))
                        .into_owned(),
                );
            }
        }
        for own in &self.own {
            if let Some(instead) = own(key, &clean) {
                clean = Cow::Owned(instead);
            }
        }
        clean
    }
}

fn guarded<T>(redact: impl FnOnce() -> T) -> Result<T, RedactorPanicked> {
    catch_unwind(AssertUnwindSafe(redact)).map_err(|_| RedactorPanicked)
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.rules.patterns.iter().map(|(name, _)| name).collect();
        f.debug_struct("Redactor")
            .field("standard", &!self.rules.off)
            .field("keys", &self.rules.keys)
            .field("patterns", &patterns)
            .field("functions", &self.rules.own.len())
            .finish()
    }
}

impl fmt::Display for RedactorPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a redaction rule of the application panicked, nothing of the payload is kept")
    }
}

impl std::error::Error for RedactorPanicked {}
