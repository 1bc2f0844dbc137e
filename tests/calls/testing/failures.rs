//! The messages of failed assertions.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
    time::Duration,
};

use serde_json::json;
use tower_activity::{ActivityLog, Describe, Kind, Outcome, testing::LogContents};

use crate::testing::SECOND;

/// A request whose login is denied after two seconds, and one event.
fn denied() -> LogContents {
    let (log, clock) = ActivityLog::test();
    log.start(Describe::new(Kind::Http, "GET /x").project("acme"))
        .run(|| {
            let login = log.start(Describe::job("login").actor("ann"));
            clock.advance(2 * SECOND);
            login.end(Outcome::failed("denied").with_message("no such user"));
            log.event("login_failed").summary("ann").count(3).record();
            log.start(Describe::job("audit")).run(|| ());
            clock.advance(Duration::from_micros(1_500));
        });
    log.assert().wait()
}

thread_local!(static AT: RefCell<String> = RefCell::default());

/// Returns the message of a failed assertion, with its line in this file.
fn failure<T>(assertion: impl FnOnce() -> T) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            AT.set(info.location().unwrap().file().to_owned());
            before(info);
        }));
    });
    let panic = catch_unwind(AssertUnwindSafe(|| drop(assertion()))).unwrap_err();
    let said = *panic.downcast::<String>().unwrap();
    assert_eq!(AT.take(), file!(), "the place of: {said}");
    said
}

#[test]
fn a_failed_assertion_shows_what_was_expected_what_was_found_and_the_tree() {
    let it = denied();
    insta::assert_snapshot!(failure(|| it.one("login").succeeded().took(SECOND)), @r#"
    activity "login": expected success, found failed (denied)

    on record:
      GET /x    success  2.0015s
      ├─ login  failed   2s       denied  "no such user"  ← here
      └─ audit  success  0ns

      events:
      login_failed  success  ×3  "ann"  in GET /x
    "#);
    insta::assert_snapshot!(failure(|| it.event("login_failed").under("login")), @r#"
    event "login_failed": expected to be under "login", found it under "GET /x"

    on record:
      GET /x    success  2.0015s
      ├─ login  failed   2s       denied  "no such user"
      └─ audit  success  0ns

      events:
      login_failed  success  ×3  "ann"  in GET /x  ← here
    "#);
}

#[test]
fn every_failed_assertion_panics_at_its_callers_line() {
    let it = denied();
    let check = |expected: &str, said: String| {
        let (first, _) = said.split_once('\n').unwrap();
        assert_eq!(first, expected);
    };
    check(
        r#"activity "login": expected failed (timeout), found failed (denied)"#,
        failure(|| it.one("login").failed("timeout")),
    );
    check(
        r#"activity "login": expected failed (panic), found failed (denied)"#,
        failure(|| it.one("login").panicked()),
    );
    check(
        r#"activity "login": expected cancelled, found failed (denied)"#,
        failure(|| it.one("login").cancelled()),
    );
    check(
        r#"activity "login": expected abandoned, found failed (denied)"#,
        failure(|| it.one("login").abandoned()),
    );
    check(
        r#"activity "audit": expected running, found success"#,
        failure(|| it.one("audit").running()),
    );
    check(
        r#"activity "audit": expected skipped, found success"#,
        failure(|| it.one("audit").skipped()),
    );
    check(
        r#"activity "login": expected a duration of 1s, found 2s"#,
        failure(|| it.one("login").took(SECOND)),
    );
    check(
        r#"activity "login": expected the message "no such", found "no such user""#,
        failure(|| it.one("login").message("no such")),
    );
    check(
        r#"activity "audit": expected the message "x", found none"#,
        failure(|| it.one("audit").message("x")),
    );
    check(
        r#"activity "audit": expected the kind tool, found job"#,
        failure(|| it.one("audit").kind(Kind::Tool)),
    );
    check(
        r#"activity "audit": expected the attribute "rows" to be 1, found none"#,
        failure(|| it.one("audit").attribute("rows", 1)),
    );
    check(
        r#"activity "login": expected to be under "audit", found it under "GET /x""#,
        failure(|| it.one("login").under("audit")),
    );
    check(
        r#"activity "GET /x": expected to be under "audit", found it at the top level"#,
        failure(|| it.one("GET /x").under("audit")),
    );
    check(
        r#"activity "login": expected to be at the top level, found it under "GET /x""#,
        failure(|| it.one("login").top_level()),
    );
    check(
        r#"activity "GET /x": expected the children ["login"], found ["login", "audit"]"#,
        failure(|| it.one("GET /x").children(["login"])),
    );
    check(
        r#"expected 1 event "login_failed" under "login", found 0"#,
        failure(|| it.one("login").event("login_failed")),
    );
    check(
        r#"activity "login": expected the project "umbrella", found "acme""#,
        failure(|| it.one("login").project("umbrella")),
    );
    check(
        r#"activity "login": expected the agent "planner", found none"#,
        failure(|| it.one("login").agent("planner")),
    );
    check(
        r#"activity "login": expected the actor "ben", found "ann""#,
        failure(|| it.one("login").actor("ben")),
    );
    check(
        r#"activity "login": expected the brand "shop", found none"#,
        failure(|| it.one("login").brand("shop")),
    );
    check(
        r#"activity "login": expected the environment "production", found "development""#,
        failure(|| it.one("login").environment("production")),
    );
    check(
        r#"activity "login": expected the session "s", found none"#,
        failure(|| it.one("login").session("s")),
    );
    check(
        r#"activity "login": expected the request "r", found none"#,
        failure(|| it.one("login").request("r")),
    );
    check(
        r#"expected 1 activity "logout", found 0"#,
        failure(|| it.one("logout")),
    );
    check(
        r#"expected 0 activities "login", found 1"#,
        failure(|| it.none("login").count(7)),
    );
    check(
        r#"expected 2 activities "login", found 1"#,
        failure(|| it.all("login").count(2)),
    );
    check(
        r#"expected activity "login" at index 1, found 1 in all"#,
        failure(|| it.all("login").nth(1)),
    );
    check(
        "expected 1 activity in all, found 3",
        failure(|| it.count(1).count(3)),
    );
    check(
        r#"expected the roots [], found ["GET /x"]"#,
        failure(|| it.roots([]).count(3)),
    );
    check(
        r#"expected 1 event "push", found 0"#,
        failure(|| it.event("push")),
    );
    check(
        r#"expected 0 events "login_failed", found 1"#,
        failure(|| it.no_event("login_failed").count(3)),
    );
    check(
        r#"event "login_failed": expected failed, found success"#,
        failure(|| it.event("login_failed").failed()),
    );
    check(
        r#"event "login_failed": expected the summary "ben", found "ann""#,
        failure(|| it.event("login_failed").summary("ben")),
    );
    check(
        r#"event "login_failed": expected the reference "x", found none"#,
        failure(|| it.event("login_failed").reference("x")),
    );
    check(
        r#"event "login_failed": expected the count 1, found 3"#,
        failure(|| it.event("login_failed").count(1)),
    );
    check(
        r#"event "login_failed": expected the data [1], found none"#,
        failure(|| it.event("login_failed").data(json!([1]))),
    );
}
