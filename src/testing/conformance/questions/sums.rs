//! Sums, turns and counts.

use std::ops::Range;

use super::{ACTIVITIES, BOTH, EVENTS, Questions};
use crate::{
    record::{ActivityRecord, Filter},
    store::{
        CountedActivity, Dimension, Gaps, Grain, Grouping, Position, Quarter, Source, Subject,
    },
    testing::conformance::{
        records::{ACTORS, AGENTS, NAMES, PROJECTS, TYPES},
        sums::{added_up, by_hour},
    },
};

impl Questions<'_> {
    /// Returns the subjects of sums.
    fn subjects() -> Vec<Subject> {
        let of = |dimension, ids: &[&str]| {
            let ids: Vec<_> = ids
                .iter()
                .map(|id| Subject::One(dimension, (*id).to_owned().into()))
                .collect();
            ids
        };
        let mut all = vec![Subject::Overall];
        all.extend(of(Dimension::Project, &PROJECTS));
        all.extend(of(Dimension::Agent, &AGENTS));
        all.extend(of(Dimension::Name, &NAMES[..3]));
        all.extend(of(Dimension::Brand, &["shop"]));
        all.extend(of(Dimension::Agent, &["unknown"]));
        // An actor is not an agent.
        all.extend(of(Dimension::Agent, &ACTORS[..1]));
        all.extend(of(Dimension::Project, &TYPES[..1]));
        all
    }

    /// Returns spans of quarter hours that consist of whole hours.
    fn spans(&self) -> [Range<Quarter>; 5] {
        let now = self.expected.records.now.timestamp() / 900;
        [
            (now - 400, now + 400),
            (now - 96, now),
            (now - 192, now - 100),
            (now - 8, now + 4),
            (now, now),
        ]
        .map(|(start, end)| Quarter::from_number(start)..Quarter::from_number(end))
    }

    pub(super) fn sums(&mut self) {
        for quarters in self.spans() {
            for of in Questions::subjects() {
                let buckets = self.expected.buckets(&of, &quarters);
                self.same(
                    || format!("the sums of {of} in {quarters:?}"),
                    &buckets,
                    |reader| reader.buckets(&of, quarters.clone(), Grain::Quarter),
                );
                self.same(
                    || format!("the sums of {of} in {quarters:?} by the hour"),
                    &by_hour(buckets),
                    |reader| {
                        Ok(by_hour(reader.buckets(
                            &of,
                            quarters.clone(),
                            Grain::Hour,
                        )?))
                    },
                );
            }
            for by in [
                Dimension::Project,
                Dimension::Agent,
                Dimension::Name,
                Dimension::Brand,
            ] {
                let totals = self.expected.totals(by, &quarters);
                self.same(
                    || format!("the totals by {} in {quarters:?}", by.as_str()),
                    &totals,
                    |reader| {
                        let mut totals = reader.totals(by, quarters.clone())?;
                        totals.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
                        Ok(totals)
                    },
                );
            }
        }
        for text in BOTH.iter().chain(&ACTIVITIES) {
            let filter = self.filter(text);
            let expected = self.expected.samples(&filter);
            self.same(
                || format!("the scan of `{text}`"),
                &expected,
                |reader| {
                    let mut found = Vec::new();
                    reader.scan(&filter, &mut |one| found.push(one))?;
                    Ok(found)
                },
            );
        }
        for text in BOTH.iter().chain(&ACTIVITIES) {
            let filter = self.filter(text);
            self.attributes(&filter);
            // Conditions on the same key, of which neither includes the other.
            let [few, others] = ["attr.rows:<2000000000", "attr.rows:>1000000000 -attr.x:*"]
                .map(|text| self.filter(text));
            self.attributes(&filter.and(&few).and(&others));
            self.groups(text);
        }
        for text in BOTH.iter().chain(&EVENTS) {
            let filter = self.filter(text);
            let expected = self.expected.event_types(&filter);
            self.same(
                || format!("the types of `{text}`"),
                &expected,
                |reader| {
                    let mut types = reader.event_types(&filter)?;
                    types.sort_by(|a, b| a.event_type.as_str().cmp(b.event_type.as_str()));
                    Ok(types)
                },
            );
        }
        for quarters in self.spans() {
            self.same(
                || format!("the gaps in {quarters:?}, of which nothing was deleted"),
                &Gaps::default(),
                |reader| reader.gaps(quarters.clone()),
            );
        }
        let oldest = self.expected.oldest_quarter();
        self.same(
            || String::from("the oldest quarter"),
            &oldest,
            |reader| reader.oldest_quarter(),
        );
        for of in Questions::subjects() {
            let known = self.expected.is_known(&of);
            self.same(
                || format!("whether {of} is known"),
                &known,
                |reader| reader.is_known(&of),
            );
        }
    }

    /// Scans the activities that match a filter with their attributes.
    fn attributes(&mut self, filter: &Filter) {
        let expected = self.expected.attributes(filter);
        self.same(
            || format!("the attributes of `{filter}`"),
            &expected,
            |reader| {
                let mut found = Vec::new();
                reader.scan_attributes(filter, &mut |one| found.push(one))?;
                found.sort_by_key(|one| one.id);
                Ok(found)
            },
        );
    }

    /// Groups the activities that match a filter, and counts them in commit order.
    fn groups(&mut self, text: &str) {
        let filter = self.filter(text);
        let of_attribute = |key: &str| Grouping::Attribute(key.to_owned());
        for by in [
            Grouping::Actor,
            Grouping::Environment,
            Grouping::Error,
            of_attribute("rows"),
            of_attribute("unknown"),
        ] {
            let expected = self.expected.totals_by(&by, &filter);
            self.same(
                || format!("the totals of `{text}` by {by:?}"),
                &expected,
                |reader| {
                    let mut totals = reader.totals_by(&by, &filter)?;
                    totals.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
                    Ok(totals)
                },
            );
        }
        let counted = self.expected.committed::<ActivityRecord>(&filter);
        let mut expected: Vec<String> = counted.into_iter().map(as_counted).collect();
        expected.sort();
        for limit in [7, 1_000_000] {
            self.same(
                || format!("count `{text}`, {limit} at once"),
                &expected,
                |reader| {
                    let newest = Source::<ActivityRecord>::newest(reader)?;
                    let (mut position, mut found) = (Position::START, Vec::new());
                    while position != newest {
                        let mut take = |one: CountedActivity| found.push(format!("{one:?}"));
                        position = reader
                            .count_after(position, &filter, limit, &mut take)?
                            .next;
                    }
                    found.sort();
                    Ok(found)
                },
            );
        }
    }

    pub(super) fn paces(&mut self) {
        for quarters in self.spans() {
            for of in Questions::subjects() {
                let (start, end) = (quarters.start.number(), quarters.end.number());
                let middle = Quarter::from_number(start + (end - start) / 8 * 4);
                let hour = Quarter::from_number(end - 8)..Quarter::from_number(end - 4);
                let parts = [
                    quarters.clone(),
                    quarters.start..middle,
                    middle..quarters.end,
                    // An empty span has no hour.
                    if end - start < 8 {
                        quarters.clone()
                    } else {
                        hour
                    },
                ];
                for grain in [Grain::Quarter, Grain::Hour] {
                    let expected = parts.clone().map(|part| self.expected.pace(&of, &part));
                    let expected = (quarters.start, expected);
                    self.same(
                        || format!("the turns of {of} in {quarters:?} by {grain:?}"),
                        &expected,
                        |reader| {
                            let turns = reader.turn_stats(&of, quarters.clone(), grain)?;
                            let parts = parts.clone();
                            Ok((turns.from, parts.map(|part| added_up(&turns.stats, &part))))
                        },
                    );
                }
            }
        }
    }
}

fn as_counted(one: ActivityRecord) -> String {
    format!("{:?}", CountedActivity::from(one))
}
