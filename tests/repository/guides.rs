//! The guides: no block of them is left untested, their tables agree with the manifests, and each link also leads somewhere on
//! docs.rs.

use std::{collections::BTreeSet, fs, path::Path};

use crate::readme::{guides, root};

/// Languages of blocks that are not run by themselves: output, data, configurations, and commands that a test cannot run.
/// `activity-cli/tests/cli/guides` starts the proxies and saves the programs, `tests/store/sql_guide.rs` runs the queries.
const SHOWN: [&str; 10] = [
    "caddy", "console", "ini", "json", "nginx", "python", "sql", "text", "toml", "yaml",
];

#[test]
fn every_rust_block_is_a_documentation_test_and_every_shell_block_is_run() {
    let tested = [
        read("src/lib.rs"),
        read("src/guide/mod.rs"),
        read("src/web/mod.rs"),
    ]
    .concat();
    for guide in guides() {
        let path = guide.strip_prefix(root()).unwrap().display().to_string();
        let included =
            tested.contains(&format!("/{path}\")")) || tested.contains(&included_below(&path));
        let text = fs::read_to_string(&guide).unwrap();
        for language in languages(&text) {
            let is_tested = match language {
                "rust" | "rust,no_run" => included,
                // Those that `activity-cli/tests/cli/guides` runs.
                "sh" => {
                    path.starts_with("docs/")
                        || ["README.md", "activity-cli/README.md", "src/web/api.md"]
                            .contains(&&*path)
                }
                "sql" => path == "docs/sql.md",
                language => SHOWN.contains(&language),
            };
            assert!(
                is_tested,
                "{path} has a block of {language:?} that is not tested"
            );
        }
    }
}

/// How a file below `src` is included by a file of its folder's parent.
fn included_below(path: &str) -> String {
    let below = path.strip_prefix("src/").unwrap_or(path);
    let name = below.strip_prefix("web/").unwrap_or(below);
    format!("\"{name}\")")
}

#[test]
fn languages_of_blocks_are_found() {
    let found =
        languages("a\n```rust\nlet a = \"```\";\n```\n\n  ```sh\n  ls\n  ```\n```\nplain\n```\n");
    assert_eq!(found, ["rust", "sh", ""]);
}

#[test]
fn links_of_the_guides_lead_somewhere_on_docs_rs_too() {
    let links = read("src/guide/links.md");
    let defined: BTreeSet<&str> = definitions(&links).map(|(label, _)| label).collect();
    let mut used = BTreeSet::new();
    let modules = read("src/guide/mod.rs");
    let names = modules.split("include_str!(\"../../docs/").skip(1);
    let texts: Vec<(&str, String)> = names
        .map(|rest| rest.split('"').next().unwrap())
        .map(|name| (name, read(format!("docs/{name}"))))
        .collect();
    for (name, text) in &texts {
        for (label, target) in definitions(text).filter(|(_, target)| !target.contains("://")) {
            assert!(
                defined.contains(label),
                "src/guide/links.md has no [{label}] ({target}) of {name}"
            );
            used.insert(label);
        }
        let inline = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        let nowhere: Vec<_> = inline.filter(|link| !link.contains("://")).collect();
        assert!(
            nowhere.is_empty(),
            "{name}: {nowhere:?} lead nowhere on docs.rs: use references, and define them in src/guide/links.md"
        );
    }
    assert!(texts.len() > 5);
    assert_eq!(used, defined, "src/guide/links.md defines what is not used");
}

#[test]
fn the_tables_of_features_are_those_of_the_manifest() {
    let manifest = read("Cargo.toml");
    let features = manifest
        .split("\n[features]\n")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let mut features: Vec<(&str, &str)> = (features.lines().filter(|line| !line.starts_with('#')))
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let default = features.remove(0).1;
    for document in ["README.md", "src/lib.rs"] {
        let text = read(document).replace("\n//! ", "\n");
        let table = text.split("\n| feature | default | |\n").nth(1).unwrap();
        let rows = table
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with('|'));
        let shown: BTreeSet<(&str, bool)> = rows
            .map(|row| (row.split('`').nth(1).unwrap(), row.contains("| yes |")))
            .collect();
        let expected: BTreeSet<(&str, bool)> = (features.iter())
            .map(|(name, _)| (*name, default.contains(&format!("\"{name}\""))))
            .collect();
        assert_eq!(shown, expected, "{document}");
    }
}

#[test]
fn versions_in_the_documents_are_those_of_the_manifest_and_of_the_matrix() {
    let manifest = read("Cargo.toml");
    let compiler = manifest
        .split("rust-version = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for document in [
        "README.md",
        "src/lib.rs",
        "docs/platforms.md",
        "docs/upgrading.md",
    ] {
        assert!(
            read(document).contains(&format!("Rust {compiler} or newer")),
            "{document}"
        );
    }
    let (matrix, locked) = (read("xtask/src/matrix/servers.rs"), read("Cargo.lock"));
    let platforms = read("docs/platforms.md");
    let table = platforms.split("\n| | oldest | newest |\n").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();
    for row in &rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (name, oldest, newest) = (cells[1], cells[2].split(',').next().unwrap(), cells[3]);
        assert!(
            matrix.contains(&format!("={oldest}\\\"")),
            "the matrix has no {name} {oldest}"
        );
        let package = format!("name = \"{name}\"\nversion = \"{newest}\"\n");
        assert!(
            locked.contains(&package),
            "the newest {name} is not {newest}"
        );
    }
    assert_eq!(rows.len(), 5);
    // The ranges of the manifest in words: `>=3.9, <3.12` is "3.9 to 3.11".
    let readme = read("README.md").replace('\n', " ");
    for words in [
        "rmcp 3.9 to 3.11",
        "tower-mcp 0.24 and 0.25",
        "rusqlite 0.32.1 to 0.43",
    ] {
        assert!(readme.contains(words), "{words}");
    }
    for range in [
        "\">=3.9, <3.12\"",
        "\">=0.24, <0.26\"",
        "\">=0.32.1, <0.44\"",
    ] {
        assert!(manifest.contains(range), "{range}");
    }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The languages of the fenced blocks of a document.
fn languages(text: &str) -> Vec<&str> {
    let fences = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("```"));
    fences.step_by(2).collect()
}

/// The links that a document defines: `[label]: target`.
fn definitions(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let defined = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    defined.filter(|(label, _)| !label.contains(']'))
}
