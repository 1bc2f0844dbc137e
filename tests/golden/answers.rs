//! All answers of the library about a log.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tower_activity::{
    query::{ActivityReader, MetricsQuery, Window},
    record::{ActivityRecord, EventRecord, Filter},
    store::{Dimension, Subject},
};

use crate::golden::tables::hex;

/// Answers by query.
pub type Answers = BTreeMap<String, Value>;

/// Instants of metrics queries: within the log's records, and at their end.
const TIMES: [&str; 2] = ["2026-02-12T12:00:00Z", "2026-02-14T09:00:00Z"];

/// Filters with words and scopes, each of which matches something.
const SEARCHES: [&str; 22] = [
    "search",
    "поиск",
    "สินค้า*",
    "المنتجات",
    "מוצרים",
    "商品検索・日本語ツール名",
    "도구",
    "उत्पाद",
    "προϊόντων",
    "düsseldorf",
    "family",
    "upstr*",
    "\"connection reset\"",
    "половина",
    "status:failed deployment",
    "has:recording",
    "brand:netflix",
    "actor:\"Zoë Müller\"",
    "actor:أحمد",
    "session:会话",
    "agent:агент",
    "request:req-7",
];

/// Collects all answers.
pub fn all(path: &Path) -> Answers {
    let mut reader = ActivityReader::open(path).unwrap();
    let mut answers = Answers::new();
    let activities = activities(&mut reader);
    for one in &activities {
        let id = one.id;
        answers.insert(format!("activity {id}"), json!(one));
        for recording in reader.recordings_of(id).unwrap() {
            for chunk in reader.chunks(recording.id, 0, 1_000).unwrap() {
                answers.insert(
                    format!("recording {} chunk {:03}", recording.id, chunk.number),
                    json!({
                        "track": chunk.track, "events": chunk.events, "from": chunk.from, "until": chunk.until,
                        "hex": hex(&chunk.body),
                    }),
                );
            }
            answers.insert(format!("recording {}", recording.id), json!(recording));
        }
        if activities.iter().any(|other| other.parent == Some(id)) {
            let tree = reader.tree(id).unwrap();
            let ids: Vec<_> = tree.iter().map(|one| one.id).collect();
            answers.insert(format!("tree of {id}"), json!(ids));
        }
        let events = reader.events_of(id, 1_000).unwrap();
        if !events.is_empty() {
            let ids: Vec<_> = events.iter().map(|one| one.id).collect();
            answers.insert(format!("events of {id}"), json!(ids));
        }
    }
    for one in events(&mut reader) {
        answers.insert(format!("event {}", one.id), json!(one));
    }
    for one in reader.health().unwrap().instances {
        answers.insert(format!("instance {}", one.id), json!(one));
    }
    search(&mut reader, &mut answers);
    metrics(&mut reader, &mut answers);
    answers
}

/// The differences from earlier answers. A later version may add fields and results.
pub fn differences(earlier: &Answers, now: &Answers) -> Vec<String> {
    let mut found = Vec::new();
    for (asked, earlier) in earlier {
        match now.get(asked) {
            None => found.push(format!("{asked}: no answer")),
            Some(now) if asked.starts_with("search") => {
                let now = now.as_array().unwrap();
                let missing = earlier.as_array().unwrap().iter();
                let missing = missing.filter(|one| !now.contains(one));
                found.extend(missing.map(|one| format!("{asked}: {one} is not found")));
            }
            Some(now) => compare(asked, earlier, now, &mut found),
        }
    }
    found
}

/// Compares values; objects may have more keys than before.
fn compare(at: &str, earlier: &Value, now: &Value, found: &mut Vec<String>) {
    match (earlier, now) {
        (Value::Object(earlier), Value::Object(now)) => {
            for (key, earlier) in earlier {
                let now = now.get(key).unwrap_or(&Value::Null);
                compare(&format!("{at} · {key}"), earlier, now, found);
            }
        }
        (Value::Array(earlier), Value::Array(now)) if earlier.len() == now.len() => {
            for (place, (earlier, now)) in earlier.iter().zip(now).enumerate() {
                compare(&format!("{at} · {place}"), earlier, now, found);
            }
        }
        (Value::Array(earlier), Value::Array(now)) => {
            let (was, is) = (earlier.len(), now.len());
            found.push(format!("{at}: {is} instead of {was}"));
        }
        _ if earlier != now => found.push(format!("{at}: {now} instead of {earlier}")),
        _ => {}
    }
}

/// All activities, newest first.
pub fn activities(reader: &mut ActivityReader) -> Vec<ActivityRecord> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.page(&Filter::default(), cursor, 100).unwrap();
        rows.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

/// All events, newest first.
pub fn events(reader: &mut ActivityReader) -> Vec<EventRecord> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.events(&Filter::default(), cursor, 100).unwrap();
        rows.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

fn search(reader: &mut ActivityReader, answers: &mut Answers) {
    for text in SEARCHES {
        let filter = Filter::parse(text, Utc::now()).unwrap();
        let page = reader.page(&filter, None, 1_000).unwrap();
        let mut ids: Vec<_> = page.records.iter().map(|one| json!(one.id)).collect();
        if !text.starts_with("has:") {
            let page = reader.events(&filter, None, 1_000).unwrap();
            ids.extend(page.records.iter().map(|one| json!(one.id)));
        }
        answers.insert(format!("search {text}"), json!(ids));
    }
}

fn metrics(reader: &mut ActivityReader, answers: &mut Answers) {
    let subjects = [
        Subject::Overall,
        Subject::One(Dimension::Project, "acme".into()),
        Subject::One(Dimension::Agent, "claude".into()),
        Subject::One(Dimension::Name, "search".into()),
    ];
    for at in TIMES {
        let time: DateTime<Utc> = at.parse().unwrap();
        for window in [Window::Day, Window::Month] {
            for subject in &subjects {
                let query = MetricsQuery::new(window, time).subject(subject.clone());
                let mut answer = json!(reader.metrics(&query).unwrap());
                // Added after the first golden files; everything in them is known.
                assert_eq!(answer["unknown"].take(), Value::Null);
                for added in ["unknown", "counted", "durations"] {
                    answer.as_object_mut().unwrap().remove(added);
                }
                let history = answer["history"].as_array_mut().unwrap();
                // Most buckets are empty: left out.
                history.retain(|point| point["count"] != 0);
                answers.insert(format!("{window:?} at {at} of {subject:?}"), answer);
            }
        }
        for by in [
            Dimension::Project,
            Dimension::Agent,
            Dimension::Name,
            Dimension::Brand,
        ] {
            let query = MetricsQuery::new(Window::Week, time);
            let ranked = reader.ranking(by, &query).unwrap();
            let counts: BTreeMap<_, _> = ranked
                .ranking
                .iter()
                .map(|one| (one.id.as_str(), one.figures.count))
                .collect();
            answers.insert(format!("week at {at} by {by:?}"), json!(counts));
        }
    }
}
