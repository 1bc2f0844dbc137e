//! `activity man`: a page for each command.

use std::fs;

use crate::fixture::Fixture;

#[test]
fn every_command_has_a_man_page() {
    let fixture = Fixture::new();
    let pages = fixture.folder.path().join("new/man1");
    let ran = fixture.run(&["man", "new/man1"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(0), "", "")
    );
    for page in [
        "activity",
        "activity-list",
        "activity-webhooks-add",
        "activity-top",
    ] {
        let text = fs::read_to_string(pages.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    let list = fs::read_to_string(pages.join("activity-list.1")).unwrap();
    // A table keeps its lines.
    assert!(list.contains("n\n  status:failed,running"), "{list}");
    for page in fs::read_dir(&pages).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        let mut indent = 7;
        for line in text.lines() {
            if let Some(columns) = line.strip_prefix(".in ") {
                indent = columns.trim_end_matches('n').parse().unwrap();
            }
            let shown = line.replace(r"\*(Aq", "'").replace('\\', "");
            let columns = indent + shown.chars().count();
            assert!(!line.starts_with(' ') || columns <= 80, "{columns}: {line}");
        }
    }
    let ran = fixture.run(&["man", "activity.db/none"]);
    assert_eq!(ran.code, Some(0), "a folder is created");
    fs::write(fixture.folder.path().join("file"), "").unwrap();
    let ran = fixture.run(&["man", "file"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with("error: cannot write into file"),
        "{}",
        ran.stderr
    );
}
