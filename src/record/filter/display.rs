//! The text form of a filter, which parses to an equal filter.

use std::{fmt, ops::Bound};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::record::{
    AttributeTest, Choice, DurationRange, Field, Filter, Has, Is, filter::pattern::quoted,
};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut terms = Terms { f, first: true };
        terms.choice(Field::Status, &self.status)?;
        terms.choice(Field::Kind, &self.kind)?;
        terms.choice(Field::Name, &self.name)?;
        terms.choice(Field::Type, &self.event_type)?;
        terms.choice(Field::Project, &self.project)?;
        terms.choice(Field::Agent, &self.agent)?;
        terms.choice(Field::Actor, &self.actor)?;
        terms.choice(Field::Brand, &self.brand)?;
        terms.choice(Field::Environment, &self.environment)?;
        terms.choice(Field::Session, &self.session)?;
        terms.choice(Field::Request, &self.request)?;
        terms.choice(Field::Error, &self.error)?;
        terms.choice(Field::Fingerprint, &self.fingerprint)?;
        terms.instant(Field::Since, self.since)?;
        terms.instant(Field::Until, self.until)?;
        if let Some(range) = &self.duration {
            terms.gap()?;
            write!(terms.f, "{}:{range}", Field::Duration.as_str())?;
        }
        terms.choice(Field::Has, &self.has)?;
        terms.choice(Field::Is, &self.is)?;
        for (key, choice) in &self.attributes {
            let name = Attribute(key);
            terms.values("", &name, &choice.any_of)?;
            terms.values("-", &name, &choice.none_of)?;
        }
        for word in &self.words.all_of {
            terms.word("", word)?;
        }
        for word in &self.words.none_of {
            terms.word("-", word)?;
        }
        Ok(())
    }
}

impl fmt::Display for DurationRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min_ns, self.max_ns) {
            (Bound::Unbounded, Bound::Unbounded) => f.write_str(".."),
            (Bound::Included(min), Bound::Unbounded) => write!(f, ">={}", Length(min)),
            (Bound::Excluded(min), Bound::Unbounded) => write!(f, ">{}", Length(min)),
            (Bound::Unbounded, Bound::Included(max)) => write!(f, "<={}", Length(max)),
            (Bound::Unbounded, Bound::Excluded(max)) => write!(f, "<{}", Length(max)),
            // The grammar's ranges include both ends, so an open end moves by one nanosecond.
            (min, max) => {
                let min = match min {
                    Bound::Included(ns) => ns,
                    Bound::Excluded(ns) => ns.saturating_add(1),
                    Bound::Unbounded => 0,
                };
                let max = match max {
                    Bound::Included(ns) => ns,
                    Bound::Excluded(ns) => ns.saturating_sub(1),
                    Bound::Unbounded => u64::MAX,
                };
                write!(f, "{}..{}", Length(min), Length(max))
            }
        }
    }
}

impl fmt::Display for Has {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Is {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for AttributeTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeTest::Is(pattern) => pattern.fmt(f),
            AttributeTest::Greater(bound) => write!(f, ">{bound}"),
            AttributeTest::GreaterOrEqual(bound) => write!(f, ">={bound}"),
            AttributeTest::Less(bound) => write!(f, "<{bound}"),
            AttributeTest::LessOrEqual(bound) => write!(f, "<={bound}"),
            AttributeTest::Between(first, last) => write!(f, "{first}..{last}"),
        }
    }
}

/// Displays the name of an attribute's field.
struct Attribute<'a>(&'a str);

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", Field::Attribute.as_str())?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\":,*\\".contains(c);
        match self.0.is_empty() || self.0.contains(odd) {
            true => quoted(f, self.0),
            false => f.write_str(self.0),
        }
    }
}

/// Displays nanoseconds in the largest unit that divides them.
struct Length(u64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 6] = [
            (86_400_000_000_000, "d"),
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
        ];
        for (size, unit) in UNITS {
            if self.0 != 0 && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}ns", self.0)
    }
}

struct Terms<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    first: bool,
}

impl Terms<'_, '_> {
    fn gap(&mut self) -> fmt::Result {
        if std::mem::take(&mut self.first) {
            return Ok(());
        }
        self.f.write_str(" ")
    }

    fn choice<T: fmt::Display>(&mut self, field: Field, choice: &Choice<T>) -> fmt::Result {
        self.values("", &field.as_str(), &choice.any_of)?;
        self.values("-", &field.as_str(), &choice.none_of)
    }

    fn values<T: fmt::Display>(
        &mut self,
        sign: &str,
        name: &dyn fmt::Display,
        values: &[T],
    ) -> fmt::Result {
        for (index, value) in values.iter().enumerate() {
            if index == 0 {
                self.gap()?;
                write!(self.f, "{sign}{name}:{value}")?;
            } else {
                write!(self.f, ",{value}")?;
            }
        }
        Ok(())
    }

    fn instant(&mut self, field: Field, at: Option<DateTime<Utc>>) -> fmt::Result {
        let Some(at) = at else { return Ok(()) };
        self.gap()?;
        let at = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        write!(self.f, "{}:{at}", field.as_str())
    }

    fn word(&mut self, sign: &str, word: &str) -> fmt::Result {
        // The grammar has no empty words, and they mean nothing.
        if word.is_empty() {
            return Ok(());
        }
        self.gap()?;
        self.f.write_str(sign)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\":*\\".contains(c);
        let plain = word.strip_suffix('*').filter(|rest| !rest.is_empty());
        let plain = plain.unwrap_or(word);
        if plain.is_empty() || plain.starts_with('-') || plain.contains(odd) {
            quoted(self.f, word)
        } else {
            self.f.write_str(word)
        }
    }
}
