//! Exports: every record once, in formats of other programs.

use std::collections::HashMap;

use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome,
    query::{Export, ExportRecord, Format},
    record::{ActivityRecord, EventRecord, Filter, TraceContext},
    store::Position,
};

fn filter(text: &str) -> Filter {
    Filter::parse(text, chrono::Utc::now()).unwrap()
}

fn whole<R: ExportRecord>(log: &ActivityLog, export: &mut Export<R>) -> String {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let mut bytes = Vec::new();
    while export.page(&mut reader, &mut bytes).unwrap() {}
    String::from_utf8(bytes).unwrap()
}

fn records<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn record(log: &ActivityLog, count: usize) {
    for number in 0..count {
        let describe = Describe::job(["a", "b"][number % 2]).attribute("n", number);
        log.start(describe).end(Outcome::success());
        log.event("tick").count(number as u64).record();
    }
}

#[test]
fn every_record_is_exported_once_across_pages_as_a_reader_returns_it() {
    let log = ActivityLog::open(":memory:").unwrap();
    record(&log, 2500);
    let mut export = Export::activities(filter("name:a"), Format::JsonLines);
    let found: Vec<ActivityRecord> = records(&whole(&log, &mut export));
    assert_eq!(
        (found.len(), export.records(), export.progress()),
        (1250, 1250, 1.0)
    );
    let mut reader = log.reader().unwrap();
    for activity in [&found[0], &found[1249]] {
        assert_eq!(
            reader.activity(activity.id).unwrap().as_ref(),
            Some(activity)
        );
    }
    let numbers: Vec<_> = found
        .iter()
        .map(|one| one.attributes["n"].as_u64().unwrap())
        .collect();
    assert!(numbers.iter().copied().eq((0..2500).step_by(2)));

    let mut export = Export::events(filter(""), Format::JsonLines);
    let found: Vec<EventRecord> = records(&whole(&log, &mut export));
    assert!(found.iter().map(|event| event.count).eq(0..2500));
}

#[test]
fn an_export_continues_where_an_earlier_one_ended() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut place = Position::START;
    let mut all = Vec::<ActivityRecord>::new();
    for round in 0..3 {
        record(&log, 3);
        let mut export = Export::activities(filter("-name:b"), Format::JsonLines).after(place);
        let found = records(&whole(&log, &mut export));
        assert_eq!(found.len(), 2, "{round}");
        all.extend(found);
        place = export.position();
    }
    all.dedup_by_key(|one| one.id);
    assert_eq!(all.len(), 6);
    // It has done half of its own records, wherever it started.
    record(&log, 2_000);
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let mut export = Export::activities(filter(""), Format::Csv).after(place);
    assert_eq!(export.progress(), 0.0);
    assert!(export.page(&mut reader, &mut Vec::new()).unwrap());
    assert_eq!(export.progress(), 0.5);
    assert!(!export.page(&mut reader, &mut Vec::new()).unwrap());
    assert_eq!(export.progress(), 1.0);
    place = export.position();
    // The next one is empty, without a header.
    let mut export = Export::activities(filter(""), Format::Csv).after(place);
    assert_eq!(whole(&log, &mut export), "");
}

#[test]
fn records_committed_during_an_export_belong_to_the_next_one() {
    let log = ActivityLog::open(":memory:").unwrap();
    record(&log, 1500);
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let mut export = Export::activities(filter(""), Format::JsonLines);
    let mut bytes = Vec::new();
    let mut pages = 1;
    while export.page(&mut reader, &mut bytes).unwrap() {
        // An export must end even if records are committed faster than they are exported.
        record(&log, 1500);
        log.flush().wait().unwrap();
        pages += 1;
    }
    assert_eq!((pages, export.records()), (2, 1500));
}

#[test]
fn csv_has_a_header_and_no_cell_is_a_formula() {
    let log = ActivityLog::open(":memory:").unwrap();
    let describe = Describe::new(Kind::Tool, "=HYPERLINK(\"http://x\")")
        .project("-1")
        .actor("Ann, B");
    log.start(describe.attribute("n", 1))
        .end(Outcome::failed("denied").with_message("two\nlines"));
    log.event("deployment")
        .summary("@SUM(A1)")
        .data(json!({"v": 3}))
        .record();
    let table = whole(&log, &mut Export::activities(filter(""), Format::Csv));
    let (titles, row) = table.split_once("\r\n").unwrap();
    assert!(
        titles.starts_with(
            "id,parent,root,trace_id,span_id,remote_parent,kind,name,status,error_type,"
        ),
        "{titles}"
    );
    assert!(
        row.contains(",tool,\"'=HYPERLINK(\"\"http://x\"\")\",failed,denied,\"two\nlines\",20"),
        "{row}"
    );
    assert!(
        row.contains("Z,") && row.contains(",'-1,,\"Ann, B\",,development,,,"),
        "{row}"
    );
    assert!(
        row.contains(",\"{\"\"n\"\":1}\",false,,,,,,,1\r\n"),
        "{row}"
    );
    let commas = |text: &str| text.matches(',').count();
    assert_eq!(commas(titles) + 1 /* of the actor's */, commas(row));
    let table = whole(&log, &mut Export::events(filter(""), Format::Csv));
    assert!(
        table.starts_with("id,at,type,status,summary,count,reference,data,activity,project,"),
        "{table}"
    );
    assert!(
        table.contains(",deployment,success,'@SUM(A1),1,,\"{\"\"v\"\":3}\",,,"),
        "{table}"
    );
    assert_eq!(table.lines().map(commas).collect::<Vec<_>>(), [19, 19]);
}

#[test]
fn csv_has_the_trace_context_of_activities() {
    let log = ActivityLog::open(":memory:").unwrap();
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let remote = TraceContext::parse(&format!("00-{trace}-{caller}-01"), None).unwrap();
    log.start(Describe::job("call").remote_parent(remote))
        .end(Outcome::success());
    let table = whole(&log, &mut Export::activities(filter(""), Format::Csv));
    let mut lines = table.lines().map(|line| line.split(','));
    let cells: HashMap<_, _> = lines.next().unwrap().zip(lines.next().unwrap()).collect();
    let mut export = Export::activities(filter(""), Format::JsonLines);
    let [record] = &records::<ActivityRecord>(&whole(&log, &mut export))[..] else {
        panic!("not one")
    };
    assert_eq!(cells["trace_id"], trace);
    assert_eq!(cells["span_id"], record.span_id.to_string());
    assert_eq!(cells["remote_parent"], caller);
}

#[test]
fn cloud_events_have_the_required_attributes_and_the_record_as_data() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.start(Describe::tool("search"))
        .end(Outcome::failed("denied"));
    log.event("deployment").reference("sha-1").record();
    let check = |lines: String, event_type: &str, subject: &str| {
        let [found] = &records::<Value>(&lines)[..] else {
            panic!("not one")
        };
        let data = &found["data"];
        let instance = data["instance"].as_str().unwrap();
        let time = data.get("ended_at").or(data.get("at")).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": data["id"], "source": format!("urn:uuid:{instance}"),
            "type": format!("com.github.tower-activity.{event_type}"), "subject": subject, "time": time,
            "datacontenttype": "application/json", "data": data,
        });
        assert_eq!(*found, expected);
    };
    check(
        whole(
            &log,
            &mut Export::activities(filter(""), Format::CloudEvents),
        ),
        "activity.failed",
        "search",
    );
    check(
        whole(&log, &mut Export::events(filter(""), Format::CloudEvents)),
        "event.deployment",
        "sha-1",
    );
}

#[test]
fn filters_on_fields_that_the_records_do_not_have_are_refused() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut reader = log.reader().unwrap();
    let mut bytes = Vec::new();
    let mut activities = Export::activities(filter("type:deployment"), Format::Csv);
    let mut events = Export::events(filter("kind:tool"), Format::Csv);
    for page in [
        activities.page(&mut reader, &mut bytes),
        events.page(&mut reader, &mut bytes),
    ] {
        assert!(page.unwrap_err().is_invalid());
    }
    assert_eq!(bytes, b"");
}
