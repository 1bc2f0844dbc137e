//! The example's output: the second session knows the work of the first.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use tower_activity::query::count_tokens;

const EXPECTED: &str = "\
You are the assistant of USER. Be brief.

You are the assistant of USER. Be brief.

### Recent activity
- a conversation of 4 turns
- failed: Yearly report: there is no year yet
- Weekly report: 3 lines
- tone: short sentences, no flattery, and never more than one question at a time, in any...
- mail: 1 new in sent
- mail: 2 new in inbox

";

#[test]
fn a_session_begins_with_the_work_of_the_previous_one() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_assistant"))
        .current_dir(folder.path())
        .env_remove("ACTIVITY_STORE")
        .env_remove("ASSISTANT")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let said = String::from_utf8(ran.stdout).unwrap();
    let user = said
        .split_once("assistant of ")
        .and_then(|(_, rest)| rest.split_once('.'))
        .unwrap()
        .0;
    // All but the times.
    let plain: String = said
        .lines()
        .map(|line| match line.split_once(" · ") {
            Some((time, rest)) => {
                assert_eq!(time.len(), "- 2026-02-18 09:30".len(), "{line}");
                format!("- {rest}\n")
            }
            None => format!("{line}\n"),
        })
        .collect();
    assert_eq!(plain, EXPECTED.replace("USER", user));
    let (_, digest) = said.split_once("###").unwrap();
    assert!(count_tokens(digest) <= 300, "{digest}");
}
