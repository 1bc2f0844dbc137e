//! The assistant's records, and the digests in its prompts, on a manual clock.
#![allow(clippy::unwrap_used)]

use std::{fs, io, time::Duration};

use assistant::Assistant;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog,
    query::{DigestQuery, count_tokens},
    record::Filter,
    testing::ManualClock,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Fixture {
    assistant: Assistant,
    log: ActivityLog,
    clock: ManualClock,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let (log, clock) = ActivityLog::test();
        let folder = tempfile::tempdir().unwrap();
        let assistant = Assistant::new(&log, folder.path().join("ann"), "ann");
        Fixture {
            assistant,
            log,
            clock,
            folder,
        }
    }

    /// Does one of each.
    fn day(&self, id: &str) {
        let mut session = self.assistant.session(id, self.clock.now());
        session.turn("remember", |ann| ann.remember("tone", "brief").unwrap());
        session.turn("write", |ann| {
            ann.run_deliverable("report", || Ok("one line".into()))
                .unwrap()
        });
        session.turn("sync", |ann| {
            let wiki = self.folder.path().join("wiki").join(id);
            fs::create_dir_all(wiki.join("pages")).unwrap();
            fs::write(wiki.join("pages").join(format!("{id}.md")), "new").unwrap();
            ann.sync("wiki", &wiki).unwrap()
        });
    }

    fn prompt(&self) -> String {
        self.log.flush().wait().unwrap();
        self.assistant.prompt(self.clock.now())
    }
}

#[test]
fn a_prompt_has_all_four_types_and_nothing_nine_days_old() {
    let fixture = Fixture::new();
    fixture.assistant.remember("old", "of long ago").unwrap();
    fixture.clock.advance(9 * DAY);
    fixture.day("s1");
    let lines = [
        "You are the assistant of ann. Be brief.",
        "",
        "### Recent activity",
        "- 2026-01-10 00:00 · a conversation of 3 turns",
        "- 2026-01-10 00:00 · wiki: 1 new in pages",
        "- 2026-01-10 00:00 · report: 1 lines",
        "- 2026-01-10 00:00 · tone: brief",
    ];
    assert_eq!(fixture.prompt().lines().collect::<Vec<_>>(), lines);
    fixture.clock.advance(9 * DAY);
    assert_eq!(fixture.prompt(), lines[0]);
}

#[test]
fn a_prompt_keeps_to_ten_lines_and_its_budget_despite_a_flood() {
    let fixture = Fixture::new();
    fixture.day("s1");
    for id in 0..200 {
        let event = fixture.log.event("platform_synced").actor("bob");
        event.summary(format!("crm: {id} new in leads")).record();
    }
    assert_eq!(fixture.prompt().lines().count(), 3 + 4);
    for id in 0..200 {
        let event = fixture.log.event("platform_synced").actor("ann");
        event.summary(format!("crm: {id} new in leads")).record();
    }
    let prompt = fixture.prompt();
    let (_, digest) = prompt.split_once("###").unwrap();
    let told = digest.lines().filter(|line| line.contains(" · ")).count();
    assert!((5..=10).contains(&told), "{digest}");
    let rest = format!("\n- {} more not shown\n", 204 - told);
    assert!(digest.ends_with(&rest), "{digest}");
    assert!(count_tokens(digest) <= 300, "{digest}");

    // Filters come before limits.
    let now = fixture.clock.now();
    let written = DigestQuery::new(now)
        .actor("ann")
        .filter(Filter::parse("type:memory_written", now).unwrap());
    let digest = fixture.log.reader().unwrap().digest(&written).unwrap();
    assert_eq!(digest.list(300).unwrap().lines().count(), 2);
}

#[test]
fn a_deliverable_is_recorded_with_its_outcome() {
    let fixture = Fixture::new();
    let made = fixture.assistant.run_deliverable("report", || {
        assert!(!fixture.prompt().contains("report"));
        Err(io::Error::other("out of ink"))
    });
    assert!(made.is_err());
    let path = fixture
        .assistant
        .run_deliverable("report", || Ok("a\nb".into()))
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb");
    let recorded = fixture.log.assert().wait();
    let runs = recorded.all_events("deliverable_run").count(2);
    runs.nth(0).failed().summary("report: out of ink");
    let second = runs.nth(1).succeeded().summary("report: 2 lines");
    second.reference(&path.to_string_lossy());
}

#[test]
fn a_sync_is_recorded_for_each_resource_with_new_items() {
    let fixture = Fixture::new();
    let crm = fixture.folder.path().join("crm");
    for (resource, items) in [("deals", 0), ("leads", 3), ("people", 1)] {
        fs::create_dir_all(crm.join(resource)).unwrap();
        for item in 0..items {
            fs::write(crm.join(resource).join(item.to_string()), "x").unwrap();
        }
    }
    assert_eq!(fixture.assistant.sync("crm", &crm).unwrap(), 4);
    assert_eq!(fixture.assistant.sync("crm", &crm).unwrap(), 0);
    let recorded = fixture.log.assert().wait();
    let synced = recorded.all_events("platform_synced").count(2);
    synced.nth(0).count(3).reference("crm/leads");
    synced.nth(1).count(1).reference("crm/people");
}

#[test]
fn a_remembered_value_is_truncated_only_in_the_log() {
    let fixture = Fixture::new();
    let value = "ü".repeat(100);
    fixture.assistant.remember("tone", &value).unwrap();
    assert_eq!(fixture.assistant.recall("tone").unwrap(), value);
    let recorded = fixture.log.assert().wait();
    let summary = format!("tone: {}...", "ü".repeat(80));
    recorded.event("memory_written").summary(&summary);
}

#[test]
fn a_session_is_recorded_once_if_it_has_several_turns() {
    let fixture = Fixture::new();
    let talk = |id: &str, turns: usize| {
        let mut session = fixture.assistant.session(id, fixture.clock.now());
        (0..turns).for_each(|_| session.turn("ask", |_| ()));
    };
    talk("none", 0);
    talk("one", 1);
    talk("two", 2);
    // Its client connected again.
    talk("two", 2);
    let recorded = fixture.log.assert().wait();
    recorded.all("ask").count(5);
    let session = recorded.event("chat_session").session("two");
    session.summary("a conversation of 2 turns").top_level();
}

#[test]
fn an_unreadable_log_is_an_error_and_not_an_empty_digest() {
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::disabled();
    let assistant = Assistant::new(&log, folder.path(), "ann");
    let prompt = assistant.prompt(chrono::Utc::now());
    assert!(
        prompt.ends_with("- unavailable: the activity log could not be read\n"),
        "{prompt}"
    );
    // It continues to work.
    assistant.remember("tone", "brief").unwrap();
    assert_eq!(assistant.recall("tone").unwrap(), "brief");
}
