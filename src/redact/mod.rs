//! Redaction: removes secrets from everything before it is stored, logged or shown.
//!
//! There are two kinds of rules. *Keys* name a secret value of any form (`password`, `X-Api-Key`, `?token=` in a URL);
//! *patterns* match secrets by their form, anywhere (bearer tokens, API keys, card numbers). Matches are replaced by
//! `[redacted]`. Redaction happens before truncation, so that no secret survives because it was cut in half.

mod automaton;
mod bounds;
mod browser_input;
mod cards;
mod cells;
mod commands;
mod encoded_char;
mod formats;
mod heuristics;
mod json;
mod key_span;
mod keys;
mod multiline;
mod name_field;
mod pass;
mod prose;
mod quotes;
mod raw_preview;
mod redacted_debug;
mod rule_cache;
mod rules;
mod scan;
mod shapes;
mod value;
mod window;
mod yaml_tags;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use regex::Regex;
use serde_json::Value;

use crate::{
    error::{Error, Result as CrateResult},
    record::Preview,
    redact::{automaton::Automaton, json::JsonRedactor, keys::Key, window::MAX_RULE},
};

pub(crate) use raw_preview::RawPreview;
pub(crate) use redacted_debug::RedactedDebug;

/// The mark that replaces a secret.
pub const REDACTED: &str = "[redacted]";

/// Time for one text above which a custom pattern is reported in the log, once.
const SLOW: Duration = Duration::from_millis(20);

type RuleFn = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

/// Redacts texts and JSON. Cloning is cheap.
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

/// A text that needs every list: keys in two scripts, values, prose and cells.
const SAMPLE: &str = "{\"name\": \"password\", \"value\": \"x\"}\npassword is required, see https://a:b@c\n\
                      пароль: x\n| token | x |\nkey: !!str x\ncurl -u a:b\nAuthorization: Bearer x";

#[derive(Clone, Default)]
struct Rules {
    /// True if the standard rules are off.
    off: bool,
    /// Custom keys.
    keys: Vec<Key>,
    /// Custom patterns: name and regular expression.
    patterns: Vec<(String, String)>,
    /// The patterns, combined into as few expressions as possible.
    compiled: Vec<Regex>,
    /// True once a slow pattern was reported.
    slow_reported: Arc<AtomicBool>,
    functions: Vec<Arc<RuleFn>>,
    /// Built if there are custom keys, or the standard rules are off.
    automaton: OnceLock<Arc<Automaton>>,
}

/// A custom function panicked: nothing of the payload may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactorPanicked;

impl Redactor {
    /// Creates a redactor with the standard rules.
    pub fn new() -> Self {
        Redactor::default()
    }

    /// Creates a redactor without rules, which changes nothing.
    pub fn none() -> Self {
        Redactor {
            rules: Arc::new(Rules {
                off: true,
                ..Rules::default()
            }),
        }
    }

    /// Adds a key whose values are secret, in any case and spelling: `apiKey`, `API_KEY` and `api-key` are the same.
    pub fn key(self, key: &str) -> Self {
        self.change(|rules| rules.keys.push(Key::new(key.as_bytes())))
    }

    /// Adds a regular expression whose matches are secret. Its name appears in the log, once, if it takes more than 20 ms
    /// for a text.
    ///
    /// # Errors
    ///
    /// If the pattern is not a valid regular expression, or matches the empty text.
    pub fn pattern(self, name: impl Into<String>, pattern: &str) -> CrateResult<Self> {
        let name = name.into();
        let regex = Regex::new(pattern).map_err(|cause| {
            Error::invalid(format!("cannot parse the pattern {name:?}: {pattern:?}"))
                .with_source(cause)
        })?;
        if regex.is_match("") {
            return Err(Error::invalid(format!(
                "the pattern {name:?} matches the empty text: {pattern:?}"
            )));
        }
        Ok(self.change(|rules| {
            rules.patterns.push((name, pattern.to_owned()));
            let all: Vec<String> = rules
                .patterns
                .iter()
                .map(|(_, pattern)| format!("(?:{pattern})"))
                .collect();
            // Patterns may share the name of a group, or be too large when combined.
            match Regex::new(&all.join("|")) {
                Ok(all) => rules.compiled = vec![all],
                Err(_) => rules.compiled.push(regex),
            }
        }))
    }

    /// Adds a function that gets every text with its key (empty if there is none), after the other rules, and returns a
    /// replacement. If it panics, nothing of the payload is stored, and the panic is counted.
    pub fn with(self, rule: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.change(|rules| rules.functions.push(Arc::new(rule)))
    }

    /// Redacts a text.
    ///
    /// # Errors
    ///
    /// If a custom function panicked.
    pub fn text<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, RedactorPanicked> {
        catch_panic(|| self.rules.string("", text))
    }

    /// Redacts a value under a key.
    ///
    /// # Errors
    ///
    /// If a custom function panicked.
    pub fn value(&self, key: &str, value: Value) -> Result<Value, RedactorPanicked> {
        match value {
            Value::String(text) if text.is_empty() || !self.rules.is_secret(key) => {
                self.string(key, text)
            }
            value => self.walk(key, value),
        }
    }

    /// Redacts a value under a field name of this crate, which no standard rule matches.
    pub(crate) fn builtin_field(
        &self,
        name: &str,
        value: Value,
    ) -> Result<Value, RedactorPanicked> {
        match value {
            Value::String(text) if self.rules.keys.is_empty() => self.string(name, text),
            value => self.value(name, value),
        }
    }

    /// Redacts a text under a key; reuses it if nothing is found.
    fn string(&self, key: &str, text: String) -> Result<Value, RedactorPanicked> {
        let clean = catch_panic(|| match self.rules.string(key, &text) {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        })?;
        Ok(Value::String(clean.unwrap_or(text)))
    }

    fn walk(&self, key: &str, value: Value) -> Result<Value, RedactorPanicked> {
        let mut too_deep = true;
        let clean = catch_panic(|| {
            let mut redactor = JsonRedactor {
                rules: &self.rules,
                too_deep: false,
            };
            let clean = redactor.value(key, &value, 0);
            too_deep = redactor.too_deep;
            clean
        });
        if too_deep {
            json::drop_iteratively(value);
        }
        clean
    }

    /// Redacts a payload, and truncates it to `cap` bytes at a character boundary.
    ///
    /// Only the start of a large payload is read, so that [`bytes`](Preview::bytes) is then a lower bound of its size.
    ///
    /// # Errors
    ///
    /// If a custom function panicked.
    pub fn preview(&self, payload: &Value, cap: usize) -> Result<Preview, RedactorPanicked> {
        self.raw_preview(&RawPreview::new(payload, cap))
    }

    /// Redacts the copied start of a payload.
    pub(crate) fn raw_preview(&self, raw: &RawPreview) -> Result<Preview, RedactorPanicked> {
        let RawPreview { window, cap } = raw;
        let cap = *cap;
        let mut text = catch_panic(|| self.rules.payload(&window.text))?;
        // A secret that was cut in half at the end of the window may not have been found.
        let checked = if !window.cut {
            text.len()
        } else {
            text.len().saturating_sub(MAX_RULE)
        };
        let truncated = !window.complete || text.len() > cap;
        text.truncate(text.floor_char_boundary(checked.min(cap)));
        Ok(Preview::new(text, window.bytes, truncated))
    }

    /// Redacts a text and truncates it to `cap` bytes, reading no more than necessary.
    pub(crate) fn capped<'a>(
        &self,
        text: &'a str,
        cap: usize,
    ) -> Result<Cow<'a, str>, RedactorPanicked> {
        let window = &text[..text.floor_char_boundary(cap.saturating_add(MAX_RULE))];
        let clean = self.text(window)?;
        let checked = if window.len() == text.len() {
            clean.len()
        } else {
            clean.len().saturating_sub(MAX_RULE)
        };
        if clean.len() <= cap && checked == clean.len() {
            return Ok(clean);
        }
        let end = clean.floor_char_boundary(checked.min(cap));
        Ok(Cow::Owned(format!("{}…", &clean[..end])))
    }

    /// Builds the automatons and the lists of words, which takes milliseconds: otherwise the first call would wait for it.
    pub(crate) fn prepare(&self) {
        self.rules.automaton();
        self.rules.apply_rules(SAMPLE);
    }

    #[cfg(test)]
    pub(crate) fn is_prepared(&self) -> bool {
        self.rules.automaton.get().is_some()
    }

    /// Returns the number of candidates that the automaton finds in a text: a pass without rules, for the bench `redact`.
    #[doc(hidden)]
    pub fn candidates(&self, text: &str) -> usize {
        let mut candidates = 0;
        self.rules.automaton().scan(text.as_bytes(), |_, _| {
            candidates += 1;
            0
        });
        candidates
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        rules.automaton = OnceLock::new();
        change(rules);
        self
    }
}

impl Rules {
    fn automaton(&self) -> &Automaton {
        if self.keys.is_empty() && !self.off {
            return &automaton::STANDARD;
        }
        self.automaton
            .get_or_init(|| Arc::new(Automaton::new(!self.off, &self.keys)))
    }

    /// True if the values of a key are secret.
    fn is_secret(&self, key: &str) -> bool {
        let is_custom = !self.keys.is_empty() && self.is_custom_key(&Key::new(key.as_bytes()));
        is_custom || !self.off && keys::is_secret(key.as_bytes())
    }

    fn is_custom_key(&self, key: &Key) -> bool {
        self.keys
            .iter()
            .any(|own| own.normalized() == key.normalized())
    }

    /// Redacts a text under a key.
    fn string<'a>(&self, key: &str, text: &'a str) -> Cow<'a, str> {
        let clean = self.apply_rules(text);
        match self.apply_functions(key, &clean) {
            Some(instead) => Cow::Owned(instead),
            None => clean,
        }
    }

    /// Applies keys and patterns to a text, but not the functions.
    fn apply_rules<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let clean = if self.off && self.keys.is_empty() {
            Cow::Borrowed(text)
        } else {
            pass::redact(self, text)
        };
        // A reading of the clock costs more than the pass over a short text.
        if self.compiled.is_empty() {
            return clean;
        }
        let start = Instant::now();
        let instead = self
            .compiled
            .iter()
            .fold(None, |instead: Option<String>, pattern| {
                replace_matches(pattern, instead.as_deref().unwrap_or(&clean)).or(instead)
            });
        if start.elapsed() > SLOW && !self.slow_reported.load(Relaxed) {
            self.warn_slow(&clean);
        }
        instead.map_or(clean, Cow::Owned)
    }

    /// Reports the slowest pattern for a text, if all patterns together are slow again: the thread may only have been
    /// interrupted. They can be far slower combined than the slowest one alone, so its own time does not decide.
    fn warn_slow(&self, text: &str) {
        let time = |patterns: &[Regex]| {
            let start = Instant::now();
            for pattern in patterns {
                let _ = replace_matches(pattern, text);
            }
            start.elapsed()
        };
        let all = time(&self.compiled);
        if all <= SLOW {
            return;
        }
        let timed = self.patterns.iter().filter_map(|(name, pattern)| {
            let alone = [Regex::new(pattern).ok()?];
            Some((time(&alone), name))
        });
        if let Some((_, pattern)) = timed.max()
            && !self.slow_reported.swap(true, Relaxed)
        {
            let (ms, bytes) = (all.as_millis() as u64, text.len());
            tracing::warn!(target: "tower_activity::redact", pattern, ms, bytes, "a pattern of the redactor is slow");
        }
    }

    /// Redacts the JSON text of a payload, which may be truncated.
    fn payload(&self, json: &str) -> String {
        let clean = self.apply_rules(json).into_owned();
        if self.functions.is_empty() {
            return clean;
        }
        json::map_strings(&clean, |key, text| self.apply_functions(key, text))
    }

    /// Applies the custom functions to a text; `None` if no function replaced it.
    fn apply_functions(&self, key: &str, text: &str) -> Option<String> {
        self.functions.iter().fold(None, |instead, function| {
            function(key, instead.as_deref().unwrap_or(text)).or(instead)
        })
    }
}

/// Replaces each match that is not inside a mark; `None` if there is none.
fn replace_matches(pattern: &Regex, text: &str) -> Option<String> {
    let mut marks = text
        .match_indices(REDACTED)
        .map(|(at, mark)| at..at + mark.len())
        .peekable();
    let mut out = String::new();
    let mut done = 0;
    for found in pattern.find_iter(text).filter(|found| !found.is_empty()) {
        while marks.next_if(|mark| mark.end < found.end()).is_some() {}
        let inside_mark = marks
            .peek()
            .is_some_and(|mark| mark.start <= found.start() && found.end() <= mark.end);
        if !inside_mark {
            out.push_str(&text[done..found.start()]);
            out.push_str(REDACTED);
            done = found.end();
        }
    }
    (done > 0).then(|| out + &text[done..])
}

fn catch_panic<T>(redact: impl FnOnce() -> T) -> Result<T, RedactorPanicked> {
    catch_unwind(AssertUnwindSafe(redact)).map_err(|_| RedactorPanicked)
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.rules.patterns.iter().map(|(name, _)| name).collect();
        let keys: Vec<_> = self
            .rules
            .keys
            .iter()
            .map(|key| String::from_utf8_lossy(key.normalized()))
            .collect();
        f.debug_struct("Redactor")
            .field("standard", &!self.rules.off)
            .field("keys", &keys)
            .field("patterns", &patterns)
            .field("functions", &self.rules.functions.len())
            .finish()
    }
}

impl fmt::Display for RedactorPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a custom redaction function panicked: nothing of the payload is stored")
    }
}

impl std::error::Error for RedactorPanicked {}
