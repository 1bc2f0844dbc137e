//! Secrets that do not directly follow their key: name/value pairs, `.pgpass`, SQL, and vendors' forms.

use crate::redact::{
    REDACTED,
    automaton::Kind,
    cells,
    commands::argument_end,
    encoded_char::{
        end_while, is_line_end, is_quote, line_end, read_char, skip_blanks, skip_while, start_while,
    },
    heuristics::{Context, is_placeholder},
    key_span::{KeySpan, Separator, is_key_byte},
    name_field::{VALUE_FIELDS, name_field},
    rules::{Class, TABLE, Vendor},
    scan::{Scan, SecretSpan, run_end},
    shapes::is_random,
    value, yaml_tags,
};

/// Maximum distance of the value of a pair from its name, in bytes.
const MAX_PAIR: usize = 256;

/// Length of the longest name of a value field.
const MAX_VALUE_FIELD: usize = 10;

impl Scan<'_> {
    /// Adds a secret, unless its text shows that it is not one.
    pub(super) fn add_unless_exempt(&mut self, start: usize, end: usize) {
        if start < end && !self.is_exempt_value(start, end) {
            self.add_secret_ahead(SecretSpan::new(start, end));
        }
    }

    fn is_exempt_value(&self, start: usize, end: usize) -> bool {
        let value = &self.bytes[start..end.min(start + 64)];
        value == REDACTED.as_bytes()
            || value == b"password"
            || value.starts_with(b"-")
            || is_placeholder(value)
    }

    /// Handles `IDENTIFIED BY 'x'`, `IDENTIFIED WITH plugin BY 'x'`, `ConvertTo-SecureString -String 'x'`.
    pub(super) fn identified(&mut self, mut end: usize) {
        let bytes = self.bytes;
        if bytes[end - 4..end].eq_ignore_ascii_case(b"with") {
            let plugin = skip_blanks(bytes, end);
            let by = skip_blanks(bytes, argument_end(bytes, plugin, 48));
            let word = bytes.get(by..by + 2).unwrap_or_default();
            if !word.eq_ignore_ascii_case(b"by") && !word.eq_ignore_ascii_case(b"as") {
                return;
            }
            end = by + 2;
        }
        let mut at = skip_blanks(bytes, end);
        if bytes[at.min(bytes.len())..].starts_with(b"-String ") {
            at = skip_blanks(bytes, at + 8);
        }
        let Some(quote @ (b'"' | b'\'')) = bytes.get(at).copied().filter(|_| at > end) else {
            return;
        };
        let stop = end_while(bytes, at + 1, MAX_PAIR, |byte| {
            byte != quote && byte != b'\n'
        });
        // Excludes prose: "all columns identified by "name"", and an apostrophe without a closing one.
        let of_prose = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b' ';
        let prose = bytes[end - 1].is_ascii_lowercase()
            && (quote == b'"' || bytes.get(stop) != Some(&quote))
            && bytes[at + 1..stop].iter().all(of_prose);
        if !prose && !self.is_exempt_value(at + 1, stop) {
            self.add_secret(at + 1, stop);
        }
    }

    /// Handles `jdbc:oracle:thin:ann/x@db` and `sqlplus ann/x@db`: the text between the slash and the `@`.
    pub(super) fn oracle(&mut self, end: usize) {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b" _$#\"".contains(&byte);
        let slash = end_while(self.bytes, end, 64, of_name);
        let word = &self.bytes[slash..argument_end(self.bytes, slash, 64)];
        if let [b'/', password @ ..] = word
            && let Some(len) = password.iter().rposition(|byte| *byte == b'@')
        {
            self.add_unless_exempt(slash + 1, slash + 1 + len);
        }
    }

    /// Handles `host:5432:database:user:password`: the rest of the line behind two more fields.
    pub(super) fn pgpass(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        // A wildcard is the port if exactly one field precedes it on the line.
        let host = start_while(bytes, start, 64, |byte| byte > b' ' && byte != b':');
        let begins = host == start.saturating_sub(64) || b"\n \"'\t".contains(&bytes[host - 1]);
        if host == start || !begins {
            return;
        }
        let mut at = end;
        for _ in 0..2 {
            let colon = end_while(bytes, at, 63, |byte| byte > b' ' && !b":/".contains(&byte));
            if colon == at || bytes.get(colon) != Some(&b':') {
                return;
            }
            at = colon + 1;
        }
        let stop = skip_while(bytes, at, MAX_PAIR, |next| {
            next.byte > b' ' && !is_quote(next.byte)
        });
        if !self.contains_mark(end, at) {
            self.add_unless_exempt(at, stop);
        }
    }

    /// Handles a value in the form of a vendor's secrets, under a key with the vendor's name.
    pub(super) fn vendor(&mut self, span: &KeySpan, separator: &Separator, kind: Kind) {
        let Kind::Vendor(first) = kind else { return };
        let bytes = self.bytes;
        let forms = &TABLE.vendors[usize::from(first)..];
        let key = &bytes[span.start..span.end];
        let at = skip_while(bytes, separator.end, 16, |next| {
            is_quote(next.byte) || next.byte == b' '
        });
        let head = &bytes[..bytes.len().min(at + 160)];
        let fits = |vendor: &Vendor| {
            let name = vendor.name.as_bytes();
            let end = run_end(head, at, TABLE.charsets[vendor.charset]);
            let value = head.get(at..end).unwrap_or_default();
            let next = bytes.get(end);
            let fits = (vendor.length.0..=vendor.length.1).contains(&value.len())
                && key
                    .windows(name.len())
                    .any(|part| part.eq_ignore_ascii_case(name))
                && next.is_none_or(|next| !next.is_ascii_alphanumeric())
                && value.iter().any(u8::is_ascii_digit)
                && is_random(value, vendor.entropy.max(3.0));
            fits.then_some(end)
        };
        let mut candidates = forms
            .iter()
            .take_while(|vendor| vendor.head() == forms[0].head());
        if let Some(end) = candidates.find_map(fits) {
            self.add_secret(at, end);
        }
    }

    /// Handles a key that is the value of a name field: `{"name": "password", "value": "x"}`,
    /// `<input name=password value=x>`, `form-data; name="password"`. `name` is the start of the name field.
    pub(super) fn pair(&mut self, span: &KeySpan, name: usize, class: Class) {
        let bytes = self.bytes;
        // Skip the closing quote.
        let mut at = span.end;
        let opening = span.before.filter(|before| is_quote(before.byte));
        if let Some(opening) = opening {
            let close = skip_while(bytes, at, 32, |next| next.byte != opening.byte);
            if read_char(bytes, close).byte == opening.byte {
                at = close + read_char(bytes, close).len;
            }
        }
        let quoted = opening.is_some();
        // `input[name=password]`
        at += usize::from(bytes.get(at) == Some(&b']'));
        // For an environment variable, any value is secret.
        let variable = &bytes[span.start..span.end];
        let named: [&[u8]; 4] = [b"TOKEN", b"SECRET", b"PASS", b"_PW"];
        let is_variable = named.iter().any(|name| variable.ends_with(name));
        let class = if is_variable { Class::Strong } else { class };
        if is_line_end(read_char(bytes, at).byte)
            && at < bytes.len()
            && self.pair_below(at, quoted, class)
        {
            return;
        }
        let floor = self.pairs_done.max(name.saturating_sub(MAX_PAIR)).min(name);
        let opens = start_while(bytes, name, name - floor, |byte| !b"{<}".contains(&byte));
        let from = match opens.checked_sub(1).filter(|_| opens > floor) {
            Some(open) if bytes[open] != b'}' => open,
            _ => name,
        };
        let limit = bytes.len().min(at + MAX_PAIR);
        let (mut depth, mut end) = (0_usize, at);
        while end < limit {
            match bytes[end] {
                b'{' | b'[' => depth += 1,
                b'}' | b'>' | b']' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            end += 1;
        }
        self.pairs_done = end;
        // Search behind the name first, then before it.
        let found = self
            .pair_value(at, end, class)
            .or_else(|| self.pair_value(from, name, class))
            .or_else(|| self.named_element(name, at, class));
        // `{"type": "password", "text": "Password"}`
        let is_label =
            |found: &SecretSpan| bytes[found.start..found.end].eq_ignore_ascii_case(variable);
        if let Some(found) = found.filter(|found| !is_label(found)) {
            self.add_secret_ahead(found);
        }
    }

    /// Returns the start of the name field of a pair that contains the key.
    pub(super) fn name_field(&self, span: &KeySpan) -> Option<usize> {
        name_field(self.bytes, span).filter(|_| span.start >= self.pairs_done)
    }

    fn pair_value(&mut self, start: usize, stop: usize, class: Class) -> Option<SecretSpan> {
        let bytes = self.bytes;
        let class = if class == Class::Header {
            Class::Strong
        } else {
            class
        };
        let mut at = start;
        while at < stop {
            let end = end_while(bytes, at, stop - at, |byte| byte.is_ascii_alphabetic());
            let begins = at == 0 || !is_key_byte(bytes[at - 1]);
            if begins && VALUE_FIELDS.has_any_case(&bytes[at..end]) {
                let span = KeySpan::around(bytes, at, end, at);
                if span.end == end
                    && let Some(separator) = span.separator(bytes)
                {
                    return yaml_tags::value(self, &span, &separator, class);
                }
            }
            at = end.max(at + 1);
        }
        None
    }

    /// Handles a value on the next line, in YAML and in a multipart body. Returns false if the pair may continue.
    fn pair_below(&mut self, at: usize, quoted: bool, class: Class) -> bool {
        let bytes = self.bytes;
        if !quoted {
            let start = skip_while(bytes, at, 8, |next| is_line_end(next.byte));
            let start = skip_blanks(bytes, start);
            let stop = bytes.len().min(start + MAX_VALUE_FIELD);
            if let Some(found) = self.pair_value(start, stop, class) {
                self.add_secret_ahead(found);
                return true;
            }
        }
        self.multipart(at) || !quoted
    }

    /// Finds the text of an element named by the key: `<property name="password">x</property>`.
    fn named_element(&mut self, naming: usize, end: usize, class: Class) -> Option<SecretSpan> {
        let (at, sure) = cells::text_of_named(self.bytes, naming, end)?;
        let context = Context {
            class: if sure { class } else { Class::Weak },
            strict: sure,
            quoted: true,
        };
        value::in_element(self.bytes, at, context)
    }

    /// Handles a multipart body: the value follows a blank line, possibly after other headers. Returns false if this is not
    /// a multipart body.
    fn multipart(&mut self, mut at: usize) -> bool {
        let bytes = self.bytes;
        for _ in 0..4 {
            let start = skip_while(bytes, at, 16, |next| is_line_end(next.byte));
            let feeds = &bytes[at..start];
            let lines = feeds.iter().filter(|byte| **byte == b'\n').count()
                + feeds.windows(2).filter(|part| part == b"\\n").count();
            let end = skip_while(bytes, start, usize::MAX, |next| {
                !is_line_end(next.byte) && next.byte != b'"'
            });
            let line = &bytes[start..end];
            if lines >= 2 {
                if !line.starts_with(b"--") {
                    self.add_secret_ahead(SecretSpan::new(start, end.min(line_end(bytes, start))));
                }
                return true;
            }
            if !line.starts_with(b"Content-") {
                return false;
            }
            at = end;
        }
        false
    }
}
