//! Redaction: takes secrets out of everything before it is kept, logged or shown.
//!
//! Two kinds of rules stand side by side. *Keys* say that a value is secret whatever it looks like
//! (`password`, `X-Api-Key`, a URL's `?token=`); *patterns* know secrets by their looks, wherever they stand
//! (bearer tokens, API keys, card numbers). Whatever they find becomes `[redacted]`. Redaction comes before
//! capping, so that no secret survives by being cut in half.

mod bounds;
mod cards;
mod cells;
mod commands;
mod drivers;
mod forms;
mod keys;
mod lines;
mod looks;
mod marks;
mod naming;
mod net;
mod pass;
mod prose;
mod quotes;
mod redacted_debug;
mod rules;
mod scan;
mod shapes;
mod site;
mod spell;
mod value;
mod walk;
mod window;

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
use serde::Serialize;
use serde_json::Value;

use crate::{
    error::{Error, Result as CrateResult},
    record::Preview,
    redact::{
        keys::Key,
        net::Net,
        walk::Walk,
        window::{LONGEST_RULE, Window},
    },
};

pub(crate) use redacted_debug::RedactedDebug;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// A pattern of the application that takes longer for one text is named in the log, once.
const SLOW: Duration = Duration::from_millis(20);

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
    keys: Vec<Key>,
    patterns: Vec<(String, String)>,
    /// The patterns in as few expressions as possible.
    compiled: Vec<Regex>,
    /// A slow one was named.
    told: Arc<AtomicBool>,
    own: Vec<Arc<OwnRule>>,
    /// With the keys of the application, or without the standard rules.
    net: OnceLock<Arc<Net>>,
}

/// The beginning of a payload on its way into a record: copied by the call, and redacted by the writer thread before
/// anything is stored. What it holds may be secret.
#[derive(Clone)]
pub(crate) struct RawPreview {
    window: Window,
    cap: usize,
}

impl RawPreview {
    /// Copies what is needed to keep so many bytes.
    pub(crate) fn new(payload: &impl Serialize, cap: usize) -> Self {
        let mut window = Window::new(payload, cap.saturating_add(LONGEST_RULE));
        // It grew by doubling, and what it takes is charged.
        window.text.shrink_to_fit();
        RawPreview { window, cap }
    }

    /// The bytes that it takes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<RawPreview>() + self.window.text.capacity()
    }
}

impl fmt::Debug for RawPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.window.bytes;
        f.debug_struct("RawPreview")
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
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
        self.change(|rules| rules.keys.push(Key::of(key.as_bytes())))
    }

    /// Adds a pattern; whatever matches it is secret. The name is for people: the log has it once where the pattern takes
    /// more than 20 ms for a text.
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
        Ok(self.change(|rules| {
            rules.patterns.push((name, pattern.to_owned()));
            let all: Vec<String> = rules
                .patterns
                .iter()
                .map(|(_, pattern)| format!("(?:{pattern})"))
                .collect();
            // Two patterns may use the same name of a group, or be too large together.
            match Regex::new(&all.join("|")) {
                Ok(all) => rules.compiled = vec![all],
                Err(_) => rules.compiled.push(regex),
            }
        }))
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
        guarded(|| self.rules.string("", text))
    }

    /// Redacts a value that stands under a key.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn value(&self, key: &str, value: Value) -> Result<Value, RedactorPanicked> {
        match value {
            Value::String(text) if text.is_empty() || !self.rules.is_secret(key) => {
                self.string(key, text)
            }
            value => self.walk(key, value),
        }
    }

    /// Redacts a value that stands under a name of this crate's own. No standard rule takes that for a secret's.
    pub(crate) fn builtin_field(
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
        let clean = guarded(|| match self.rules.string(key, &text) {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        })?;
        Ok(Value::String(clean.unwrap_or(text)))
    }

    fn walk(&self, key: &str, value: Value) -> Result<Value, RedactorPanicked> {
        let mut too_deep = true;
        let clean = guarded(|| {
            let mut walk = Walk {
                rules: &self.rules,
                too_deep: false,
            };
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
    /// What would be cut off in any case is not looked at: of a payload that does not fit, [`bytes`](Preview::bytes) is
    /// what its size is at least.
    ///
    /// # Errors
    ///
    /// When a function of the application panicked.
    pub fn preview(&self, payload: &Value, cap: usize) -> Result<Preview, RedactorPanicked> {
        self.raw_preview(&RawPreview::new(payload, cap))
    }

    /// The same for a payload whose beginning was copied before.
    pub(crate) fn raw_preview(&self, raw: &RawPreview) -> Result<Preview, RedactorPanicked> {
        let RawPreview { window, cap } = raw;
        let cap = *cap;
        let mut text = guarded(|| self.rules.payload(&window.text))?;
        // Behind the cap a secret may have been cut in half, and not be known.
        let known = if !window.cut {
            text.len()
        } else {
            text.len().saturating_sub(LONGEST_RULE)
        };
        let truncated = !window.complete || text.len() > cap;
        text.truncate(text.floor_char_boundary(known.min(cap)));
        Ok(Preview::new(text, window.bytes, truncated))
    }

    /// Redacts a text of which at most so many bytes are kept, and looks no further than that takes.
    pub(crate) fn capped<'a>(
        &self,
        text: &'a str,
        cap: usize,
    ) -> Result<Cow<'a, str>, RedactorPanicked> {
        let window = &text[..text.floor_char_boundary(cap.saturating_add(LONGEST_RULE))];
        let clean = self.text(window)?;
        let known = if window.len() == text.len() {
            clean.len()
        } else {
            clean.len().saturating_sub(LONGEST_RULE)
        };
        if clean.len() <= cap && known == clean.len() {
            return Ok(clean);
        }
        let end = clean.floor_char_boundary(known.min(cap));
        Ok(Cow::Owned(format!("{}…", &clean[..end])))
    }

    /// How many places the automaton proposes in a text: one bare pass, for the bench `redact`.
    #[doc(hidden)]
    pub fn candidates(&self, text: &str) -> usize {
        let mut places = 0;
        self.rules.net().scan(text.as_bytes(), |_, _| {
            places += 1;
            0
        });
        places
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        rules.net = OnceLock::new();
        change(rules);
        self
    }
}

impl Rules {
    fn net(&self) -> &Net {
        if self.keys.is_empty() && !self.off {
            return &net::STANDARD;
        }
        self.net
            .get_or_init(|| Arc::new(Net::new(!self.off, &self.keys)))
    }

    /// True when the values of a key are secret.
    fn is_secret(&self, key: &str) -> bool {
        let key = Key::of(key.as_bytes());
        self.is_own(&key) || !self.off && key.judge(&rules::TABLE).is_some()
    }

    fn is_own(&self, key: &Key) -> bool {
        self.keys.iter().any(|own| own.joined() == key.joined())
    }

    /// What a text becomes that stands under a key.
    fn string<'a>(&self, key: &str, text: &'a str) -> Cow<'a, str> {
        let clean = self.known(text);
        match self.own_text(key, &clean) {
            Some(instead) => Cow::Owned(instead),
            None => clean,
        }
    }

    /// What the rules make of a text that are no functions.
    fn known<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let clean = if self.off && self.keys.is_empty() {
            Cow::Borrowed(text)
        } else {
            pass::redact(self, text)
        };
        let start = Instant::now();
        let instead = self
            .compiled
            .iter()
            .fold(None, |instead: Option<String>, pattern| {
                matched(pattern, instead.as_deref().unwrap_or(&clean)).or(instead)
            });
        if !self.compiled.is_empty() && start.elapsed() > SLOW && !self.told.load(Relaxed) {
            self.tell_slow(&clean);
        }
        instead.map_or(clean, Cow::Owned)
    }

    /// Names the pattern that takes most time for a text, if all take long once more: the thread may only have been
    /// interrupted. Together they can be far slower than the slowest of them alone, so its own time decides nothing.
    fn tell_slow(&self, text: &str) {
        let time = |patterns: &[Regex]| {
            let start = Instant::now();
            for pattern in patterns {
                let _ = matched(pattern, text);
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
            && !self.told.swap(true, Relaxed)
        {
            let (ms, bytes) = (all.as_millis() as u64, text.len());
            tracing::warn!(target: "tower_activity::redact", pattern, ms, bytes, "a pattern of the redactor is slow");
        }
    }

    /// What the JSON of a payload becomes, which may be cut off.
    fn payload(&self, json: &str) -> String {
        let clean = self.known(json).into_owned();
        if self.own.is_empty() {
            return clean;
        }
        walk::strings(&clean, |key, text| self.own_text(key, text))
    }

    /// What the functions of the application put instead of a text, if anything.
    fn own_text(&self, key: &str, text: &str) -> Option<String> {
        self.own.iter().fold(None, |instead, own| {
            own(key, instead.as_deref().unwrap_or(text)).or(instead)
        })
    }
}

/// The text with a mark for each match that is not a part of a mark; `None` where there is no such match.
fn matched(pattern: &Regex, text: &str) -> Option<String> {
    let mut marks = text
        .match_indices(REDACTED)
        .map(|(at, mark)| at..at + mark.len())
        .peekable();
    let mut out = String::new();
    let mut done = 0;
    for found in pattern.find_iter(text).filter(|found| !found.is_empty()) {
        while marks.next_if(|mark| mark.end < found.end()).is_some() {}
        let within = marks
            .peek()
            .is_some_and(|mark| mark.start <= found.start() && found.end() <= mark.end);
        if !within {
            out.push_str(&text[done..found.start()]);
            out.push_str(REDACTED);
            done = found.end();
        }
    }
    (done > 0).then(|| out + &text[done..])
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
            .map(|key| String::from_utf8_lossy(key.joined()))
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
