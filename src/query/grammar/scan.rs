//! The lexer: splits a text into terms, whatever their fields.

use std::ops::Range;

use super::error::Problem;
use crate::record::Pattern;

/// A term: `-field:value,value` or a free word.
#[derive(Debug)]
pub(super) struct Term {
    /// True if it starts with `-`.
    pub(super) negated: bool,
    /// The field; `None` for a free word.
    pub(super) field: Option<Name>,
    /// At least one value; exactly one for a free word.
    pub(super) values: Vec<Value>,
    /// The span of the term.
    pub(super) span: Range<usize>,
}

/// The name of a field, as written.
#[derive(Debug)]
pub(super) enum Name {
    /// The span of the name.
    Field(Range<usize>),
    /// The key of an attribute.
    Attribute(String),
}

/// A value: texts with wildcards between them.
#[derive(Debug)]
pub(super) struct Value {
    /// The texts between the wildcards; at least one.
    pub(super) parts: Vec<String>,
    /// True if it begins with a `=` outside of quotes, which is not part of the texts.
    pub(super) exact: bool,
    /// True if any part is in quotes.
    pub(super) quoted: bool,
    /// The span of the value, `=` and quotes included.
    pub(super) span: Range<usize>,
}

impl Value {
    /// Returns the value as text, with wildcards as `*`.
    pub(super) fn text(&self) -> String {
        self.parts.join("*")
    }

    /// Returns the value as a pattern.
    pub(super) fn into_pattern(self) -> Pattern {
        let pattern = Pattern::from_parts(self.parts);
        match self.exact {
            true => pattern.exactly(),
            false => pattern,
        }
    }

    /// Returns true if the value is missing.
    pub(super) fn is_missing(&self) -> bool {
        self.plain() == Some("")
    }

    /// Returns the value if it has neither quotes nor wildcards.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [text] if !self.quoted => Some(text),
            _ => None,
        }
    }
}

/// Splits a filter into terms.
pub(super) fn scan(text: &str) -> Result<Vec<Term>, (Range<usize>, Problem)> {
    let mut scanner = Scanner { text, at: 0 };
    let mut terms = Vec::new();
    while scanner.skip_space() {
        terms.push(scanner.term()?);
    }
    Ok(terms)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Skips to the next term. Returns false at the end.
    fn skip_space(&mut self) -> bool {
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
        }
        self.peek().is_some()
    }

    fn term(&mut self) -> Result<Term, (Range<usize>, Problem)> {
        let start = self.at;
        let after_sign = self.text[start..].strip_prefix('-');
        let negated = after_sign
            .and_then(|rest| rest.chars().next())
            .is_some_and(|c| !c.is_whitespace());
        if negated {
            self.at += 1;
        }
        let field = self.field()?;
        let mut values = vec![self.value(field.is_some())?];
        while field.is_some() && self.peek() == Some(',') {
            self.take();
            values.push(self.value(true)?);
        }
        Ok(Term {
            negated,
            field,
            values,
            span: start..self.at,
        })
    }

    /// Takes a field name and the colon after it: letters, or `attr.` and a key. Other names with dots are taken, too: they
    /// are meant to be attributes.
    fn field(&mut self) -> Result<Option<Name>, (Range<usize>, Problem)> {
        let start = self.at;
        if let Some(key) = self.key()? {
            return Ok(Some(Name::Attribute(key)));
        }
        self.at = start;
        let rest = &self.text[start..];
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || "_.-".contains(c)))
            .unwrap_or(rest.len());
        let name = &rest[..length];
        let is_field = name.chars().all(|c| c.is_alphabetic() || c == '_')
            || (name.contains('.') && name.starts_with(char::is_alphabetic));
        if name.is_empty() || !is_field || !rest[length..].starts_with(':') {
            return Ok(None);
        }
        self.at += length + 1;
        Ok(Some(Name::Field(start..start + length)))
    }

    /// Takes `attr.`, a key, which may be in quotes, and the colon after it.
    fn key(&mut self) -> Result<Option<String>, (Range<usize>, Problem)> {
        const PREFIX: &str = "attr.";
        let start = self.at;
        let prefix = self.text.get(start..start + PREFIX.len());
        if !prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX)) {
            return Ok(None);
        }
        self.at += PREFIX.len();
        let mut key = String::new();
        let open = self.at;
        if self.peek() == Some('"') {
            self.take();
            self.quoted(&mut key, open)?;
        } else {
            let rest = &self.text[open..];
            let end = rest.find(|c: char| c.is_whitespace() || "\":,*".contains(c));
            key.push_str(&rest[..end.unwrap_or(rest.len())]);
            self.at += key.len();
        }
        if self.peek() != Some(':') {
            return Ok(None);
        }
        if self.at == open {
            let problem =
                Problem::new("missing key of an attribute").help("write `attr.KEY:VALUE`");
            return Err((start..self.at, problem));
        }
        self.take();
        Ok(Some(key))
    }

    /// Takes one value. In a free word a comma is an ordinary character, and `*` is only allowed at the end.
    fn value(&mut self, of_field: bool) -> Result<Value, (Range<usize>, Problem)> {
        let start = self.at;
        let exact = of_field && self.peek() == Some('=');
        if exact {
            self.take();
        }
        let mut parts = vec![String::new()];
        let mut quoted = false;
        while let Some(c) = self.peek() {
            if c.is_whitespace() || (of_field && c == ',') {
                break;
            }
            let here = self.at;
            self.take();
            let last = parts.len() - 1;
            match c {
                '"' => {
                    quoted = true;
                    self.quoted(&mut parts[last], here)?;
                }
                '*' if of_field => parts.push(String::new()),
                '*' if here > start && self.peek().is_none_or(char::is_whitespace) => {
                    parts[last].push('*');
                }
                '*' => {
                    let problem = Problem::new("`*` in a free word is only allowed at its end")
                        .help("write `no such us*`, `name:a*b`, or put it in quotes");
                    return Err((here..self.at, problem));
                }
                c => parts[last].push(c),
            }
        }
        Ok(Value {
            parts,
            exact,
            quoted,
            span: start..self.at,
        })
    }

    /// Takes everything up to the closing quote. A backslash escapes a quote or a backslash.
    fn quoted(&mut self, into: &mut String, open: usize) -> Result<(), (Range<usize>, Problem)> {
        loop {
            match self.take() {
                Some('"') => return Ok(()),
                Some('\\') => {
                    let start = self.at - 1;
                    match self.take() {
                        Some(c @ ('"' | '\\')) => into.push(c),
                        Some(c) => {
                            let problem = Problem::new(format!("unknown escape `\\{c}`"))
                                .help("write `\\\\` for a backslash in quotes");
                            return Err((start..self.at, problem));
                        }
                        None => {}
                    }
                }
                Some(c) => into.push(c),
                None => {
                    let problem = Problem::new("unclosed quote")
                        .help("write `\\\"` for a quote inside quotes");
                    return Err((open..open + 1, problem));
                }
            }
        }
    }
}
