//! The application's rules, which run for the record's sake.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::record::Text;

/// The attribute that names a rule that panicked for this activity.
pub(crate) const PANICKED_RULE: Text = Text::own("activity.panicked_rule");

/// Runs a rule; `None` if it panics. That costs the record a detail, never the caller its call.
#[inline]
pub(crate) fn guarded<T>(rule: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(rule)) {
        Ok(output) => Some(output),
        Err(payload) => {
            // It may panic when it is dropped.
            mem::forget(payload);
            None
        }
    }
}
