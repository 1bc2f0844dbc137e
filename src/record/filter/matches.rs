//! The filter's meaning, said once without a store: what the SQL has to agree with.

use std::ops::RangeBounds;

use crate::record::{
    ActivityRecord, Choice, EventRecord, Filter, Has, Pattern, Scope, Text, Words,
};

impl Filter {
    /// True when this filter means the activity.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityRecord, record::Filter};
    ///
    /// fn failures<'a>(of: &str, all: &'a [ActivityRecord]) -> Vec<&'a ActivityRecord> {
    ///     let mut filter = Filter::default();
    ///     filter.project.any_of.push(of.into());
    ///     filter.status.any_of.push(tower_activity::Status::Failed);
    ///     all.iter().filter(|activity| filter.matches(activity)).collect()
    /// }
    /// ```
    pub fn matches(&self, activity: &ActivityRecord) -> bool {
        let scope = &activity.scope;
        let duration = |range: &super::DurationRange| {
            activity
                .duration_ns
                .is_some_and(|ns| (range.min_ns, range.max_ns).contains(&ns))
        };
        self.status.allows(|status| *status == activity.status)
            && self.kind.allows(|kind| *kind == activity.kind)
            && text(&self.name, Some(&activity.name))
            && text(&self.event_type, None)
            && self.scope_matches(scope)
            && text(&self.error, activity.error_type.as_ref())
            && self.since.is_none_or(|since| activity.started_at >= since)
            && self.until.is_none_or(|until| activity.started_at < until)
            && self.duration.as_ref().is_none_or(duration)
            && self.has.allows(|what| what.holds(activity))
            && self
                .words
                .found_in(&activity.name, activity.message.as_deref())
    }
}

impl Filter {
    /// True when this filter means the event. One that asks for what events do not have means none.
    ///
    /// Words are looked for in the type and the summary; `has:parent` means that it happened inside of an
    /// activity.
    pub fn matches_event(&self, event: &EventRecord) -> bool {
        self.status.allows(|status| *status == event.status)
            && self.kind.allows(|_| false)
            && text(&self.name, None)
            && self
                .event_type
                .allows(|one| one.in_snake_case().matches(&event.event_type))
            && self.scope_matches(&event.scope)
            && text(&self.error, None)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && self.duration.is_none()
            && self.has.allows(|what| match what {
                Has::Parent => event.activity.is_some(),
                what => what.in_scope(&event.scope),
            })
            && self
                .words
                .found_in(&event.event_type, event.summary.as_deref())
    }

    fn scope_matches(&self, scope: &Scope) -> bool {
        text(&self.project, scope.project.as_ref())
            && text(&self.agent, scope.agent.as_ref())
            && text(&self.actor, scope.actor.as_ref())
            && text(&self.brand, scope.brand.as_ref())
            && text(&self.environment, scope.environment.as_ref())
            && text(&self.session, scope.session.as_ref())
            && text(&self.request, scope.request.as_ref())
    }
}

impl Has {
    fn holds(self, activity: &ActivityRecord) -> bool {
        match self {
            Has::Recording => activity.has_recording,
            Has::Error => activity.error_type.is_some(),
            Has::Message => activity.message.is_some(),
            Has::Input => activity.input.is_some(),
            Has::Output => activity.output.is_some(),
            Has::Parent => activity.parent.is_some(),
            Has::Duration => activity.duration_ns.is_some(),
            what => what.in_scope(&activity.scope),
        }
    }

    /// What activities and events have alike.
    fn in_scope(self, scope: &Scope) -> bool {
        match self {
            Has::Project => scope.project.is_some(),
            Has::Agent => scope.agent.is_some(),
            Has::Actor => scope.actor.is_some(),
            Has::Brand => scope.brand.is_some(),
            Has::Environment => scope.environment.is_some(),
            Has::Session => scope.session.is_some(),
            Has::Request => scope.request.is_some(),
            _ => false,
        }
    }
}

impl Words {
    fn found_in(&self, name: &str, message: Option<&str>) -> bool {
        let found = |word: &String| {
            contains_any_case(name, word)
                || message.is_some_and(|message| contains_any_case(message, word))
        };
        self.all_of.iter().all(found) && !self.none_of.iter().any(found)
    }
}

fn text(choice: &Choice<Pattern>, value: Option<&Text>) -> bool {
    choice.allows(|pattern| value.is_some_and(|value| pattern.matches(value)))
}

/// True when `text` contains `word`, whatever the case of either.
pub(crate) fn contains_any_case(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let (text, word) = (text.as_bytes(), word.as_bytes());
        return word.is_empty()
            || text
                .windows(word.len())
                .any(|window| window.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(&word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whatever_its_case() {
        let check = |text: &str, word: &str, expected: bool| {
            assert_eq!(contains_any_case(text, word), expected, "{word} in {text}");
        };
        check("No such User", "user", true);
        check("no such user", "USERS", false);
        check("ÜBER uns", "über", true);
        check("", "", true);
        check("", "x", false);
        check("x", "", true);
    }
}
