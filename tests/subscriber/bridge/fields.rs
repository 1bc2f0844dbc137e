//! Fields of lines: each keeps its type, and none its secrets.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde_json::json;
use tower_activity::{Describe, record::EventRecord};

use crate::bridge::record::{bridged, events, log, summaries};

/// Returns the event of one line that is logged in an activity.
fn one_line(work: impl FnOnce()) -> EventRecord {
    let log = log();
    bridged(|| log.start(Describe::tool("lookup")).run(work));
    let [event] = events(&log).try_into().unwrap();
    event
}

#[derive(Debug)]
struct Failure(&'static str, Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

#[test]
fn fields_keep_their_types() {
    let cause = Failure("no route", Some(Box::new(Failure("cable cut", None))));
    let failure = Failure("cannot connect", Some(Box::new(cause)));
    let event = one_line(|| {
        tracing::warn!(
            yes = true,
            below = -3_i64,
            above = u64::MAX,
            half = 0.5,
            none = f64::NAN,
            wide = i128::MIN,
            text = "two words",
            shown = %"as shown",
            debug = ?Some(1),
            r#type = "keyword",
            http.status = 503_u16,
            error = &failure as &(dyn Error + 'static),
        );
    });
    assert_eq!(event.summary.as_deref(), Some(module_path!()), "no message");
    let expected = json!({
        "yes": true,
        "below": -3,
        "above": u64::MAX,
        "half": 0.5,
        "none": "NaN",
        "wide": i128::MIN.to_string(),
        "text": "two words",
        "shown": "as shown",
        "debug": "Some(1)",
        "type": "keyword",
        "http.status": 503,
        "error": "cannot connect: no route: cable cut",
    });
    assert_eq!(event.data.unwrap()["fields"], expected);
}

#[test]
fn secrets_are_redacted_as_everywhere() {
    let event = one_line(|| {
        tracing::info!(
            password = "hunter2",
            api_key = 12345,
            "GET https://ann:hunter2@example.com/?access_token=hunter2"
        );
    });
    let told = serde_json::to_string(&event).unwrap();
    assert!(
        !told.contains("hunter2") && !told.contains("12345"),
        "{told}"
    );
    assert!(told.contains("GET https://"), "{told}");
}

/// Panics when it is formatted, after a few characters.
struct Bomb;

impl fmt::Debug for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tick ")?;
        panic!("no value to show")
    }
}

/// Returns an error when it is formatted, after a few characters.
struct GivesUp;

impl fmt::Debug for GivesUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as far as it came")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_field_that_panics_is_withheld_and_the_rest_kept() {
    let event = one_line(|| tracing::info!(before = 1, bomb = ?Bomb, up = ?GivesUp, "looking up"));
    assert_eq!(event.summary.as_deref(), Some("looking up"));
    let fields = &event.data.unwrap()["fields"];
    let withheld = "[withheld: its formatting panicked]";
    assert_eq!(
        *fields,
        json!({"before": 1, "bomb": withheld, "up": "as far as it came"})
    );
    let event = one_line(|| tracing::info!("{Bomb:?}"));
    assert_eq!(event.summary.as_deref(), Some(withheld));
}

/// Logs a panicking field when it is dropped.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        tracing::error!(bomb = ?Bomb, "unwinding");
    }
}

#[test]
fn a_line_of_a_destructor_is_recorded_while_a_panic_unwinds() {
    let log = log();
    let caught = bridged(|| {
        catch_unwind(AssertUnwindSafe(|| {
            log.start(Describe::job("import")).run(|| {
                let _last = Last;
                panic!("the first")
            });
        }))
    });
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the first"));
    assert_eq!(summaries(&events(&log)), ["unwinding"]);
}

/// Writes this many pieces, and continues after an error; the last piece would fit again.
struct Long(usize);

impl fmt::Debug for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces = (0..self.0).map(|_| f.write_str("seven.."));
        let refused = pieces.filter(Result::is_err).count();
        let end = if refused == 0 { "." } else { "end" };
        // The result is ignored on purpose.
        f.write_str(end).or(Ok(()))
    }
}

#[test]
fn a_text_that_is_too_long_is_withheld_not_cut() {
    let event = one_line(|| {
        let text = "x".repeat(16 << 10);
        let longer = format!("{text}x");
        tracing::info!(long = ?Long(10_000), fits = text, longer, "{:?}", Long(10_000));
    });
    let withheld = "[withheld: longer than 16 KiB]";
    assert_eq!(event.summary.as_deref(), Some(withheld));
    let fields = &event.data.unwrap()["fields"];
    assert_eq!(fields["fits"].as_str().map(str::len), Some(16 << 10));
    assert_eq!(
        (&fields["long"], &fields["longer"]),
        (&json!(withheld), &json!(withheld))
    );
    assert!(!event.truncated);
}
