//! The filter grammar, which `docs/filters.md` describes:
//! `status:failed name:login* actor:"Ann B" since:24h duration:>2s attr.rows:>100 -env:dev free words`.

mod error;
mod scan;
mod value;

use std::ops::Range;

use chrono::{DateTime, Utc};

pub use error::FilterError;

use self::{
    error::Problem,
    scan::{Name, Term, Value},
};
use crate::{
    query::Zone,
    record::{Choice, Field, Filter, Fingerprint, Has, Is, Kind, Pattern, Status},
};

/// The longest filter in bytes: far more than a person types, and fast to compile.
const MAX_BYTES: usize = 4096;
/// The most values in one filter. SQLite limits the depth of expressions to 1,000.
const MAX_VALUES: usize = 200;

type Parsed<T> = Result<T, (Range<usize>, Problem)>;

impl Filter {
    /// Parses a filter, whose grammar [`guide::filters`](crate::guide::filters) describes. Ages, for example `since:24h`, count
    /// back from `now`; days and times are UTC.
    ///
    /// # Examples
    ///
    /// ```
    /// use chrono::Utc;
    /// use tower_activity::{Status, record::Filter};
    ///
    /// let filter = Filter::parse(r#"status:failed,cancelled actor:"Ann B" no such user"#, Utc::now())?;
    /// assert_eq!(filter.status.any_of, [Status::Failed, Status::Cancelled]);
    /// assert_eq!(filter.words.all_of, ["no", "such", "user"]);
    /// # Ok::<_, tower_activity::query::FilterError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// For an unknown field or value, an unclosed quote, a window of time that is empty, and other syntax errors. The error has
    /// the span.
    pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Filter, FilterError> {
        Filter::parse_in_zone(text, now, Zone::default())
    }

    /// Parses the filter grammar of [`parse`](Filter::parse). Ages count back from `now`; days and times are those of the time zone.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{query::Zone, record::Filter};
    ///
    /// # #[cfg(feature = "time-zones")] {
    /// let zone: Zone = "Asia/Kathmandu".parse()?;
    /// let filter = Filter::parse_in_zone("since:yesterday until:today", "2026-02-18T12:00:00Z".parse()?, zone)?;
    /// assert_eq!(filter.to_string(), "since:2026-02-16T18:15:00Z until:2026-02-17T18:15:00Z");
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As those of [`parse`](Filter::parse).
    pub fn parse_in_zone(
        text: &str,
        now: DateTime<Utc>,
        zone: Zone,
    ) -> Result<Filter, FilterError> {
        read(text, now, zone)
            .and_then(|(filter, window)| with_window(text, filter, &window))
            .map_err(|(span, problem)| FilterError::new(text, span, problem))
    }

    /// Parses a filter that is stored as text, whose window may have become empty as time passed.
    #[cfg(feature = "web")]
    pub(crate) fn parse_stored(text: &str, now: DateTime<Utc>) -> Result<Filter, FilterError> {
        read(text, now, Zone::default())
            .map(|(filter, _)| filter)
            .map_err(|(span, problem)| FilterError::new(text, span, problem))
    }
}

/// Returns the filter, and the spans of its `since:` and `until:`.
fn read(text: &str, now: DateTime<Utc>, zone: Zone) -> Parsed<(Filter, Vec<Range<usize>>)> {
    if text.len() > MAX_BYTES {
        let end = text.floor_char_boundary(MAX_BYTES);
        let problem = Problem::new(format!("the filter is longer than {MAX_BYTES} bytes"));
        return Err((end..text.len(), problem));
    }
    let mut filter = Filter::default();
    let mut values = 0;
    let mut window = Vec::new();
    for term in scan::scan(text)? {
        values += term.values.len();
        if values > MAX_VALUES {
            let problem = Problem::new(format!("the filter has more than {MAX_VALUES} values"));
            return Err((term.span, problem));
        }
        match &term.field {
            None => word(&mut filter, &term)?,
            Some(Name::Attribute(key)) => attribute(&mut filter, key.clone(), term)?,
            Some(Name::Field(span)) => {
                let name = &text[span.clone()];
                let field = Field::from_name(name)
                    .ok_or_else(|| (span.clone(), unknown_field(text, name, &term)))?;
                if matches!(field, Field::Since | Field::Until) {
                    window.push(term.span.clone());
                }
                apply(&mut filter, field, term, |text| {
                    value::instant(text, now, zone)
                })?;
            }
        }
    }
    Ok((filter, window))
}

/// Refuses a filter whose bounds exclude every instant.
fn with_window(text: &str, filter: Filter, window: &[Range<usize>]) -> Parsed<Filter> {
    match (filter.since, filter.until) {
        (Some(since), Some(until)) if since >= until => {
            Err(empty_window(text, since > until, window))
        }
        _ => Ok(filter),
    }
}

/// The error of two bounds, of which the second is not later than the first.
fn empty_window(text: &str, is_swapped: bool, bounds: &[Range<usize>]) -> (Range<usize>, Problem) {
    let [one, other] = bounds else {
        unreachable!("each bound is given once");
    };
    let is_since =
        |span: &Range<usize>| text[span.clone()].to_ascii_lowercase().starts_with("since");
    let (since, until) = match is_since(one) {
        true => (&text[one.clone()], &text[other.clone()]),
        false => (&text[other.clone()], &text[one.clone()]),
    };
    let problem = Problem::new(format!("nothing is both `{since}` and `{until}`"));
    let value = |term: &str| {
        term.split_once(':')
            .map_or_else(String::new, |(_, value)| value.to_owned())
    };
    let problem = match is_swapped {
        true => problem.help(format!(
            "swap them: `since:{} until:{}`",
            value(until),
            value(since)
        )),
        false => problem.help("`until` is the first instant that is left out: write a later one"),
    };
    (one.start..other.end, problem)
}

fn unknown_field(text: &str, name: &str, term: &Term) -> Problem {
    let problem = Problem::new(format!("unknown field `{name}`"));
    if term.values[0].parts[0].starts_with([':', '/']) {
        return problem.help("put a text with a colon in quotes");
    }
    if name.contains('.') {
        let sign = if term.negated { "-" } else { "" };
        let written = &text[term.span.start + sign.len()..term.span.end];
        return problem.help(format!(
            "did you mean `{sign}attr.{written}`? put a text with a colon in quotes"
        ));
    }
    problem.allowed(name, &Field::ALL.map(Field::as_str))
}

fn word(filter: &mut Filter, term: &Term) -> Parsed<()> {
    if let Some(empty) = term.values.iter().find(|value| value.text().is_empty()) {
        return Err((empty.span.clone(), Problem::new("empty word")));
    }
    let words = match term.negated {
        true => &mut filter.words.none_of,
        false => &mut filter.words.all_of,
    };
    words.extend(term.values.iter().map(Value::text));
    Ok(())
}

fn attribute(filter: &mut Filter, key: String, term: Term) -> Parsed<()> {
    check_missing(Field::Attribute, &term)?;
    let choice = filter.attributes.entry(key).or_default();
    let side = side(choice, term.negated);
    for value in term.values {
        let span = value.span.clone();
        side.push(value::attribute_test(value).map_err(|problem| (span, problem))?);
    }
    Ok(())
}

fn apply(
    filter: &mut Filter,
    field: Field,
    term: Term,
    instant: impl Fn(&str) -> Result<DateTime<Utc>, Problem>,
) -> Parsed<()> {
    check_missing(field, &term)?;
    match field {
        Field::Status => named(
            &mut filter.status,
            &term,
            "a status",
            &Status::ALL.map(Status::as_str),
            |text| text.parse().ok(),
        ),
        Field::Kind => named(
            &mut filter.kind,
            &term,
            "a kind of activity",
            &Kind::ALL.map(Kind::as_str),
            |text| text.parse().ok(),
        ),
        Field::Has => named(
            &mut filter.has,
            &term,
            "something to have",
            &Has::ALL.map(Has::as_str),
            |text| one_of(Has::ALL, Has::as_str, text),
        ),
        Field::Is => named(
            &mut filter.is,
            &term,
            "something to be",
            &Is::ALL.map(Is::as_str),
            |text| one_of(Is::ALL, Is::as_str, text),
        ),
        Field::Name => patterns(&mut filter.name, term),
        Field::Type => patterns(&mut filter.event_type, term),
        Field::Project => patterns(&mut filter.project, term),
        Field::Agent => patterns(&mut filter.agent, term),
        Field::Actor => patterns(&mut filter.actor, term),
        Field::Brand => patterns(&mut filter.brand, term),
        Field::Environment => patterns(&mut filter.environment, term),
        Field::Session => patterns(&mut filter.session, term),
        Field::Request => patterns(&mut filter.request, term),
        Field::Error => patterns(&mut filter.error, term),
        Field::Fingerprint => fingerprints(&mut filter.fingerprint, &term),
        Field::Since => once(&mut filter.since, field, &term, instant),
        Field::Until => once(&mut filter.until, field, &term, instant),
        Field::Duration => once(&mut filter.duration, field, &term, value::range),
        Field::Attribute => {
            let problem =
                Problem::new("missing key of an attribute").help("write `attr.KEY:VALUE`");
            Err((term.span, problem))
        }
    }
}

fn check_missing(field: Field, term: &Term) -> Parsed<()> {
    match term.values.iter().find(|value| value.is_missing()) {
        None => Ok(()),
        // The span of a missing value is the colon or comma before it.
        Some(value) => Err((value.span.start - 1..value.span.end, missing(field))),
    }
}

fn missing(field: Field) -> Problem {
    let name = field.as_str();
    let problem = Problem::new(format!("missing value of `{name}`"));
    match field {
        Field::Status => problem.allowed("", &Status::ALL.map(Status::as_str)),
        Field::Kind => problem.allowed("", &Kind::ALL.map(Kind::as_str)),
        Field::Has => problem.allowed("", &Has::ALL.map(Has::as_str)),
        Field::Is => problem.allowed("", &Is::ALL.map(Is::as_str)),
        Field::Since | Field::Until => {
            problem.help(format!("for example `{name}:24h` or `{name}:2026-02-18`"))
        }
        Field::Duration => problem.help("for example `duration:>2s`"),
        Field::Fingerprint => problem.help("copy it from a group of errors"),
        Field::Attribute => {
            problem.help("for example `attr.rows:42`, `attr.rows:>100` or `attr.rows:*`")
        }
        _ => problem.help(format!(
            "for example `{name}:acme`, `{name}:ac*` or `{name}:\"Acme Inc\"`"
        )),
    }
}

/// Parses a field with a fixed set of values.
fn named<T>(
    choice: &mut Choice<T>,
    term: &Term,
    what: &str,
    names: &[&str],
    parse: impl Fn(&str) -> Option<T>,
) -> Parsed<()> {
    for value in &term.values {
        let text = value.text();
        let item = parse(&text).ok_or_else(|| {
            let problem = Problem::new(format!("`{text}` is not {what}"));
            (value.span.clone(), problem.allowed(&text, names))
        })?;
        side(choice, term.negated).push(item);
    }
    Ok(())
}

/// Finds an item by its name, in any case.
fn one_of<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Option<T> {
    all.into_iter()
        .find(|item| text.eq_ignore_ascii_case(name(*item)))
}

/// Parses a text field.
fn patterns(choice: &mut Choice<Pattern>, term: Term) -> Parsed<()> {
    let side = side(choice, term.negated);
    side.extend(term.values.into_iter().map(Value::into_pattern));
    Ok(())
}

fn fingerprints(choice: &mut Choice<Fingerprint>, term: &Term) -> Parsed<()> {
    for value in &term.values {
        let text = value.text();
        let fingerprint = text.parse().map_err(|_| {
            let problem = Problem::new(format!("`{text}` is not a fingerprint"));
            let help = "it has 16 hexadecimal digits: copy it from a group of errors";
            (value.span.clone(), problem.help(help))
        })?;
        side(choice, term.negated).push(fingerprint);
    }
    Ok(())
}

/// Parses a bound, which may be given once and not be excluded.
fn once<T>(
    slot: &mut Option<T>,
    field: Field,
    term: &Term,
    read: impl Fn(&str) -> Result<T, Problem>,
) -> Parsed<()> {
    let name = field.as_str();
    let inverse = match field {
        Field::Since => "use `until:`",
        Field::Until => "use `since:`",
        _ => "reverse the comparison, for example `duration:<=2s`",
    };
    if term.negated {
        let problem = Problem::new(format!("`{name}` cannot be excluded")).help(inverse);
        return Err((term.span.clone(), problem));
    }
    let [value] = term.values.as_slice() else {
        return Err((
            term.span.clone(),
            Problem::new(format!("`{name}` takes one value")),
        ));
    };
    if slot.is_some() {
        let problem = Problem::new(format!("`{name}` is given twice"));
        return Err((
            term.span.clone(),
            match field {
                Field::Duration => problem.help("write a range: `duration:1s..5s`"),
                _ => problem,
            },
        ));
    }
    *slot = Some(read(&value.text()).map_err(|problem| (value.span.clone(), problem))?);
    Ok(())
}

fn side<T>(choice: &mut Choice<T>, negated: bool) -> &mut Vec<T> {
    match negated {
        true => &mut choice.none_of,
        false => &mut choice.any_of,
    }
}
