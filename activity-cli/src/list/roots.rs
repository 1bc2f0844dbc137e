//! Which activities `activity list` lists: those at the top level, or all. The dashboard chooses by the same rule, in
//! `src/web/pages/dashboard/data/roots.ts`.

use std::collections::{HashMap, HashSet};

use tower_activity::{
    Result,
    query::ActivityReader,
    record::{ActivityRecord, Choice, Filter},
    store::{Cursor, Descendants, LARGEST_PAGE},
};

/// Returns true if the filter has only fields that an activity shares with the activities inside it: a list has the top level then.
pub(super) fn is_shared(asked: &Filter) -> bool {
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

/// Counts what ran inside the roots among these activities, in the order of the activities.
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

/// Counts what ran inside an activity that is not a root, among the next activities of its tree.
pub(super) fn descendants_inside(
    reader: &mut ActivityReader,
    one: &ActivityRecord,
) -> Result<Option<Descendants>> {
    // What is inside started later.
    let after = Some(Cursor::after(one.id));
    let tree = reader.tree_page(one.root, &Filter::default(), after, LARGEST_PAGE)?;
    let mut inside = HashSet::from([one.id]);
    let mut counts = Vec::new();
    for below in &tree.activities {
        if below.parent.is_some_and(|parent| inside.contains(&parent)) {
            inside.insert(below.id);
            counts.push((below.status, 1));
        }
    }
    let found = Descendants::new(one.id, counts);
    Ok(found.map(|mut found| {
        found.more |= tree.next.is_some();
        found
    }))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[test]
    fn the_top_level_is_listed_unless_the_filter_looks_for_something_inside() {
        let check = |text: &str, expected: bool| {
            let asked = Filter::parse(text, Utc::now()).unwrap();
            assert_eq!(is_shared(&asked), expected, "{text}");
        };
        check("", true);
        check("project:acme -env:dev", true);
        check("session:s1 since:2026-02-18", true);
        check("status:failed", false);
        check("project:acme upsert", false);
        check("request:r1", false);
        check("has:parent", false);
        check("-is:root", false);
        check("attr.rows:42", false);
    }
}
