//! The SQL matches what `Filter::matches` matches, and pages are consecutive.

mod plans;

use chrono::{DateTime, Utc};
use proptest::{collection::vec, prelude::*, sample::select};
use rusqlite::params;

use super::*;
use crate::{
    record::{EventId, Has, Kind, Pattern, Status},
    store::sqlite::{
        columns::{ADD_TEXT, folded},
        maintenance::search::{ACTIVITIES, prepare_indexes},
        meta::MetaKey,
        open::migrate::reference_schema,
    },
};

const START_US: i64 = 1_772_366_400_000_000;
const LIVING: u8 = 1;
const DEAD: u8 = 2;

/// A generated row. Its texts are picked from [`TEXTS`], so that filters match some rows.
#[derive(Debug, Clone)]
struct RowSpec {
    status: i64,
    dead: bool,
    picks: [usize; 9],
    /// The message, the previews and an attribute, from [`PROSE`].
    prose: [usize; 4],
    second: i64,
    duration_ns: i64,
}

const TEXTS: [Option<&str>; 7] = [
    None,
    Some("acme"),
    Some("Acme"),
    Some("STRAẞE"),
    Some("ac"),
    Some("a*[b]?"),
    Some("ÜBER Log"),
];

/// Attributes of rows, as JSON.
const ATTRIBUTES: [Option<&str>; 8] = [
    None,
    Some(r#"{"n":1}"#),
    Some(r#"{"n":1.0,"odd key":"Log"}"#),
    Some(r#"{"n":"1"}"#),
    Some(r#"{"n":[0.5,"ac",null,[1]],"a.b":true}"#),
    Some(r#"{"n":3,"n":2}"#),
    Some(r#"{"n":9007199254740993,"a.b":{"n":1}}"#),
    Some(r#"{"n":1e300,"a.b":null,"odd key":"NaN"}"#),
];

/// Messages and previews.
const PROSE: [Option<&str>; 11] = [
    None,
    Some("über das Log"),
    Some("U\u{308}ber... das"),
    Some("日本語の本"),
    Some("東京API ５００"),
    Some("ｱｷﾊﾞ party🎉🎉"),
    Some("हिन्दी में"),
    Some("한국어 § 5"),
    Some("smørrebrød -!!!"),
    Some("!!! \"quoted\" \\ line\nbreak"),
    Some(""),
];

fn text_id(connection: &Connection, text: Option<&str>) -> Option<i64> {
    let text = text?;
    connection
        .execute(ADD_TEXT, params![text, folded(text)])
        .unwrap();
    connection
        .query_row("SELECT id FROM text WHERE value = ?", [text], |row| {
            row.get(0)
        })
        .unwrap()
}

fn fixture(rows: &[RowSpec]) -> SqliteReader {
    let connection = reference_schema(i64::MAX).unwrap();
    for instance in [LIVING, DEAD] {
        connection
            .execute(
                "INSERT INTO instance (id, uuid, host, pid, started_at) VALUES (?, ?, 'host', 7, ?)",
                params![instance, [instance; 16], START_US],
            )
            .unwrap();
    }
    for (index, row) in rows.iter().enumerate() {
        insert(&connection, index, row);
    }
    let connection = std::sync::Arc::new(parking_lot::Mutex::new(connection));
    let alive = |_: Option<&std::path::Path>, id: InstanceId| id.as_bytes()[0] == LIVING;
    SqliteReader::new(Access::memory(connection), alive).unwrap()
}

fn insert(connection: &Connection, index: usize, row: &RowSpec) {
    let at = START_US + row.second * 1_000_000;
    let id = ActivityId::from_parts(at, (index as u64) << 2);
    let open = row.status == 0;
    let pick = |n: usize| TEXTS[row.picks[n] % TEXTS.len()];
    let prose = |n: usize| PROSE[row.prose[n] % PROSE.len()];
    let kind = text_id(connection, Some(Kind::ALL[row.picks[0] % 2].as_str()));
    let name = text_id(connection, pick(1).or(Some("log")));
    let scope: Vec<_> = (2..7).map(|n| text_id(connection, pick(n))).collect();
    let parent = (row.picks[7] % 2 == 1).then(|| ActivityId::from_parts(START_US, 3));
    let parent = parent.as_ref().map(ActivityId::as_bytes);
    let attributes = match prose(3).filter(|_| row.prose[3].is_multiple_of(2)) {
        Some(text) => Some(serde_json::json!({"größe": [text, 1, null], "n": true}).to_string()),
        None => ATTRIBUTES[row.picks[6] % ATTRIBUTES.len()].map(str::to_owned),
    };
    let instance = if row.dead { DEAD } else { LIVING };
    if open {
        connection
            .execute(
                "INSERT INTO open (id, parent, root, kind, name, started_at, instance, project, agent, actor, brand, \
                 environment, session, request, input, attributes) \
                 VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                params![id.as_bytes(), parent, kind, name, at, instance, scope[0], scope[1], scope[2], scope[3],
                    scope[4], pick(7), pick(8), prose(1), attributes],
            )
            .unwrap();
        return;
    }
    let abandoned = row.status == 5;
    connection
        .execute(
            "INSERT INTO activity (id, parent, root, kind, name, status, started_at, duration_ns, instance, project, \
             agent, actor, brand, environment, session, request, error_type, message, attributes) \
             VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
            params![id.as_bytes(), parent, kind, name, row.status, at, (!abandoned).then_some(row.duration_ns),
                instance, scope[0], scope[1], scope[2], scope[3], scope[4], pick(7), pick(8), pick(5), prose(0), attributes],
        )
        .unwrap();
    let seq = connection.last_insert_rowid();
    if row.picks[8].is_multiple_of(2) {
        connection
            .execute(
                "INSERT INTO preview (activity, input, output) VALUES (?, ?, ?)",
                params![seq, prose(1), prose(2)],
            )
            .unwrap();
    }
}

fn row_spec() -> impl Strategy<Value = RowSpec> {
    (
        0..6i64,
        any::<bool>(),
        (any::<[u8; 9]>(), any::<[u8; 4]>()),
        0..20i64,
        select(vec![0, 1, 5, 10, 1_000_000]),
    )
        .prop_map(
            |(status, dead, (picks, prose), second, duration_ns)| RowSpec {
                status,
                dead,
                picks: picks.map(usize::from),
                prose: prose.map(usize::from),
                second,
                duration_ns,
            },
        )
}

/// A filter made of terms that can match the generated rows.
fn filter() -> impl Strategy<Value = Filter> {
    let value = select(vec![
        "acme",
        "ac",
        "a*",
        "*",
        "*b]?",
        "\"a*[b]?\"",
        "\"ÜBER Log\"",
        "x",
        "ac,acme",
        "ac,x*",
        "ACME",
        "=Acme",
        "=ac*,ACM*",
        "straße",
        "*SSE",
        "\"über LOG\",=acme",
    ]);
    let field = select(vec![
        "name",
        "project",
        "project",
        "agent",
        "actor",
        "brand",
        "environment",
        "session",
        "request",
        "error",
    ]);
    let texts = (field, value).prop_map(|(field, value)| format!("{field}:{value}"));
    let status = select(Status::ALL.to_vec()).prop_map(|status| format!("status:{status}"));
    let kind = select(Kind::ALL[..3].to_vec()).prop_map(|kind| format!("kind:{kind}"));
    let has = select(Has::ALL.to_vec()).prop_map(|what| format!("has:{what}"));
    let words = vec![
        "AC",
        "log",
        "lo*",
        "über",
        "ü*",
        "b]",
        "zzz",
        "-",
        "\"über log\"",
        "\"log über\"",
        "\"uber das\"",
        "日本",
        "語",
        "本*",
        "京api",
        "500",
        "アキバ",
        "🎉",
        "🎊",
        "\"हिन्दी में\"",
        "국어",
        "smorrebrod",
        "größe",
        "true",
        "quoted",
        "break",
        "\"...\"",
        "\"!!!\"",
        "\"§ 5\"",
        "\"§\"",
        "\"\\\\\"",
    ];
    let word = select(words).prop_map(str::to_owned);
    let is = Just(String::from("is:root"));
    let keys = select(vec!["n", "n", "n", "a.b", "\"odd key\"", "x"]);
    let values = select(vec![
        "1",
        "1.0",
        "*",
        "1*",
        "ac,2",
        "log",
        "=log",
        "nan",
        "true",
        "null",
        "\"\"",
        "1e300",
        ">0",
        ">=1",
        "<3",
        "<=0.5",
        "0..2",
        "2,>1e9",
        "9007199254740992",
        "9007199254740993",
        ">9007199254740992.0",
    ]);
    let attributes = (keys, values).prop_map(|(key, value)| format!("attr.{key}:{value}"));
    let term = prop_oneof![3 => texts, 2 => attributes, 2 => status, 1 => kind, 2 => has, 1 => is, 3 => word];
    let signed = (any::<bool>(), term)
        .prop_map(|(minus, term)| if minus { format!("-{term}") } else { term });
    let bound = prop_oneof![
        3 => Just(None),
        1 => (select(vec![">", ">=", "<", "<="]), select(vec![0, 1, 5, 10])).prop_map(|(op, ns)| Some(format!("duration:{op}{ns}ns"))),
        1 => (0..20i64).prop_map(|s| Some(format!("since:{}", at(s).to_rfc3339().replace("+00:00", "Z")))),
        1 => (0..20i64).prop_map(|s| Some(format!("until:{}", at(s).to_rfc3339().replace("+00:00", "Z")))),
    ];
    (vec(signed, 0..4), bound).prop_map(|(mut terms, bound)| {
        terms.extend(bound);
        parse(&terms.join(" "))
    })
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(START_US + second * 1_000_000).unwrap()
}

fn parse(text: &str) -> Filter {
    Filter::parse(text, at(0)).unwrap()
}

proptest! {
    #[test]
    fn the_sql_matches_what_the_filter_matches(
        rows in vec(row_spec(), 0..40),
        indexed in 0usize..60,
        outdated: bool,
        filter in filter(),
        limit in 1usize..12,
    ) {
        let mut reader = fixture(&rows[..indexed.min(rows.len())]);
        index(&reader);
        for (at, row) in rows.iter().enumerate().skip(indexed) {
            insert(&reader.connection().unwrap(), at, row);
        }
        if outdated {
            // Indexed by another version: in half of the cases this one has begun to index it anew.
            MetaKey::WordsVersion.set(&reader.connection().unwrap(), 1).unwrap();
            if limit % 2 == 1 {
                index(&reader);
            }
        }
        let all = Source::<ActivityRecord>::list(&mut reader, &Filter::default(), None, LARGEST_PAGE).unwrap().records;
        prop_assert_eq!(all.len(), rows.len());
        let expected: Vec<_> = all.into_iter().filter(|activity| filter.matches(activity)).collect();

        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = Source::<ActivityRecord>::list(&mut reader, &filter, cursor, limit).unwrap();
            prop_assert!(page.records.len() <= limit);
            found.extend(page.records);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        prop_assert_eq!(&found, &expected, "{}", &filter);

        let mut ended: Vec<_> = expected.into_iter().filter(|activity| activity.seq.is_some()).collect();
        ended.sort_by_key(|activity| activity.seq);
        let mut followed = Vec::new();
        let mut position = Position::<ActivityRecord>::START;
        while position != reader.newest().unwrap() {
            let next = reader.after(position, &filter, limit).unwrap();
            followed.extend(next.records);
            position = next.next;
        }
        prop_assert_eq!(followed, ended, "{}", &filter);
    }
}

fn index(reader: &SqliteReader) {
    let connection = reader.connection().unwrap();
    assert!(prepare_indexes(&connection).unwrap());
    while ACTIVITIES.index_some(&connection, 7).unwrap() > 0 {}
}

#[test]
fn a_tree_holds_ended_and_open_activities_in_order_of_start() {
    let mut reader = fixture(&[]);
    let root = ActivityId::from_parts(START_US, 3);
    let row = |status, second, odd| RowSpec {
        status,
        dead: false,
        picks: [0, 1, 0, 0, 0, 0, 0, odd, 0],
        prose: [0; 4],
        second,
        duration_ns: 5,
    };
    insert(&reader.connection().unwrap(), 0, &row(1, 0, 0));
    insert(&reader.connection().unwrap(), 1, &row(0, 7, 1));
    insert(&reader.connection().unwrap(), 2, &row(2, 5, 1));
    insert(&reader.connection().unwrap(), 3, &row(2, 6, 0));
    let tree = reader.tree(root).unwrap();
    let statuses: Vec<_> = tree.iter().map(|activity| activity.status).collect();
    assert_eq!(statuses, [Status::Success, Status::Failed, Status::Running]);
    assert!(tree.iter().all(|activity| activity.root == root));
    assert_eq!(
        Source::<ActivityRecord>::get(&mut reader, tree[2].id)
            .unwrap()
            .as_ref(),
        Some(&tree[2])
    );
    let unknown = ActivityId::from_parts(0, 0);
    assert_eq!(
        Source::<ActivityRecord>::get(&mut reader, unknown).unwrap(),
        None
    );
    let all = ActivityId::from_bytes([0; 16])..=ActivityId::from_bytes([255; 16]);
    assert_eq!(reader.ids(all, 2).unwrap().len(), 2);
}

#[test]
fn a_filter_that_a_list_does_not_support_is_refused_instead_of_matching_nothing() {
    let mut reader = fixture(&[]);
    let mut filter = Filter::default();
    filter.event_type.none_of.push(Pattern::exact("deployment"));
    let list = Source::<ActivityRecord>::list(&mut reader, &filter, None, 1);
    assert!(list.unwrap_err().is_invalid());
    let start = Position::<ActivityRecord>::START;
    assert!(reader.after(start, &filter, 1).unwrap_err().is_invalid());
}

#[test]
fn a_damaged_row_is_an_error_that_names_it() {
    let mut reader = fixture(&[]);
    insert(
        &reader.connection().unwrap(),
        0,
        &RowSpec {
            status: 1,
            dead: false,
            picks: [0; 9],
            prose: [0; 4],
            second: 0,
            duration_ns: 1,
        },
    );
    reader
        .connection()
        .unwrap()
        .execute("UPDATE activity SET attributes = '[]'", ())
        .unwrap();
    let error =
        Source::<ActivityRecord>::list(&mut reader, &Filter::default(), None, 1).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("could not read the row of activity 019"),
        "{error}"
    );
}
