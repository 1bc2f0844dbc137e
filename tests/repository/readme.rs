//! README.md and the other guides: they show the code as it is, and name files that exist. The examples of README.md are
//! compiled as documentation tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders whose paths are checked where a guide names them in backticks.
const FOLDERS: [&str; 7] = [
    "src/",
    "tests/",
    "activity-cli/",
    "docs/",
    "xtask/",
    "benches/",
    "examples/",
];

/// Parts of a path that stand for any text.
const PLACEHOLDERS: [char; 3] = ['*', '…', 'N'];

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let example = include_str!("../../examples/quickstart.rs");
    let code = example.split_once("\n\n").map(|(_, code)| code);
    let code = code.expect("the quickstart begins with its docs and an empty line");
    assert!(include_str!("../../README.md").contains(code));
}

#[test]
fn links_and_paths_in_the_guides_lead_to_files() {
    let faults: Vec<String> = guides()
        .iter()
        .flat_map(|guide| missing(guide, &fs::read_to_string(guide).unwrap()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_broken_link_and_a_path_that_does_not_exist_are_found() {
    let check = |text: &str, expected: usize| {
        let found = missing(&root().join("docs/files.md"), text);
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    };
    check("[doctor](doctor.md) and [restore](#restore)", 0);
    check("[doctor](../README.md#features)", 0);
    check("[doctor](https://example.com/doctor.md)", 0);
    check("[doctor](README.md)", 1);
    check("<img src=\"list.svg\"> <source srcset=\"nowhere.svg\">", 1);
    check(
        "`src/lib.rs`, `cargo xtask bench` and `src/web/pages/dist/x`",
        0,
    );
    check("`src/store/sqlite/schema-N.sql` and `src/nowhere-N.sql`", 1);
    check("`cat src/nowhere.rs src/lib.rs`, `docs/nowhere.md`", 2);
    check("```sh\ncat src/nowhere.rs\n```", 0);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files at the root and in `docs`, and the READMEs of the other packages.
fn guides() -> Vec<PathBuf> {
    let mut guides: Vec<PathBuf> = [root().to_owned(), root().join("docs")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect();
    guides.push(root().join("benches/README.md"));
    guides.push(root().join("activity-cli/README.md"));
    guides.sort();
    guides
}

/// The links and paths of a guide that do not lead to a file or a folder. Links are relative to the guide, paths in
/// backticks to the root.
fn missing(guide: &Path, text: &str) -> Vec<String> {
    let folder = guide.parent().unwrap();
    let mut missing = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let at = format!("{}:{}", guide.display(), number + 1);
        for link in links(line) {
            let file = link.split('#').next().unwrap_or_default();
            let elsewhere = link.contains("://") || link.starts_with("mailto:");
            if !elsewhere && !folder.join(file).exists() {
                missing.push(format!("{at}: the link {link} leads nowhere"));
            }
        }
        for path in code(line) {
            // What the build writes.
            let generated = path.split('/').any(|part| part == "dist");
            if !generated && !exists(root(), path) {
                missing.push(format!("{at}: there is no {path}"));
            }
        }
    }
    missing
}

/// The targets of the links and images in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')]
        .into_iter()
        .flat_map(move |(begin, end)| {
            line.split(begin)
                .skip(1)
                .filter_map(move |rest| rest.split_once(end))
        })
        .map(|(target, _)| target)
}

/// The words in backticks that begin with the name of a folder.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .flat_map(str::split_whitespace)
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
}

/// True if there is a file or a folder of this name, whose parts may contain placeholders.
fn exists(folder: &Path, path: &str) -> bool {
    let (part, rest) = path.split_once('/').unwrap_or((path, ""));
    if part.is_empty() {
        return folder.exists();
    }
    if !part.contains(PLACEHOLDERS) {
        return exists(&folder.join(part), rest);
    }
    let fixed: Vec<&str> = part.split(PLACEHOLDERS).collect();
    let (first, last) = (fixed[0], fixed[fixed.len() - 1]);
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.len() >= first.len() + last.len()
            && name.starts_with(first)
            && name.ends_with(last)
            && exists(&entry.path(), rest)
    })
}
