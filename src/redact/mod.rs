//! Redaction: takes secrets out of everything before it is kept, logged or shown.
//!
//! Two kinds of rules stand side by side. *Keys* say that a value is secret whatever it looks like
//! (`password`, `X-Api-Key`, a URL's `?token=`); *patterns* know secrets by their looks, wherever they stand
//! (bearer tokens, API keys, card numbers). Whatever they find becomes `[redacted]`. Redaction comes before
//! capping, so that no secret survives by being cut in half.

mod cards;
mod keys;
mod pairs;
mod percent;
mod plain;
mod shapes;
mod text;
mod value;
mod walk;

#[cfg(test)]
mod tests;

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
    redact::{keys::Key, walk::Walk},
};

#[cfg(feature = "http")]
pub(crate) use percent::decoded as percent_decoded;

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
    /// In normal form.
    keys: Vec<Vec<u8>>,
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
        self.change(|rules| rules.keys.push(Key::of(key).as_bytes().to_vec()))
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
        guarded(|| self.rules.string("", text, 0))
    }

    /// Redacts a value that stands under a key.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn value(&self, key: &str, value: Value) -> Result<Value, RedactorPanicked> {
        match value {
            Value::String(text) if text.is_empty() || !self.rules.is_secret(&Key::of(key)) => {
                self.string(key, text)
            }
            value => self.walk(key, value),
        }
    }

    /// Redacts a value that stands under a name of this crate's own. No standard rule takes that for a secret's.
    pub(crate) fn named(
        &self,
        name: &'static str,
        value: Value,
    ) -> Result<Value, RedactorPanicked> {
        match value {
            Value::String(text) if self.rules.keys.is_empty() => self.string(name, text),
            value => self.value(name, value),
        }
    }

    /// Keeps the text as it is where nothing is found in it.
    fn string(&self, key: &str, text: String) -> Result<Value, RedactorPanicked> {
        let clean = guarded(|| match self.rules.string(key, &text, 0) {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        })?;
        Ok(Value::String(clean.unwrap_or(text)))
    }

    fn walk(&self, key: &str, value: Value) -> Result<Value, RedactorPanicked> {
        let mut too_deep = true;
        let clean = guarded(|| {
            let mut walk = Walk::new(&self.rules, usize::MAX);
            let clean = walk.value(key, &value, 0);
            too_deep = walk.too_deep;
            clean
        });
        if too_deep {
            walk::drop_deep(value);
        }
        clean
    }

    /// Redacts a payload, then caps it at so many bytes, at the border of a character.
    ///
    /// What would be cut off in any case is not looked at.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn preview(&self, payload: &Value, cap: usize) -> Result<Preview, RedactorPanicked> {
        let bytes = walk::json_bytes(payload);
        let limit = cap.saturating_add(1);
        let mut text = guarded(|| {
            Walk::new(&self.rules, limit)
                .value("", payload, 0)
                .to_string()
        })?;
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
    fn is_secret(&self, key: &Key) -> bool {
        self.is_own(key) || (!self.off && key.is_secret())
    }

    /// Like [`is_secret`](Self::is_secret), for several words of a text.
    fn is_secret_phrase(&self, key: &Key) -> bool {
        self.is_own(key) || (!self.off && key.is_secret_phrase())
    }

    fn is_harmless(&self, key: &Key) -> bool {
        !self.is_own(key) && key.is_harmless()
    }

    fn is_own(&self, key: &Key) -> bool {
        self.keys.iter().any(|own| own == key.as_bytes())
    }

    fn text<'a>(&self, key: &str, text: &'a str) -> Cow<'a, str> {
        self.with_own(key, text::redact(self, text))
    }

    /// The patterns and functions of the application.
    fn with_own<'a>(&self, key: &str, mut clean: Cow<'a, str>) -> Cow<'a, str> {
        for (_, pattern) in &self.patterns {
            text::replace(&mut clean, |text, from| unmarked(pattern, text, from));
        }
        match self.own_text(key, &clean) {
            Some(instead) => Cow::Owned(instead),
            None => clean,
        }
    }

    /// What the functions of the application put instead of a text, if anything.
    fn own_text(&self, key: &str, text: &str) -> Option<String> {
        self.own.iter().fold(None, |instead, own| {
            own(key, instead.as_deref().unwrap_or(text)).or(instead)
        })
    }
}

/// The first match at or after `from` that is not part of a mark.
fn unmarked(pattern: &Regex, text: &str, mut from: usize) -> Option<(usize, usize)> {
    while from <= text.len() {
        let found = pattern.find_at(text, from)?;
        let near = text.floor_char_boundary(found.start().saturating_sub(REDACTED.len() - 1));
        let marked = text[near..]
            .find(REDACTED)
            .map(|start| near + start)
            .is_some_and(|start| start <= found.start() && found.end() <= start + REDACTED.len());
        if !marked && !found.is_empty() {
            return Some((found.start(), found.end()));
        }
        from = text.ceil_char_boundary(found.end().max(from + 1));
    }
    None
}

fn guarded<T>(redact: impl FnOnce() -> T) -> Result<T, RedactorPanicked> {
    catch_unwind(AssertUnwindSafe(redact)).map_err(|_| RedactorPanicked)
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.rules.patterns.iter().map(|(name, _)| name).collect();
        let keys: Vec<_> = self
            .rules
            .keys
            .iter()
            .map(|key| String::from_utf8_lossy(key))
            .collect();
        f.debug_struct("Redactor")
            .field("standard", &!self.rules.off)
            .field("keys", &keys)
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
