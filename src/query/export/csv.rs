//! CSV (RFC 4180), with cells that no spreadsheet evaluates as formulas.

use std::fmt::Display;

use chrono::{DateTime, SecondsFormat, Utc};

use super::ExportRecord;
use crate::record::{Scope, Text};

/// Writes the header line.
pub(super) fn titles<T: ExportRecord>(out: &mut Vec<u8>) {
    let mut row = Row::new(out);
    for title in T::TITLES {
        row.text(title);
    }
    row.end();
}

/// Writes the line of a record.
pub(super) fn row(record: &impl ExportRecord, out: &mut Vec<u8>) {
    let mut row = Row::new(out);
    record.cells(&mut row);
    row.end();
}

/// Writes the cells of a line.
#[derive(Debug)]
pub struct Row<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Row<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Row {
            out,
            is_first: true,
        }
    }

    fn end(self) {
        self.out.extend(b"\r\n");
    }

    /// Writes a text cell.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        // A spreadsheet would evaluate these, for example `=HYPERLINK(…)`; a leading `'` marks them as text.
        let safe = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
            "'"
        } else {
            ""
        };
        if text.contains([',', '"', '\r', '\n']) {
            let quoted = format!("\"{safe}{}\"", text.replace('"', "\"\""));
            self.out.extend(quoted.as_bytes());
        } else {
            self.out.extend([safe, text].concat().as_bytes());
        }
        self
    }

    pub(super) fn maybe_text(&mut self, text: &Option<Text>) -> &mut Self {
        self.text(text.as_deref().unwrap_or_default())
    }

    pub(super) fn value(&mut self, value: impl Display) -> &mut Self {
        self.text(&value.to_string())
    }

    pub(super) fn maybe(&mut self, value: Option<impl Display>) -> &mut Self {
        self.text(&value.map(|value| value.to_string()).unwrap_or_default())
    }

    pub(super) fn time(&mut self, at: Option<DateTime<Utc>>) -> &mut Self {
        self.maybe(at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)))
    }

    pub(super) fn scope(&mut self, scope: &Scope) -> &mut Self {
        for text in scope.texts() {
            self.maybe_text(text);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            Row::new(&mut out).text(text);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        };
        check("plain é", "plain é");
        check("", "");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        check("two\nlines", "\"two\nlines\"");
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
        check("\r\n=1", "\"'\r\n=1\"");
        check("=A1,\"x\"", "\"'=A1,\"\"x\"\"\"");
        check("a=b", "a=b");
    }
}
