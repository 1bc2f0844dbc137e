//! Patterns of SQL's `LIKE`.

/// Returns a text as a part of a pattern.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}
