//! Secrets that are named from a distance: pairs of a name and a value, `.pgpass`, SQL, vendors.

use crate::redact::{
    REDACTED, cells,
    commands::argument_end,
    looks::{Context, is_placeholder},
    marks,
    naming::{VALUES, naming},
    net::Kind,
    rules::{Class, TABLE, Vendor},
    scan::{Found, Scan, run_end},
    shapes::is_random,
    site::{After, Site, is_of_key},
    spell::{blanks_end, end_of, is_line_end, is_quote, line_end, read, skip, start_of},
    value,
};

/// How far the value of a pair may stand from its name, in bytes.
const PAIR: usize = 256;

/// The length of the longest word for a value.
const VALUE: usize = 10;

impl Scan<'_> {
    /// Keeps a secret that was named from a distance, unless it says that it is none.
    pub(super) fn ahead(&mut self, start: usize, end: usize) {
        if start < end && !self.is_harmless(start, end) {
            self.secret_ahead(Found::new(start, end));
        }
    }

    fn is_harmless(&self, start: usize, end: usize) -> bool {
        let value = &self.bytes[start..end.min(start + 64)];
        value == REDACTED.as_bytes()
            || value == b"password"
            || value.starts_with(b"-")
            || is_placeholder(value)
    }

    /// `IDENTIFIED BY 'x'`, `IDENTIFIED WITH plugin BY 'x'`, `ConvertTo-SecureString -String 'x'`.
    pub(super) fn identified(&mut self, mut end: usize) {
        let bytes = self.bytes;
        if bytes[end - 4..end].eq_ignore_ascii_case(b"with") {
            let plugin = blanks_end(bytes, end);
            let by = blanks_end(bytes, argument_end(bytes, plugin, 48));
            let word = bytes.get(by..by + 2).unwrap_or_default();
            if !word.eq_ignore_ascii_case(b"by") && !word.eq_ignore_ascii_case(b"as") {
                return;
            }
            end = by + 2;
        }
        let mut at = blanks_end(bytes, end);
        if bytes[at.min(bytes.len())..].starts_with(b"-String ") {
            at = blanks_end(bytes, at + 8);
        }
        let Some(quote @ (b'"' | b'\'')) = bytes.get(at).copied().filter(|_| at > end) else {
            return;
        };
        let stop = end_of(bytes, at + 1, PAIR, |byte| byte != quote && byte != b'\n');
        // "all columns identified by "name"" is prose, and so is an apostrophe that opens nothing.
        let of_prose = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b' ';
        let prose = bytes[end - 1].is_ascii_lowercase()
            && (quote == b'"' || bytes.get(stop) != Some(&quote))
            && bytes[at + 1..stop].iter().all(of_prose);
        if !prose && !self.is_harmless(at + 1, stop) {
            self.secret(at + 1, stop);
        }
    }

    /// `jdbc:oracle:thin:ann/x@db`, `sqlplus ann/x@db`: what stands between the slash and the `@`.
    pub(super) fn oracle(&mut self, end: usize) {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b" _$#\"".contains(&byte);
        let slash = end_of(self.bytes, end, 64, of_name);
        let word = &self.bytes[slash..argument_end(self.bytes, slash, 64)];
        if let [b'/', password @ ..] = word
            && let Some(len) = password.iter().rposition(|byte| *byte == b'@')
        {
            self.ahead(slash + 1, slash + 1 + len);
        }
    }

    /// `host:5432:database:user:password`: the rest of the line behind two more fields.
    pub(super) fn pgpass(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        // A wildcard is the port where one field stands before it on the line.
        let host = start_of(bytes, start, 64, |byte| byte > b' ' && byte != b':');
        let begins = host == start.saturating_sub(64) || b"\n \"'\t".contains(&bytes[host - 1]);
        if host == start || !begins {
            return;
        }
        let mut at = end;
        for _ in 0..2 {
            let colon = end_of(bytes, at, 63, |byte| byte > b' ' && !b":/".contains(&byte));
            if colon == at || bytes.get(colon) != Some(&b':') {
                return;
            }
            at = colon + 1;
        }
        let stop = skip(bytes, at, PAIR, |next| {
            next.byte > b' ' && !is_quote(next.byte)
        });
        if !self.is_marked(end, at) {
            self.ahead(at, stop);
        }
    }

    /// A value in the form of a vendor's secrets, under a key with the vendor's name.
    pub(super) fn vendor(&mut self, site: &Site, after: &After, kind: Kind) {
        let Kind::Vendor(first) = kind else { return };
        let bytes = self.bytes;
        let forms = &TABLE.vendors[usize::from(first)..];
        let key = &bytes[site.start..site.end];
        let at = skip(bytes, after.at, 16, |next| {
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
        let mut alike = forms
            .iter()
            .take_while(|vendor| vendor.head() == forms[0].head());
        if let Some(end) = alike.find_map(fits) {
            self.secret(at, end);
        }
    }

    /// A key that stands as a value: `{"name": "password", "value": "x"}`, `<input name=password value=x>`,
    /// `form-data; name="password"`. `name` is where its naming word begins.
    pub(super) fn pair(&mut self, site: &Site, name: usize, class: Class) {
        let bytes = self.bytes;
        // The closing quote, and the blank lines of a multipart body.
        let mut at = site.end;
        let opening = site.before.filter(|before| is_quote(before.byte));
        if let Some(opening) = opening {
            let close = skip(bytes, at, 32, |next| next.byte != opening.byte);
            if read(bytes, close).byte == opening.byte {
                at = close + read(bytes, close).len;
            }
        }
        let quoted = opening.is_some();
        // `input[name=password]`
        at += usize::from(bytes.get(at) == Some(&b']'));
        // The name of a variable of the environment: any value is secret.
        let variable = &bytes[site.start..site.end];
        let named: [&[u8]; 4] = [b"TOKEN", b"SECRET", b"PASS", b"_PW"];
        let is_variable = named.iter().any(|name| variable.ends_with(name));
        let class = if is_variable { Class::Strong } else { class };
        if is_line_end(read(bytes, at).byte) && at < bytes.len() && self.below(at, quoted, class) {
            return;
        }
        let floor = self.pairs_done.max(name.saturating_sub(PAIR)).min(name);
        let opens = start_of(bytes, name, name - floor, |byte| !b"{<}".contains(&byte));
        let from = match opens.checked_sub(1).filter(|_| opens > floor) {
            Some(open) if bytes[open] != b'}' => open,
            _ => name,
        };
        let limit = bytes.len().min(at + PAIR);
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
        // What stands behind the name, else what stands before it.
        let found = self
            .pair_value(at, end, class)
            .or_else(|| self.pair_value(from, name, class))
            .or_else(|| self.named_element(name, at, class));
        // `{"type": "password", "text": "Password"}`
        let is_label = |found: &Found| bytes[found.start..found.end].eq_ignore_ascii_case(variable);
        if let Some(found) = found.filter(|found| !is_label(found)) {
            self.secret_ahead(found);
        }
    }

    /// Where the name begins of a pair that the key may be in.
    pub(super) fn naming(&self, site: &Site) -> Option<usize> {
        naming(self.bytes, site).filter(|_| site.start >= self.pairs_done)
    }

    fn pair_value(&mut self, start: usize, stop: usize, class: Class) -> Option<Found> {
        let bytes = self.bytes;
        let class = if class == Class::Header {
            Class::Strong
        } else {
            class
        };
        let mut at = start;
        while at < stop {
            let end = end_of(bytes, at, stop - at, |byte| byte.is_ascii_alphabetic());
            let begins = at == 0 || !is_of_key(bytes[at - 1]);
            if begins && VALUES.has_any_case(&bytes[at..end]) {
                let site = Site::around(bytes, at, end, at);
                if site.end == end
                    && let Some(after) = site.after(bytes)
                {
                    return marks::find(self, &site, &after, class);
                }
            }
            at = end.max(at + 1);
        }
        None
    }

    /// The value on the next line, behind the name alone: in YAML, and in a multipart body. False where a pair may go on.
    fn below(&mut self, at: usize, quoted: bool, class: Class) -> bool {
        let bytes = self.bytes;
        if !quoted {
            let start = skip(bytes, at, 8, |next| is_line_end(next.byte));
            let start = blanks_end(bytes, start);
            let stop = bytes.len().min(start + VALUE);
            if let Some(found) = self.pair_value(start, stop, class) {
                self.secret_ahead(found);
                return true;
            }
        }
        self.multipart(at) || !quoted
    }

    /// The text of the element whose tag names it: `<property name="password">x</property>`.
    fn named_element(&mut self, naming: usize, end: usize, class: Class) -> Option<Found> {
        let (at, sure) = cells::text_of_named(self.bytes, naming, end)?;
        let context = Context {
            class: if sure { class } else { Class::Weak },
            strict: sure,
            quoted: true,
        };
        value::in_element(self.bytes, at, context)
    }

    /// The line behind a blank one, other headers may stand before; false where a value can only be a pair's.
    fn multipart(&mut self, mut at: usize) -> bool {
        let bytes = self.bytes;
        for _ in 0..4 {
            let start = skip(bytes, at, 16, |next| is_line_end(next.byte));
            let feeds = &bytes[at..start];
            let lines = feeds.iter().filter(|byte| **byte == b'\n').count()
                + feeds.windows(2).filter(|part| part == b"\\n").count();
            let end = skip(bytes, start, usize::MAX, |next| {
                !is_line_end(next.byte) && next.byte != b'"'
            });
            let line = &bytes[start..end];
            if lines >= 2 {
                if !line.starts_with(b"--") {
                    self.secret_ahead(Found::new(start, end.min(line_end(bytes, start))));
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
