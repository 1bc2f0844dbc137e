//! Which activities `activity list` lists: those at the top level, or all. The dashboard has the same rule, in
//! `src/web/pages/dashboard/data/roots.ts`.

use std::collections::HashMap;

use tower_activity::{
    Result,
    query::ActivityReader,
    record::{ActivityRecord, Choice, Filter, Is},
    store::{Descendants, LARGEST_PAGE},
};

/// Returns the filter with `is:root`, unless it looks for something that may be inside of others.
pub(super) fn at_top_level(asked: Filter) -> Filter {
    if !is_shared(&asked) {
        return asked;
    }
    let mut filter = asked;
    filter.is.any_of.push(Is::Root);
    filter
}

/// Returns true if the filter has only fields that an activity shares with what runs inside of it.
fn is_shared(asked: &Filter) -> bool {
    let mut rest = asked.clone();
    for shared in [
        &mut rest.project,
        &mut rest.agent,
        &mut rest.actor,
        &mut rest.brand,
        &mut rest.environment,
        &mut rest.session,
    ] {
        *shared = Choice::default();
    }
    (rest.since, rest.until) = (None, None);
    rest.is_empty()
}

/// Counts the descendants of the roots among these activities, in the order of the activities.
pub(super) fn descendants(
    reader: &mut ActivityReader,
    activities: &[ActivityRecord],
) -> Result<Vec<Option<Descendants>>> {
    let mut counted = Vec::new();
    for page in activities.chunks(LARGEST_PAGE) {
        let roots = page.iter().filter(|one| one.id == one.root);
        let roots: Vec<_> = roots.map(|one| one.id).collect();
        let found = reader.descendants(&roots, &Filter::default())?;
        let mut found: HashMap<_, _> = found.into_iter().map(|one| (one.root, one)).collect();
        counted.extend(page.iter().map(|one| found.remove(&one.id)));
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[test]
    fn roots_are_listed_unless_the_filter_looks_for_something_inside() {
        let check = |text: &str, expected: &str| {
            let asked = Filter::parse(text, Utc::now()).unwrap();
            assert_eq!(at_top_level(asked).to_string(), expected, "{text}");
        };
        check("", "is:root");
        check(
            "project:acme -env:dev",
            "project:acme -environment:dev is:root",
        );
        check(
            "session:s1 since:2026-02-18",
            "session:s1 since:2026-02-18T00:00:00Z is:root",
        );
        check("status:failed", "status:failed");
        check("project:acme upsert", "project:acme upsert");
        check("request:r1", "request:r1");
        check("has:parent", "has:parent");
        check("-is:root", "-is:root");
        check("attr.rows:42", "attr.rows:42");
    }
}
