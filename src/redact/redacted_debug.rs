//! `Debug` output without secrets, because it ends up in logs and test output.

use std::fmt;

use crate::{
    record::Outcome,
    redact::{REDACTED, Redactor},
};

/// Maximum length of the output in bytes.
const CAP: usize = 2_048;

/// A value whose `Debug` output is redacted by the standard rules.
pub(crate) struct RedactedDebug<T>(pub(crate) T);

impl<T: fmt::Debug> fmt::Debug for RedactedDebug<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() {
            format!("{:#?}", self.0)
        } else {
            format!("{:?}", self.0)
        };
        let clean = Redactor::new().capped(&text, CAP);
        f.write_str(clean.as_deref().unwrap_or(REDACTED))
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("status", &self.status)
            .field("error_type", &RedactedDebug(&self.error_type))
            .field("message", &RedactedDebug(&self.message))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_output_of_an_outcome_contains_no_secret() {
        let outcome =
            Outcome::failed("denied").with_message(String::from("token=hunter2 at https://a:b@h"));
        let shown = format!("{outcome:?} {outcome:#?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("a:b"),
            "{shown}"
        );
        assert!(shown.contains("denied"), "{shown}");
    }
}
