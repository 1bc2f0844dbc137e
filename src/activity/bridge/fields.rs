//! The fields of a `tracing` event as JSON, safe from formatting that panics or never ends.

use std::{
    error::Error,
    fmt::{self, Debug, Write},
    iter::successors,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// The longest text in bytes. Longer texts are withheld, not cut: half of a secret would not be found.
const MAX_TEXT_BYTES: usize = 16 << 10;
const TOO_LONG: &str = "[withheld: longer than 16 KiB]";
const PANICKED: &str = "[withheld: its formatting panicked]";

/// The fields of an event.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: Option<String>,
    pub(super) others: Map<String, Value>,
}

impl Fields {
    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        // `r#type` is how Rust writes `type`.
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.others.insert(name.to_owned(), value.into());
    }

    fn keep_text(&mut self, field: &Field, write: impl FnOnce(&mut Bounded) -> fmt::Result) {
        let text = bounded(write);
        if field.name() == "message" {
            self.message = Some(text);
        } else {
            self.keep(field, text);
        }
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.keep(field, value);
        } else {
            // JSON has no such numbers.
            self.keep(field, value.to_string());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep_text(field, |text| text.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.keep_text(field, |text| {
            write!(text, "{value}")?;
            let mut causes = successors(value.source(), |cause| (*cause).source());
            causes.try_for_each(|cause| write!(text, ": {cause}"))
        });
    }

    /// All other types; also 128-bit integers, which most JSON readers cannot represent.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.keep_text(field, |text| write!(text, "{value:?}"));
    }
}

/// Returns the written text, or the reason why it is withheld.
fn bounded(write: impl FnOnce(&mut Bounded) -> fmt::Result) -> String {
    let mut text = Bounded::default();
    match catch_unwind(AssertUnwindSafe(|| write(&mut text))) {
        Err(_) => PANICKED.to_owned(),
        Ok(_) if text.full => TOO_LONG.to_owned(),
        // If the formatting failed by itself, keep what it wrote.
        Ok(_) => text.written,
    }
}

/// A writer that fails beyond the limit, also for a caller that ignores the first failure.
#[derive(Debug, Default)]
struct Bounded {
    written: String,
    full: bool,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.full |= self.written.len() + part.len() > MAX_TEXT_BYTES;
        if self.full {
            return Err(fmt::Error);
        }
        self.written.push_str(part);
        Ok(())
    }
}
