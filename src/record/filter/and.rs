//! The conjunction of two filters.

use crate::record::{Choice, Filter};

impl Filter {
    /// Returns a filter that matches records that match both this one and `other`.
    ///
    /// The text form cannot express two conditions on one field: `Display` leaves out what it cannot express.
    ///
    /// # Examples
    ///
    /// ```
    /// use chrono::Utc;
    /// use tower_activity::record::Filter;
    ///
    /// let asked = Filter::parse("status:failed name:login*", Utc::now())?;
    /// let allowed = Filter::parse("project:acme", Utc::now())?;
    /// assert_eq!(asked.and(&allowed).to_string(), "status:failed name:login* project:acme");
    /// # Ok::<_, tower_activity::query::FilterError>(())
    /// ```
    #[must_use]
    pub fn and(mut self, other: &Filter) -> Filter {
        let mut rest = Filter::default();
        narrow(&mut self.status, &other.status, &mut rest.status);
        narrow(&mut self.kind, &other.kind, &mut rest.kind);
        narrow(&mut self.has, &other.has, &mut rest.has);
        narrow(&mut self.is, &other.is, &mut rest.is);
        narrow(
            &mut self.fingerprint,
            &other.fingerprint,
            &mut rest.fingerprint,
        );
        for (key, other) in &other.attributes {
            let mut rest_of_key = Choice::default();
            let own = self.attributes.entry(key.clone()).or_default();
            narrow(own, other, &mut rest_of_key);
            if !rest_of_key.is_empty() {
                rest.attributes.insert(key.clone(), rest_of_key);
            }
        }
        let mut of_other = other.clone();
        let texts = self.texts().into_iter().zip(of_other.texts());
        for ((own, other), rest) in texts.zip(rest.texts()) {
            narrow(own, other, rest);
        }
        self.since = self.since.max(other.since);
        self.until = self.until.into_iter().chain(other.until).min();
        match self.duration {
            None => self.duration = other.duration,
            Some(own) => rest.duration = other.duration.filter(|other| *other != own),
        }
        self.words.all_of.extend_from_slice(&other.words.all_of);
        self.words.none_of.extend_from_slice(&other.words.none_of);

        let nested = self.and.take().into_iter().chain(other.and.clone());
        let rest = nested.fold(rest, |rest, one| rest.and(&one));
        self.and = (!rest.is_empty()).then(|| Box::new(rest));
        self
    }
}

/// Narrows a choice to values that another allows, too. Two lists of alternatives cannot be merged: the second goes into
/// `rest`.
fn narrow<T: Clone + PartialEq>(own: &mut Choice<T>, other: &Choice<T>, rest: &mut Choice<T>) {
    own.none_of.extend_from_slice(&other.none_of);
    if own.any_of.is_empty() {
        own.any_of.clone_from(&other.any_of);
    } else if own.any_of != other.any_of {
        rest.any_of.clone_from(&other.any_of);
    }
}
