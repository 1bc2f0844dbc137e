//! Lines of a stream: those that may be messages are held until they are complete.

use memchr::memchr;

/// The longest line that is held, and the longest event or body over HTTP.
pub(in crate::mcp) const LONGEST_LINE: usize = 4 << 20;
/// What a buffer keeps of its memory after a long line.
const KEPT_CAPACITY: usize = 64 << 10;

/// A part of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A complete line that begins like a message, without the blanks in front of it, with its line break.
    Line(&'a [u8]),
    /// Bytes of another line, or blanks.
    Bytes(&'a [u8]),
    /// The beginning of a message that is longer than what is held.
    TooLong(&'a [u8]),
}

/// Splits a stream into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// True in a line that is passed on as it comes.
    is_passing: bool,
}

impl Lines {
    /// Splits the next bytes. The pieces are the bytes of the stream in their order.
    pub(super) fn split(&mut self, mut bytes: &[u8], found: &mut dyn FnMut(Piece<'_>)) {
        while !bytes.is_empty() {
            let end = memchr(b'\n', bytes).map(|at| at + 1);
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            bytes = rest;
            self.add(part, end.is_some(), found);
        }
    }

    /// Ends the stream. Returns true if its last line has no end.
    pub(super) fn finish(&mut self, found: &mut dyn FnMut(Piece<'_>)) -> bool {
        let is_unfinished = self.is_passing || !self.held.is_empty();
        if !self.held.is_empty() {
            found(Piece::Line(&self.held));
        }
        *self = Lines::default();
        is_unfinished
    }

    /// True if no line has been passed on in part, except for blanks.
    pub(super) fn is_between(&self) -> bool {
        !self.is_passing
    }

    fn add(&mut self, mut part: &[u8], is_end: bool, found: &mut dyn FnMut(Piece<'_>)) {
        if self.is_passing {
            self.is_passing = !is_end;
            return found(Piece::Bytes(part));
        }
        if self.held.is_empty() {
            // Blanks in front of a message are not held.
            let (blank, rest) = part.split_at(part.len() - part.trim_ascii_start().len());
            if !blank.is_empty() {
                found(Piece::Bytes(blank));
            }
            part = rest;
            let Some(first) = part.first() else {
                return;
            };
            if !matches!(first, b'{' | b'[') {
                self.is_passing = !is_end;
                return found(Piece::Bytes(part));
            }
            if is_end && part.len() <= LONGEST_LINE {
                return found(Piece::Line(part));
            }
        }
        if self.held.len() + part.len() > LONGEST_LINE {
            self.is_passing = !is_end;
            if self.held.is_empty() {
                return found(Piece::TooLong(part));
            }
            found(Piece::TooLong(&self.held));
            self.held = Vec::new();
            return found(Piece::Bytes(part));
        }
        self.held.extend_from_slice(part);
        if is_end {
            found(Piece::Line(&self.held));
            self.held.clear();
            self.held.shrink_to(KEPT_CAPACITY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a stream that arrives in these parts, shown with their kind.
    fn pieces(parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        let mut found = |piece: Piece<'_>| {
            let (kind, bytes) = match piece {
                Piece::Line(bytes) => ("line", bytes),
                Piece::Bytes(bytes) => ("bytes", bytes),
                Piece::TooLong(bytes) => ("long", bytes),
            };
            let text = String::from_utf8_lossy(bytes);
            let text = text.trim_end_matches('x').to_owned();
            all.push(format!("{kind} {text:?}"));
        };
        parts.iter().for_each(|part| lines.split(part, &mut found));
        lines.finish(&mut found);
        all
    }

    #[test]
    fn only_lines_that_begin_like_messages_are_held() {
        let check = |parts: &[&[u8]], expected: &[&str]| {
            assert_eq!(pieces(parts), expected, "{parts:?}");
        };
        check(&[b"{}\n[1]\r\n"], &[r#"line "{}\n""#, r#"line "[1]\r\n""#]);
        check(
            &[b"{\"a", b"\":1", b"}\n{"],
            &[r#"line "{\"a\":1}\n""#, r#"line "{""#],
        );
        check(
            &[b"Password: ", b"{}", b"\n{}\n"],
            &[
                r#"bytes "Password: ""#,
                r#"bytes "{}""#,
                r#"bytes "\n""#,
                r#"line "{}\n""#,
            ],
        );
        check(
            &[b" ", b"\n", b" ", b"{}\n"],
            &[
                r#"bytes " ""#,
                r#"bytes "\n""#,
                r#"bytes " ""#,
                r#"line "{}\n""#,
            ],
        );
        check(&[b" ", b"a"], &[r#"bytes " ""#, r#"bytes "a""#]);
        check(&[b"\n", b""], &[r#"bytes "\n""#]);
        check(
            &[b" \r\n\t[1]"],
            &[r#"bytes " \r\n""#, r#"bytes "\t""#, r#"line "[1]""#],
        );
        let blank = vec![b' '; LONGEST_LINE + 1];
        let shown = format!("bytes {:?}", str::from_utf8(&blank).unwrap());
        check(&[&blank, b"{}\n"], &[&shown, r#"line "{}\n""#]);
        let long = vec![b'x'; LONGEST_LINE];
        check(
            &[b"{", &long, b"}", b"\n{}\n"],
            &[
                r#"long "{""#,
                r#"bytes """#,
                r#"bytes "}""#,
                r#"bytes "\n""#,
                r#"line "{}\n""#,
            ],
        );
        let whole = [b"{", &long[..]].concat();
        check(&[&whole, b"\n"], &[r#"long "{""#, r#"bytes "\n""#]);
    }
}
