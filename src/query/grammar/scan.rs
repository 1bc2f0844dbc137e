//! The lexer: splits a text into terms, whatever their fields.

use std::ops::Range;

use super::error::Problem;

/// A term: `-field:value,value` or a free word.
#[derive(Debug)]
pub(super) struct Term {
    /// True if it starts with `-`.
    pub(super) negated: bool,
    /// The span of the field name; `None` for a free word.
    pub(super) field: Option<Range<usize>>,
    /// At least one value; exactly one for a free word.
    pub(super) values: Vec<Value>,
    /// The span of the term.
    pub(super) span: Range<usize>,
}

/// A value: texts with wildcards between them.
#[derive(Debug)]
pub(super) struct Value {
    /// The texts between the wildcards; at least one.
    pub(super) parts: Vec<String>,
    /// True if any part is in quotes.
    pub(super) quoted: bool,
    /// The span of the value, quotes included.
    pub(super) span: Range<usize>,
}

impl Value {
    /// Returns the value as text, with wildcards as `*`.
    pub(super) fn text(&self) -> String {
        self.parts.join("*")
    }

    /// Returns true if the value is missing.
    pub(super) fn is_missing(&self) -> bool {
        !self.quoted && self.parts.len() == 1 && self.parts[0].is_empty()
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
        let field = self.field();
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

    /// Takes a field name: letters followed by a colon.
    fn field(&mut self) -> Option<Range<usize>> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !(c.is_alphabetic() || c == '_'))?;
        if length == 0 || !rest[length..].starts_with(':') {
            return None;
        }
        let field = self.at..self.at + length;
        self.at = field.end + 1;
        Some(field)
    }

    /// Takes one value. In a free word a comma is an ordinary character, and `*` is only allowed at the end.
    fn value(&mut self, of_field: bool) -> Result<Value, (Range<usize>, Problem)> {
        let start = self.at;
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
            quoted,
            span: start..self.at,
        })
    }

    /// Takes everything up to the closing quote. A backslash escapes the next character.
    fn quoted(&mut self, into: &mut String, open: usize) -> Result<(), (Range<usize>, Problem)> {
        loop {
            match self.take() {
                Some('"') => return Ok(()),
                Some('\\') => into.extend(self.take()),
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
