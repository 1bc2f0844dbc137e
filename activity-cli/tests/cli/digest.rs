//! `activity digest`: Markdown for a prompt, also for an empty or missing log.

use crate::fixture::Fixture;

#[test]
fn a_digest_lists_one_users_events_or_counts_all_by_type() {
    let fixture = Fixture::new();
    let event = |args: &[&str]| assert_eq!(fixture.run(&[&["event"], args].concat()).code, Some(0));
    event(&[
        "endpoints_added",
        "added two",
        "--count",
        "2",
        "--actor",
        "ann",
    ]);
    event(&["endpoints_added", "added three", "--count", "3"]);
    event(&[
        "deployment",
        "out\nof disk",
        "--status",
        "failed",
        "--actor",
        "ann",
    ]);
    let text = |args: &[&str]| {
        let ran = fixture.run(&[&["digest"], args].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
    };
    let ann = text(&["--actor", "ann"]);
    let lines: Vec<_> = ann.lines().collect();
    assert_eq!(lines[0], "### Recent activity");
    assert!(
        lines[1].starts_with("- 20") && lines[1].ends_with(" · failed: out of disk"),
        "{ann}"
    );
    assert!(
        lines[2].ends_with(" · added two") && lines.len() == 3,
        "{ann}"
    );
    let grouped = text(&["--grouped"]);
    assert!(
        grouped.starts_with(
            "### Recent activity\n- 5 endpoints added\n- 0 deployments, 1 attempt failed\n"
        ),
        "{grouped}"
    );
    assert_eq!(
        text(&["-n1", "--tokens", "24"]),
        "### Recent activity\n- 3 more not shown\n"
    );
    assert_eq!(text(&["--actor", "zoe"]), "");
    assert_eq!(text(&["type:chat_session"]), "");
}

#[test]
fn an_unreadable_log_is_an_error_and_not_an_empty_digest() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["digest"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stdout,
        "### Recent activity\n- unavailable: the activity log could not be read\n"
    );
    assert!(
        ran.stderr.starts_with("error: no store at "),
        "{}",
        ran.stderr
    );
    let ran = fixture.run(&["digest", "kind:tool", "--tokens", "x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
}
