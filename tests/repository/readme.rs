//! README.md and the guides: they show the code as it is, and name files and headings that exist.

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

/// The repository's own files, as the documentation on docs.rs links them.
const PUBLISHED: [&str; 2] = [
    "https://github.com/tower-activity/tower-activity/blob/main/",
    "https://github.com/tower-activity/tower-activity/tree/main/",
];

/// Parts of a path that stand for any text.
const PLACEHOLDERS: [char; 3] = ['*', '…', 'N'];

#[test]
fn the_guide_shows_the_quickstart_as_it_is() {
    let example = include_str!("../../examples/quickstart.rs");
    let code = example.split_once("\n\n").map(|(_, code)| code);
    let code = code.expect("the quickstart begins with its docs and an empty line");
    assert!(include_str!("../../docs/tower.md").contains(code));
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
    check("## Restore\n[doctor](doctor.md) and [restore](#restore)", 0);
    check("[doctor](../README.md#features)", 0);
    check("[doctor](https://example.com/doctor.md)", 0);
    check("[doctor](nowhere.md)", 1);
    check("[doctor](doctor.md#nowhere) and [here](#nowhere)", 2);
    check("[doctor](doctor.md#what-to-do)", 0);
    check("[doctor][doctor]\n\n[doctor]: nowhere.md\n", 1);
    check(
        "[link]: https://github.com/tower-activity/tower-activity/blob/main/docs/nowhere.md",
        1,
    );
    check(
        "<img src=\"overview-light.png\"> <source srcset=\"nowhere.svg\">",
        1,
    );
    check(
        "`src/lib.rs`, `cargo xtask bench` and `src/web/pages/dist/x`",
        0,
    );
    check("`src/store/sqlite/schema-N.sql` and `src/nowhere-N.sql`", 1);
    check("`cat src/nowhere.rs src/lib.rs`, `docs/nowhere.md`", 2);
    check("```sh\ncat src/nowhere.rs\n```", 0);
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files at the root and in `docs`, the READMEs of the other packages, and what is shown on docs.rs.
pub(crate) fn guides() -> Vec<PathBuf> {
    let mut guides: Vec<PathBuf> = [root().to_owned(), root().join("docs")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect();
    let others = [
        "activity-cli/README.md",
        "benches/README.md",
        "src/activity/context.md",
        "src/guide/links.md",
        "src/web/api.md",
    ];
    guides.extend(others.map(|path| root().join(path)));
    guides.sort();
    guides
}

/// The links and paths of a guide that do not lead to a file or a folder. Links are relative to the guide, paths in
/// backticks to the root.
fn missing(guide: &Path, text: &str) -> Vec<String> {
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
            if !leads_somewhere(guide, text, link) {
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

/// Whether the target of a link in a guide is a file, or a heading of one.
fn leads_somewhere(guide: &Path, text: &str, link: &str) -> bool {
    let folder = guide.parent().unwrap();
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let ours = PUBLISHED.iter().find_map(|url| file.strip_prefix(url));
    let path = match ours {
        Some(path) => root().join(path),
        // Another site, or an item that rustdoc checks.
        None if file.contains("://") || file.contains("::") || file.starts_with("mailto:") => {
            return true;
        }
        None if file.is_empty() => return has_heading(text, heading),
        None => folder.join(file),
    };
    path.exists()
        && (heading.is_empty() || has_heading(&fs::read_to_string(path).unwrap(), heading))
}

/// Whether a text has a heading with this anchor, as GitHub and rustdoc form it.
fn has_heading(text: &str, anchor: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let mut anchors = headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let letters = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        letters.collect::<String>().replace(' ', "-")
    });
    anchors.any(|found| found == anchor)
}

/// The targets of the links and images in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let defined = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "));
    let defined = defined.map(|(_, target)| target.trim());
    let inline = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')]
        .into_iter()
        .flat_map(move |(begin, end)| {
            line.split(begin)
                .skip(1)
                .filter_map(move |rest| rest.split_once(end))
        })
        .map(|(target, _)| target);
    defined.into_iter().chain(inline)
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
