//! The filter grammar: what it accepts and matches, and its errors.

mod properties;

use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tower_activity::{
    Kind, Status,
    record::{ActivityRecord, AttributeTest, Filter, Has, Is, Pattern},
};

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn parse(text: &str) -> Filter {
    Filter::parse(text, now()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_documented_grammar_is_parsed() {
    let filter = parse(
        r#"status:failed kind:tool name:login* type:deployment project:acme actor:"Ann B" since:30d until:2026-02-18 duration:>2s has:recording is:root attr.rows:>100 -env:dev free words"#,
    );
    assert_eq!(filter.status.any_of, [Status::Failed]);
    assert_eq!(filter.kind.any_of, [Kind::Tool]);
    assert_eq!(filter.name.any_of, [Pattern::glob("login*")]);
    assert_eq!(filter.event_type.any_of, [Pattern::any_case("deployment")]);
    assert_eq!(filter.project.any_of, [Pattern::any_case("acme")]);
    assert_eq!(filter.actor.any_of, [Pattern::any_case("Ann B")]);
    assert_eq!(filter.since, Some(now() - TimeDelta::days(30)));
    assert_eq!(filter.until, "2026-02-18T00:00:00Z".parse().ok());
    let duration = filter.duration.unwrap();
    assert_eq!(duration.min_ns, Bound::Excluded(2_000_000_000));
    assert_eq!(duration.max_ns, Bound::Unbounded);
    assert_eq!(filter.has.any_of, [Has::Recording]);
    assert_eq!(filter.is.any_of, [Is::Root]);
    let rows = &filter.attributes["rows"];
    assert_eq!(rows.any_of, [AttributeTest::Greater(100.into())]);
    assert_eq!(filter.environment.none_of, [Pattern::any_case("dev")]);
    assert_eq!(filter.words.all_of, ["free", "words"]);
}

#[test]
fn a_filter_has_one_canonical_text() {
    let check = |text: &str, written: &str| assert_eq!(parse(text).to_string(), written, "{text}");
    check("", "");
    check("   ", "");
    check("status:failed status:cancelled", "status:failed,cancelled");
    check("STATUS:Failed,cancelled", "status:failed,cancelled");
    check("status:In_Progress kind:TOOL", "status:running kind:tool");
    check("has:ERROR IS:Root -is:root", "has:error is:root -is:root");
    check(r"name:C:\Users\ann", r#"name:"C:\\Users\\ann""#);
    check(
        "-status:success -env:dev,test",
        "-status:success -environment:dev,test",
    );
    check(r#"name:"a b"*,c"#, r#"name:"a b"*,c"#);
    check(r#"name:"GET /*""#, r#"name:"GET /*""#);
    check(r#"project:"""#, r#"project:"""#);
    check(r#"project:=Acme,a*,="B*""#, r#"project:=Acme,a*,="B*""#);
    check(r#"project:"=Acme",="",="=""#, r#"project:"=Acme",="",="=""#);
    check(
        r#"attr.rows:>100,1..5 -ATTR."odd key":"> x" attr.a:b:c attr.a:=Ok,"..""#,
        r#"attr.a:b:c,=Ok,".." -attr."odd key":"> x" attr.rows:>100,1..5"#,
    );
    check("attr.x:>=1,>1.5,<=-2,<1e3", "attr.x:>=1,>1.5,<=-2,<1000.0");
    check("attr.x:1..", "attr.x:>=1");
    check("attr.x:..5,a..b", r#"attr.x:<=5,"a..b""#);
    check(r#"actor:"O'Neil, J""#, r#"actor:"O'Neil, J""#);
}

#[test]
fn words_and_phrases_need_no_field() {
    let filter = parse(r#"user log* -"not found" 12:30 a,b "x:y" - "say \"hi\"" "no us*""#);
    assert_eq!(
        filter.words.all_of,
        [
            "user",
            "log*",
            "12:30",
            "a,b",
            "x:y",
            "-",
            r#"say "hi""#,
            "no us*"
        ]
    );
    assert!(
        filter.to_string().starts_with("user log* "),
        "{}",
        filter.to_string()
    );
    assert_eq!(filter.words.none_of, ["not found"]);
}

#[test]
fn durations_have_bounds() {
    let check = |text: &str, min_ns, max_ns| {
        let range = parse(&format!("duration:{text}")).duration.unwrap();
        assert_eq!((range.min_ns, range.max_ns), (min_ns, max_ns), "{text}");
    };
    let s = 1_000_000_000;
    check(">2s", Bound::Excluded(2 * s), Bound::Unbounded);
    check(">=1.5s", Bound::Included(3 * s / 2), Bound::Unbounded);
    check("<250ms", Bound::Unbounded, Bound::Excluded(s / 4));
    check("<=1m", Bound::Unbounded, Bound::Included(60 * s));
    check("1s..5s", Bound::Included(s), Bound::Included(5 * s));
    check("1h30m..", Bound::Included(5400 * s), Bound::Unbounded);
    check("..80us", Bound::Unbounded, Bound::Included(80_000));
}

#[test]
fn an_error_points_at_the_mistake_and_says_how_to_fix_it() {
    let check = |text: &str, wrong: &str, message: &str, help: &str| {
        let error = Filter::parse(text, now()).unwrap_err();
        assert_eq!(&error.text()[error.span()], wrong, "{text}");
        assert_eq!(error.message(), message, "{text}");
        let help_text = error.help().unwrap_or_default();
        assert!(
            help_text.starts_with(help) && help_text.is_empty() == help.is_empty(),
            "{text}: {help_text}"
        );
    };
    check(
        "x status:faild",
        "faild",
        "`faild` is not a status",
        "did you mean `failed`? allowed: running,",
    );
    check(
        "status:zzz",
        "zzz",
        "`zzz` is not a status",
        "allowed: running, success,",
    );
    check(
        "status:failed,oops",
        "oops",
        "`oops` is not a status",
        "allowed:",
    );
    check(
        "kind:tol",
        "tol",
        "`tol` is not a kind of activity",
        "did you mean `tool`?",
    );
    check(
        "is:rot",
        "rot",
        "`rot` is not something to be",
        "did you mean `root`?",
    );
    check(
        "has:eror",
        "eror",
        "`eror` is not something to have",
        "did you mean `error`?",
    );
    check(
        "statsu:failed",
        "statsu",
        "unknown field `statsu`",
        "did you mean `status`?",
    );
    check(
        "-quux:1",
        "quux",
        "unknown field `quux`",
        "allowed: status, kind,",
    );
    check(
        "http://x",
        "http",
        "unknown field `http`",
        "put a text with a colon in quotes",
    );
    check(
        "std::io",
        "std",
        "unknown field `std`",
        "put a text with a colon in quotes",
    );
    check(
        "status:",
        ":",
        "missing value of `status`",
        "allowed: running,",
    );
    check(
        "name:a,",
        ",",
        "missing value of `name`",
        "for example `name:acme`",
    );
    check(r#"name:"open"#, "\"", "unclosed quote", "write `\\\"`");
    check(r#"name:"open\"#, "\"", "unclosed quote", "write `\\\"`");
    check(
        r#"name:"C:\Users\ann""#,
        r"\U",
        r"unknown escape `\U`",
        r"write `\\` for a backslash in quotes",
    );
    check(r#"x -"""#, r#""""#, "empty word", "");
    check(
        "no lo*in",
        "*",
        "`*` in a free word is only allowed at its end",
        "write `no such us*`",
    );
    check(
        "*",
        "*",
        "`*` in a free word is only allowed at its end",
        "write ",
    );
    check(
        "x since:24h a until:48h b",
        "since:24h a until:48h",
        "nothing is both `since:24h` and `until:48h`",
        "swap them: `since:48h until:24h`",
    );
    check(
        "Until:today SINCE:now",
        "Until:today SINCE:now",
        "nothing is both `SINCE:now` and `Until:today`",
        "swap them: `since:today until:now`",
    );
    check(
        "since:today until:2026-03-01",
        "since:today until:2026-03-01",
        "nothing is both `since:today` and `until:2026-03-01`",
        "`until` is the first instant that is left out: write a later one",
    );
    check(
        "since:tomorrow",
        "tomorrow",
        "`tomorrow` is not a time",
        "a time is an age",
    );
    check(
        "since:2026-13-01",
        "2026-13-01",
        "`2026-13-01` is not a time",
        "a time is an age",
    );
    check("since:20000w", "20000w", "`20000w` is out of range", "");
    check(
        "since:1h since:2h",
        "since:2h",
        "`since` is given twice",
        "",
    );
    check("since:1h,2h", "since:1h,2h", "`since` takes one value", "");
    check(
        "-since:1h",
        "-since:1h",
        "`since` cannot be excluded",
        "use `until:`",
    );
    check(
        "duration:2s",
        "2s",
        "`2s` is not a range",
        "write `duration:>2s`",
    );
    check("duration:>2", ">2", "`2` has no unit", "a duration is");
    check(
        "duration:5s..1s",
        "5s..1s",
        "`5s..1s` is an empty range: the first bound is larger than the second",
        "",
    );
    check(
        "duration:>1s duration:<5s",
        "duration:<5s",
        "`duration` is given twice",
        "write a range",
    );
    check(
        "project:=",
        ":=",
        "missing value of `project`",
        "for example",
    );
    check(
        "http.response.status_code:402",
        "http.response.status_code",
        "unknown field `http.response.status_code`",
        "did you mean `attr.http.response.status_code:402`? put a text with a colon in quotes",
    );
    check(
        "x -a.b:1,2",
        "a.b",
        "unknown field `a.b`",
        "did you mean `-attr.a.b:1,2`?",
    );
    check(
        "attr:x",
        "attr:x",
        "missing key of an attribute",
        "write `attr.KEY:VALUE`",
    );
    check(
        "attr.:x",
        "attr.",
        "missing key of an attribute",
        "write `attr.KEY:VALUE`",
    );
    check(
        "attr.x:",
        ":",
        "missing value of `attr`",
        "for example `attr.rows:42`",
    );
    check(
        "attr.x:>abc",
        ">abc",
        "`abc` is not a number",
        "compare with a number, or put the text in quotes",
    );
    check(
        "attr.x:5..1",
        "5..1",
        "`5..1` is an empty range: the first bound is larger than the second",
        "",
    );
    check("ünï status:ƒ", "ƒ", "`ƒ` is not a status", "allowed:");
}

#[test]
fn a_filter_that_is_too_long_is_refused() {
    assert!(Filter::parse(&"x".repeat(5000), now()).is_err());
    assert!(Filter::parse(&"é".repeat(2049), now()).is_err());
    assert!(Filter::parse(&"x ".repeat(201), now()).is_err());
    assert!(Filter::parse(&"x ".repeat(200), now()).is_ok());
}

#[test]
fn a_filter_error_converts_to_the_crates_error() {
    let error = tower_activity::Error::from(Filter::parse("status:faild", now()).unwrap_err());
    assert!(error.is_invalid());
    assert_eq!(
        error.to_string(),
        r#"could not read the filter "status:faild""#
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        cause.starts_with("`faild` is not a status (at character 8 of the filter); did you mean")
    );
}

fn activity(over: &serde_json::Value) -> ActivityRecord {
    let mut record = json!({
        "id": "0199e5a2-7c00-7000-8000-000000000000", "parent": null,
        "root": "0199e5a2-7c00-7000-8000-000000000000", "kind": "tool", "name": "netflix_login",
        "status": "failed", "error_type": "denied", "message": "No such User",
        "started_at": "2026-03-01T11:00:00Z", "ended_at": "2026-03-01T11:00:03Z", "duration_ns": 3_000_000_000u64,
        "project": "acme", "agent": null, "actor": "Ann B", "brand": "netflix", "environment": null,
        "session": "s1", "request": null, "instance": "0199e5a2-7c00-7000-8000-000000000001",
        "trace_id": "0199e5a27c0070008000000000000000", "span_id": "8000000000000000", "remote_parent": null,
        "attributes": {}, "truncated": false, "input": null, "output": null, "seq": 1,
    });
    let fields = record.as_object_mut().unwrap();
    fields.extend(over.as_object().unwrap().clone());
    serde_json::from_value(record).unwrap()
}

#[test]
fn values_of_one_field_are_alternatives_and_all_fields_must_match() {
    let failed = activity(&json!({}));
    let running = activity(
        &json!({"status": "running", "error_type": null, "message": null, "duration_ns": null}),
    );
    let check = |text: &str, of_failed: bool, of_running: bool| {
        let filter = parse(text);
        assert_eq!(
            (filter.matches(&failed), filter.matches(&running)),
            (of_failed, of_running),
            "{text}"
        );
    };
    check("", true, true);
    check("status:running,failed", true, true);
    check("status:failed brand:amazon", false, false);
    check("-status:failed", false, true);
    check("name:netflix_*", true, true);
    check("name:Netflix*", true, true);
    check("name:=Netflix*", false, false);
    check("name:=netflix*", true, true);
    check("brand:NETFLIX actor:\"ANN b\"", true, true);
    check("brand:=NETFLIX", false, false);
    check("session:S1 error:DENIED", true, false);
    check("name:login", false, false);
    check("-env:dev", true, true);
    check("env:*", false, false);
    check("error:denied", true, false);
    check("-error:denied", false, true);
    check("since:2h", true, true);
    check("since:2026-03-01T11:00:00Z", true, true);
    check("until:2026-03-01T11:00:00Z", false, false);
    check("duration:>2s", true, false);
    check("duration:..3s", true, false);
    check("duration:<3s", false, false);
    check("user LOGIN", true, false);
    check("-user", false, true);
    check("has:error,session", true, true);
    check("-has:error", false, true);
    check("has:recording", false, false);
    let recorded = activity(&json!({"has_recording": true}));
    assert!(parse("has:recording").matches(&recorded));
    assert!(!parse("-has:recording").matches(&recorded));
    check("type:deployment", false, false);
    check("is:root", true, true);
    check("-is:root", false, false);
    let nested = activity(&json!({"parent": "0199e5a2-7c00-7000-8000-000000000004"}));
    assert!(parse("-is:root has:parent").matches(&nested));
    assert!(!parse("is:root has:error").matches(&nested));
}

#[test]
fn attributes_are_found_by_their_key_and_value() {
    let attributes = json!({
        "http.response.status_code": 402, "odd key": "Out of Stock", "ratio": 0.5, "big": 9_007_199_254_740_993u64,
        "huge": 1e300, "list": [1, "two", null, [7], {"a": 1}], "empty": [], "none": null, "ok": true, "text": "402",
        "nan": "NaN", "object": {"deep": 1},
    });
    let record = activity(&json!({"attributes": attributes}));
    let check = |text: &str, expected: bool| {
        assert_eq!(parse(text).matches(&record), expected, "{text}");
    };
    check("attr.http.response.status_code:402", true);
    check("attr.http.response.status_code:402.0,1", true);
    check("attr.http.response.status_code:4*", true);
    check("attr.http.response.status_code:403", false);
    check("attr.http.response.status_code:400..499", true);
    check("attr.HTTP.response.status_code:402", false);
    check("attr.text:402", true);
    check("attr.text:402.0", false);
    check("attr.text:>1", false);
    check("attr.\"odd key\":\"out of stock\"", true);
    check("attr.\"odd key\":=\"out of stock\"", false);
    check("attr.\"odd key\":out*", true);
    check("attr.ratio:0.5 attr.ratio:<1", true);
    check("attr.ratio:>0.5", false);
    check("attr.ratio:>0.5,0.5", true);
    check("attr.ratio:0.5 attr.ok:true", true);
    check("attr.ratio:0.5 attr.ok:false", false);
    check("attr.big:9007199254740993", true);
    check("attr.big:9007199254740992", false);
    check("attr.big:>9007199254740992", true);
    check("attr.big:>9007199254740992.0", true);
    check("attr.huge:1e300 attr.huge:>18446744073709551615", true);
    check("attr.list:1 attr.list:TWO attr.list:null", true);
    check("attr.list:7", false);
    check("attr.list:>0 -attr.list:>1", true);
    check("attr.empty:* attr.none:* attr.object:*", true);
    check("attr.empty:x", false);
    check("attr.none:null attr.nan:nan", true);
    check("attr.object:1", false);
    check("attr.missing:*", false);
    check("-attr.missing:* -attr.missing:x", true);
    check("-attr.ok:TRUE", false);
}

#[test]
fn a_filter_is_plain_data() {
    let filter = parse("status:failed name:a*b -env:=dev since:1h duration:>2s attr.x:>1,2 word");
    let json = serde_json::to_string(&filter).unwrap();
    assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), filter);
    assert_eq!(
        serde_json::from_str::<Filter>("{}").unwrap(),
        Filter::default()
    );
}
