//! Digests: recent events within a token budget, for any text.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use tower_activity::{
    ActivityLog, Status,
    query::{ActivityReader, Digest, DigestQuery, count_tokens, estimated_tokens},
    record::Filter,
    testing::ManualClock,
};

/// Summaries as people write them: of a tool server for browsers, of a project's back end, of an assistant, of monitored
/// agents, of hosts.
const ORDINARY: [[&str; 10]; 5] = [
    [
        "Signed in to Netflix and saved the session",
        "Searched Amazon for wireless headphones",
        "Added 2 items to the cart",
        "Checkout failed: the payment page timed out",
        "Opened the order history on Amazon",
        "Downloaded 3 invoices as PDF",
        "Watchlist updated with 4 titles",
        "Signed out of Spotify",
        "Price of the headphones dropped to 89.99 euros",
        "Captcha shown at the login of eBay",
    ],
    [
        "Project Atlas created",
        "Database orders created with 4 tables",
        "5 endpoints added to the billing API",
        "2 endpoints modified: GET /orders and POST /orders",
        "Ran 12 queries against the staging database",
        "Deployed version 2.4.1 to production",
        "Pushed 3 commits to main",
        "Deployment failed: health check timed out after 30 s",
        "3 tables added: users, sessions and invoices",
        "Rolled back production to version 2.4.0",
    ],
    [
        "Weekly report for the board delivered",
        "Remembered that Ann prefers short answers",
        "Synced 42 pages from the Notion wiki",
        "Chatted about the launch plan for March",
        "Draft of the newsletter finished",
        "Sync with Slack failed: token expired",
        "Meeting notes summarized and sent to the team",
        "Calendar synced, 7 new events",
        "Remembered the new address of the Berlin office",
        "Quarterly budget updated in the spreadsheet",
    ],
    [
        "Agent planner finished 12 turns in 8 minutes",
        "Agent crawler restarted after a crash",
        "Error rate of search rose to 4.2 percent",
        "Mean turn time dropped from 3.1 s to 1.8 s",
        "Agent reviewer started on project Atlas",
        "Nightly metrics rebuilt for 30 days",
        "Timeout calling the embeddings service",
        "Agent planner paused by ann",
        "9 agents active in the last hour",
        "Retention removed 1,204 old activities",
    ],
    [
        "Host web-1 created in eu-central-1",
        "Host web-1 booted in 34 seconds",
        "SSH session of bob opened on web-1",
        "Host web-1 stopped after 30 minutes without activity",
        "Host db-2 started again by ann",
        "Snapshot of db-2 taken before the upgrade",
        "Provider refused to start gpu-4: no capacity",
        "Disk of web-1 resized to 80 GB",
        "Idle mode of gpu-4 changed to disabled",
        "Host build-7 deleted",
    ],
];
const HOUR: Duration = Duration::from_secs(3600);

fn digest(log: &ActivityLog, query: &DigestQuery) -> Digest {
    log.flush().wait().unwrap();
    log.reader().unwrap().digest(query).unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, chrono::Utc::now()).unwrap()
}

/// A week of an assistant's events, and one from before.
fn week() -> (ActivityLog, ManualClock) {
    let (log, clock) = ActivityLog::test();
    let event =
        |kind: &'static str, summary: &'static str| log.event(kind).actor("ann").summary(summary);
    event("chat_session", "nine days old").record();
    clock.advance(9 * 24 * HOUR);
    event("platform_synced", "42 items from the wiki").record();
    clock.advance(HOUR);
    event("deliverable_run", "the mail server refused")
        .status(Status::Failed)
        .record();
    clock.advance(HOUR);
    event("memory_written", "prefers short answers").record();
    log.event("log").actor("ann").summary("a log line").record();
    log.event("memory_written")
        .actor("bob")
        .summary("of another actor")
        .record();
    clock.advance(HOUR);
    (log, clock)
}

#[test]
fn a_list_is_a_heading_and_a_line_for_each_event_newest_first() {
    let (log, clock) = week();
    let query = DigestQuery::new(clock.now()).actor("ann");
    let expected = "### Recent activity\n\
        - 2026-01-10 02:00 · prefers short answers\n\
        - 2026-01-10 01:00 · failed: the mail server refused\n\
        - 2026-01-10 00:00 · 42 items from the wiki\n";
    assert_eq!(digest(&log, &query).list(300).unwrap(), expected);
    let query = query.zone("Asia/Kathmandu".parse().unwrap()).limit(1);
    let expected =
        "### Recent activity\n- 2026-01-10 07:45 · prefers short answers\n- 2 more not shown\n";
    assert_eq!(digest(&log, &query).list(300).unwrap(), expected);
    let recent = log.reader().unwrap().recent("ann", clock.now()).unwrap();
    assert_eq!(recent, digest(&log, &query.limit(10)).events);
}

#[test]
fn an_actor_restricts_a_digest_and_does_not_replace_its_filter() {
    let (log, clock) = week();
    let of_bob = DigestQuery::new(clock.now()).filter(Filter::for_actor("bob"));
    assert_eq!(digest(&log, &of_bob.clone().actor("bob")).events.len(), 1);
    assert!(digest(&log, &of_bob.actor("ann")).is_empty());
}

#[test]
fn events_beyond_the_budget_are_dropped_oldest_first_and_counted() {
    let (log, clock) = week();
    let digest = digest(&log, &DigestQuery::new(clock.now()).actor("ann"));
    let whole = digest.list(300).unwrap();
    assert_eq!(digest.list(count_tokens(&whole)).unwrap(), whole);
    let less = digest.list(count_tokens(&whole) - 1).unwrap();
    assert_eq!(less.lines().last().unwrap(), "- 1 more not shown");
    let nothing = "### Recent activity\n- 3 more not shown\n";
    assert_eq!(digest.list(24).unwrap(), nothing);
    let error = digest.list(5).unwrap_err();
    assert!(error.is_invalid(), "{error}");
}

#[test]
fn events_of_two_and_three_endpoints_are_five_endpoints_added_today_where_the_viewer_lives() {
    let (log, clock) = ActivityLog::test();
    let day = "2026-02-18T18:00:00Z".parse().unwrap();
    clock.set_wall(day);
    log.event("endpoints_added").count(7).record();
    // In Kathmandu this is the 19th.
    clock.advance(HOUR / 2);
    log.event("endpoints_added").count(2).record();
    clock.advance(HOUR);
    log.event("endpoints_added").count(3).record();
    log.event("endpoints_added")
        .count(4)
        .status(Status::Failed)
        .summary("no such path")
        .record();
    log.event("deployment")
        .status(Status::Failed)
        .summary("out of disk")
        .record();
    let query = DigestQuery::new(clock.now()).today();
    let there = query.clone().zone("Asia/Kathmandu".parse().unwrap());
    let expected = "### Recent activity\n\
        - 5 endpoints added today, 1 attempt failed\n\
        - 0 deployments today, 1 attempt failed\n\
        - 2026-02-19 01:15 · failed: out of disk\n\
        - 2026-02-19 01:15 · failed: no such path\n";
    assert_eq!(digest(&log, &there).grouped(300).unwrap(), expected);
    let utc = digest(&log, &query).grouped(300).unwrap();
    assert!(
        utc.contains("\n- 12 endpoints added today, 1 attempt failed\n"),
        "{utc}"
    );
}

#[test]
fn attempts_that_did_nothing_are_numbers_of_events_beside_what_was_done() {
    let check = |count: u64, statuses: &[Status], expected: &str| {
        let (log, clock) = ActivityLog::test();
        for status in statuses {
            log.event("endpoints_added")
                .count(count)
                .status(*status)
                .record();
        }
        let digest = digest(&log, &DigestQuery::new(clock.now()).today());
        let text = digest.grouped(300).unwrap();
        let line = text.lines().find(|line| line.contains("added"));
        assert_eq!(line, Some(expected), "{statuses:?}");
    };
    use Status::{Abandoned, Cancelled, Failed, Running, Skipped, Success};
    check(1, &[Success], "- 1 endpoint added today");
    check(4, &[Failed], "- 0 endpoints added today, 1 attempt failed");
    check(
        1,
        &[
            Success, Failed, Failed, Running, Cancelled, Skipped, Abandoned,
        ],
        "- 1 endpoint added today, 2 attempts failed, 1 in progress, 1 cancelled, 1 skipped, 1 abandoned",
    );
    check(
        2,
        &[Success, Running, Running],
        "- 2 endpoints added today, 2 in progress",
    );
}

#[test]
fn many_events_of_one_type_do_not_crowd_out_the_others() {
    let (log, clock) = week();
    for _ in 0..200 {
        log.event("platform_synced").actor("bob").record();
    }
    let query = DigestQuery::new(clock.now()).filter(filter("type:memory_written"));
    let written = digest(&log, &query).list(300).unwrap();
    assert_eq!(written.lines().count(), 3, "{written}");
    let all = digest(&log, &DigestQuery::new(clock.now()));
    assert_eq!(all.events.len(), 10);
    let grouped = all.grouped(300).unwrap();
    assert!(
        grouped.starts_with("### Recent activity\n- 201 platforms synced\n"),
        "{grouped}"
    );
}

#[test]
fn log_lines_are_included_on_request() {
    let (log, clock) = week();
    let query = DigestQuery::new(clock.now()).filter(filter("type:log"));
    let text = digest(&log, &query).list(300).unwrap();
    assert_eq!(
        text,
        "### Recent activity\n- 2026-01-10 02:00 · a log line\n"
    );
}

#[test]
fn an_empty_period_has_no_heading() {
    let (log, clock) = week();
    let digest = digest(&log, &DigestQuery::new(clock.now()).actor("zoe"));
    assert!(digest.is_empty());
    assert_eq!(
        (digest.list(300).unwrap(), digest.grouped(300).unwrap()),
        Default::default()
    );
}

#[test]
fn ten_ordinary_events_fit_into_the_default_budget_by_the_estimate() {
    for summaries in ORDINARY {
        let (log, clock) = ActivityLog::test();
        for summary in summaries {
            let status = match summary.contains("failed") {
                true => Status::Failed,
                false => Status::Success,
            };
            log.event("note").status(status).summary(summary).record();
            clock.advance(7 * HOUR);
        }
        let digest = digest(&log, &DigestQuery::new(clock.now()));
        let text = digest.list(300).unwrap();
        assert_eq!(text.lines().count(), 11, "{text}");
        assert!(
            estimated_tokens(&text) <= 300,
            "{} {text}",
            estimated_tokens(&text)
        );
    }
}

#[test]
fn an_unreadable_store_is_an_error_and_not_an_empty_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    ActivityLog::open(&path).unwrap().shutdown().wait().unwrap();
    let mut reader = ActivityReader::open(&path).unwrap();
    let store = rusqlite::Connection::open(&path).unwrap();
    store
        .execute_batch("DROP VIEW project_actions; DROP VIEW activity_log; DROP TABLE event")
        .unwrap();
    let error = reader
        .digest(&DigestQuery::new(chrono::Utc::now()))
        .unwrap_err();
    let path = std::fs::canonicalize(path).unwrap();
    let expected = format!("could not read events from the log {}", path.display());
    assert_eq!(error.to_string(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_digest_stays_within_its_budget_and_its_lines_for_any_text(
        texts in vec(prop_oneof![".*", "[\\PC\\n\\r\u{2028}\u{85}#>`\\[\\]()-]{0,300}", Just("x".repeat(2000))], 0..30),
        limit in 1..20usize,
        tokens in 40..600usize,
    ) {
        let (log, clock) = ActivityLog::test();
        for text in &texts {
            let status = if text.len().is_multiple_of(3) { Status::Failed } else { Status::Success };
            log.event("note").status(status).summary(text.clone()).record();
            clock.advance(HOUR);
        }
        let digest = digest(&log, &DigestQuery::new(clock.now()).limit(limit));
        prop_assert_eq!(digest.events.len(), texts.len().min(limit));
        let list = digest.list(tokens).unwrap();
        let grouped = digest.grouped(tokens).unwrap();
        prop_assert_eq!(&list, &digest.list(tokens).unwrap());
        for (text, most) in [(&list, digest.events.len()), (&grouped, 1 + digest.failures.len())] {
            prop_assert!(count_tokens(text) <= tokens);
            let Some(lines) = text.strip_prefix("### Recent activity\n") else {
                prop_assert!(texts.is_empty() && text.is_empty());
                continue;
            };
            let breaks = |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
            let lines: Vec<_> = lines.split_terminator(breaks).collect();
            let listed = lines.iter().filter(|line| !line.ends_with(" more not shown")).count();
            prop_assert!(listed <= most && lines.len() <= listed + 1);
            prop_assert!(lines.iter().all(|line| line.starts_with("- ")));
        }
        let listed = list.lines().filter(|line| line.contains(" · ")).count();
        let left_out = format!("- {} more not shown\n", texts.len() - listed);
        prop_assert_eq!(listed < texts.len(), list.ends_with(&left_out));
    }
}
