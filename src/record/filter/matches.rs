//! Matching records in memory: the definition that the SQL of a store has to agree with.

use std::{borrow::Cow, ops::RangeBounds};

use serde_json::Value;

use crate::record::{
    ActivityRecord, Choice, EventRecord, Filter, Fingerprint, Has, Is, Needle, Pattern, Scope,
    Text, Words, attributes_match, contains_literal, json_object_texts, json_texts,
    normalize_words,
};

impl Filter {
    /// Returns true if the filter matches the activity.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::record::{ActivityRecord, Filter};
    ///
    /// fn failures<'a>(project: &str, all: &'a [ActivityRecord]) -> Vec<&'a ActivityRecord> {
    ///     let mut filter = Filter::default();
    ///     filter.project.any_of.push(project.into());
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
            && (self.fingerprint.is_empty() || {
                let own = Fingerprint::of(activity);
                self.fingerprint.allows(|one| own == Some(*one))
            })
            && self.since.is_none_or(|since| activity.started_at >= since)
            && self.until.is_none_or(|until| activity.started_at < until)
            && self.duration.as_ref().is_none_or(duration)
            && self.has.allows(|what| what.holds(activity))
            && self.is.allows(|Is::Root| activity.parent.is_none())
            && attributes_match(&self.attributes, Some(&activity.attributes))
            && self.words.found_in(|| texts_of_activity(activity))
            && self.and.as_ref().is_none_or(|and| and.matches(activity))
    }
}

impl Filter {
    /// Returns true if the filter matches the event. A condition on a field that events do not have matches none.
    ///
    /// `has:parent` matches events of an activity.
    pub fn matches_event(&self, event: &EventRecord) -> bool {
        self.status.allows(|status| *status == event.status)
            && self.kind.allows(|_| false)
            && text(&self.name, None)
            && self
                .event_type
                .allows(|one| one.in_snake_case().matches(&event.event_type))
            && self.scope_matches(&event.scope)
            && text(&self.error, None)
            && self.fingerprint.allows(|_| false)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && self.duration.is_none()
            && self.has.allows(|what| match what {
                Has::Parent => event.activity.is_some(),
                what => what.in_scope(&event.scope),
            })
            && self.is.allows(|Is::Root| event.activity.is_none())
            && attributes_match(
                &self.attributes,
                event.data.as_ref().and_then(Value::as_object),
            )
            && self.words.found_in(|| texts_of_event(event))
            && self.and.as_ref().is_none_or(|and| and.matches_event(event))
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

    /// Checks the fields that activities and events have in common.
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
    fn found_in<'a>(&self, texts: impl FnOnce() -> Vec<Cow<'a, str>>) -> bool {
        if self.is_empty() {
            return true;
        }
        let texts = texts();
        let words: Vec<_> = texts.iter().map(|text| normalize_words(text)).collect();
        let found = |word: &String| match Needle::new(word) {
            Needle::Phrase(phrase) => words.iter().any(|words| words.contains(&*phrase)),
            Needle::Literal(literal) => texts.iter().any(|text| contains_literal(text, &literal)),
        };
        self.all_of.iter().all(found) && !self.none_of.iter().any(found)
    }
}

/// The texts of an activity in which words are searched: those that [`Words`] lists.
fn texts_of_activity(activity: &ActivityRecord) -> Vec<Cow<'_, str>> {
    let mut texts = texts_of([
        Some(&*activity.name),
        activity.message.as_deref(),
        activity.error_type.as_deref(),
        activity.input.as_ref().map(|input| &*input.text),
        activity.output.as_ref().map(|output| &*output.text),
    ]);
    texts.extend(texts_of_scope(&activity.scope));
    json_object_texts(&activity.attributes, &mut texts);
    texts
}

/// The texts of an event in which words are searched: those that [`Words`] lists.
fn texts_of_event(event: &EventRecord) -> Vec<Cow<'_, str>> {
    let mut texts = texts_of([
        Some(&*event.event_type),
        event.summary.as_deref(),
        event.reference.as_deref(),
    ]);
    texts.extend(texts_of_scope(&event.scope));
    if let Some(data) = &event.data {
        json_texts(data, &mut texts);
    }
    texts
}

fn texts_of_scope(scope: &Scope) -> Vec<Cow<'_, str>> {
    let fields = [&scope.project, &scope.agent, &scope.actor, &scope.brand];
    texts_of(fields.map(Option::as_deref))
}

fn texts_of<const N: usize>(fields: [Option<&str>; N]) -> Vec<Cow<'_, str>> {
    fields.into_iter().flatten().map(Cow::Borrowed).collect()
}

fn text(choice: &Choice<Pattern>, value: Option<&Text>) -> bool {
    choice.allows(|pattern| value.is_some_and(|value| pattern.matches(value)))
}
