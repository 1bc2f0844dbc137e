//! Ordinary texts are not changed: documentation, web pages, style sheets, lock files and logs of the crates in the
//! registry's cache, and this repository's sources. They are read when the test runs; no foreign text is stored here.

use std::{fs, path::Path};

use tower_activity::redact::Redactor;

use crate::redaction::files;

/// A limit, so that the test takes seconds.
const BYTES: usize = 12 << 20;

#[test]
fn less_than_one_in_ten_thousand_ordinary_lines_is_changed() {
    let redactor = Redactor::new();
    let (mut lines, mut bytes, mut touched) = (0, 0, Vec::new());
    for path in files::ordinary(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        if bytes + text.len() > BYTES {
            continue;
        }
        bytes += text.len();
        lines += text.lines().count();
        let clean = redactor.text(&text).unwrap();
        if clean != text {
            let changed = text
                .lines()
                .zip(clean.lines())
                .filter(|(before, after)| before != after);
            touched.extend(
                changed.map(|(before, after)| format!("{}\n  {before}\n  {after}", path.display())),
            );
        }
    }
    assert!(lines > 20_000, "only {lines} lines were found");
    assert!(
        touched.len() * 10_000 < lines,
        "{} of {lines}:\n{}",
        touched.len(),
        touched.join("\n")
    );
}
