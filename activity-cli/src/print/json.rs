//! JSON, one object per line, safe to print on a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::print::safe::is_unsafe;

/// Prints one object and a line break.
pub(crate) fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value
        .serialize(&mut Serializer::with_formatter(&mut *out, TerminalSafe))
        .map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Prints one object on stdout.
pub(crate) fn print(value: &impl Serialize) -> io::Result<()> {
    line(&mut io::stdout().lock(), value)
}

/// Compact JSON that escapes characters that act on a terminal: serde_json escapes the first 32 characters only.
struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unsafe) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut after = rest[at..].chars();
            for unit in after
                .next()
                .into_iter()
                .flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
            {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let value = serde_json::json!({"name": "a\u{1b}[31m\u{9b}\u{202e}\n\"é\u{7f}"});
        let mut out = Vec::new();
        line(&mut out, &value).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "{\"name\":\"a\\u001b[31m\\u009b\\u202e\\n\\\"é\\u007f\"}\n"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
