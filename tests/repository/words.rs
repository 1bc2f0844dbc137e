//! Words that this project does not use, and what it says instead. docs/glossary.md has the glossary, CONTRIBUTING.md the rules.

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// Phrases of comments, string literals and Markdown: a pattern, and what to write.
const PHRASES: &[(&str, &str)] = &[
    (r"(^|[\w,] ?)\.\.($|[\s,;:)])", "…"),
    (r"(?i)\bwhere nothing is given\b", "[default: …]"),
    (r"\b(is|are) (a )?whole ones?\b", "is complete"),
    (r"(?i)\b(of )?that (is|are) no\b", "that is not a"),
    (r"(?i)\bby hand\b", "manually"),
    (
        r"\b(is|are|was|were|be|been) told\b",
        "is notified, is reported",
    ),
    (r"(?i)\bhow (it|they|things) stands?\b", "status"),
    (r"(?i)\bunless you say\b", "by default"),
    (
        r"(?i)\b(whoever|somebody|nobody)\b",
        "the noun: caller, client, process",
    ),
    (r"(?i)\btakes no more\b", "is below"),
    (r"(?i)\bfor what is no\b", "the noun"),
    (r"(?i)\ball by (one|it)self\b", "alone"),
    (r"(?i)\binside of( |$)", "inside"),
    (r"(?i)\bnothing else called\b", "at the top level"),
    (r"(?i)\bas much of its beginning\b", "a unique prefix"),
    (r"(?i)\bhow many at most\b", "maximum number of"),
    (r"(?i)\bto the output\b", "to stdout"),
    (r"(?i)\bwhose time is up\b", "timed out"),
    (r"(?i)\bwhat (comes|came) (next|after it)\b", "the noun"),
];

/// Names that code has lost, and those that took their place.
const NAMES: &[(&str, &str)] = &[
    ("Door", "AuthMode"),
    ("Followed", "CommitPage"),
    ("GoesOn", "Continuation"),
    ("Handover", "FlushMode"),
    ("Keeper", "MaintenanceSchedule"),
    ("Moment", "ClockReading"),
    ("Outline", "TreeLayout"),
    ("Paces", "TurnBuckets"),
    ("Patient", "WriteTimeoutStream"),
    ("Permit", "Reservation"),
    ("Sight", "MarkerTracker"),
    ("Stretch", "AgentQuarter"),
    ("Tallied", "ActivitySample"),
    ("Trouble", "FailureLatch"),
    ("Upkeep", "Maintenance"),
    ("hurry", "flush_soon"),
    ("isolate", "bisect"),
    ("sweep", "collect, reap"),
    ("tally", "scan"),
];

const ROOMS: [&str; 9] = [
    "src",
    "activity-cli",
    "tests",
    "examples",
    "benches",
    "fuzz",
    "xtask",
    "docs",
    "build",
];

#[test]
fn comments_messages_and_guides_use_the_words_of_the_glossary() {
    let phrases: Vec<(Regex, &str)> = PHRASES
        .iter()
        .map(|(pattern, instead)| (Regex::new(pattern).unwrap(), *instead))
        .collect();
    let names: Vec<(Regex, &str)> = NAMES
        .iter()
        .map(|(name, instead)| (Regex::new(&format!(r"\b{name}\b")).unwrap(), *instead))
        .collect();
    let mut found = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let shown = file.strip_prefix(root()).unwrap().display();
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            let prose = match file.extension().and_then(|it| it.to_str()) {
                Some("md") => {
                    fenced ^= line.trim_start().starts_with("```");
                    if fenced {
                        String::new()
                    } else {
                        without_code(line)
                    }
                }
                Some("rs") => rust_prose(line),
                _ => line.to_owned(),
            };
            for (pattern, instead) in &phrases {
                if let Some(hit) = pattern.find(&prose) {
                    let hit = hit.as_str().trim();
                    found.push(format!("{shown}:{}: \"{hit}\" -> {instead}", number + 1));
                }
            }
            for (name, instead) in &names {
                if let Some(hit) = name.find(line) {
                    let hit = hit.as_str();
                    found.push(format!("{shown}:{}: {hit} -> {instead}", number + 1));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} places use words that the glossary retired:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that people read: sources and guides, without this list, the history, and what is generated or taken as data.
fn files() -> Vec<PathBuf> {
    let mut left: Vec<PathBuf> = ROOMS.iter().map(|room| root().join(room)).collect();
    let mut files: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("CHANGELOG.md"))
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect();
    while let Some(folder) = left.pop() {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let generated = ["dist", "node_modules", "target", "corpus", "golden"];
                if !generated.contains(&name.as_str()) {
                    left.push(path);
                }
            } else if name != "words.rs"
                && [".rs", ".ts", ".tsx", ".md", ".mjs"]
                    .iter()
                    .any(|ending| name.ends_with(ending))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What a line of Rust says to people: its comment, or its string literals.
fn rust_prose(line: &str) -> String {
    let trimmed = line.trim_start();
    if let Some(comment) = trimmed.strip_prefix("//") {
        return without_code(comment.trim_start_matches(['/', '!']));
    }
    let mut prose = String::new();
    let mut literal = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                literal = !literal;
                prose.push('"');
            }
            '\\' if literal => {
                characters.next();
            }
            '/' if !literal && characters.peek() == Some(&'/') => {
                prose.push_str(&without_code(&characters.collect::<String>()));
                break;
            }
            c if literal => prose.push(c),
            _ => {}
        }
    }
    prose
}

/// A line of Markdown without its code spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("_")
}
