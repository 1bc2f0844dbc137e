//! The guides: their shell blocks run in order, each guide in a folder of its own with a store; their proxies are started; the
//! table of commands is that of `activity --help`. Rust blocks are documentation tests, `tests/repository` checks that they are.

mod proxies;
mod session;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use self::session::Session;
use crate::fixture::Fixture;

/// A block of a guide: its language and its text.
pub(crate) struct Block<'a> {
    pub(crate) language: &'a str,
    pub(crate) text: &'a str,
}

#[test]
fn every_shell_block_of_the_guides_runs() {
    let mut run = 0;
    for path in guides() {
        let text = fs::read_to_string(&path).unwrap();
        let here = blocks(&text)
            .iter()
            .filter(|block| block.language == "sh")
            .count();
        if here > 0 {
            let ran = Session::new().run(&text);
            assert_eq!(ran, Ok(()), "{}", path.display());
        }
        run += here;
    }
    assert!(run > 25, "{run} blocks");
}

#[test]
fn a_block_that_fails_and_a_background_program_that_ends_are_found() {
    let run = |text: &str| Session::new().run(text);
    assert_eq!(run("```sh\nactivity list\n```\n"), Ok(()));
    assert!(run("```sh\nactivity list nowhere:1\n```\n").is_err());
    assert!(run("```sh\nfalse\nactivity list\n```\n").is_err());
    assert!(run("```sh\nactivity serve --listen nowhere\n```\n").is_err());
}

#[test]
fn the_payload_in_the_guide_about_webhooks_has_the_fields_of_a_message() {
    let fixture = Fixture::new();
    fixture.log().shutdown().wait().unwrap();
    fixture.run(&["event", "deployment", "v3 live", "--project", "acme"]);
    let sent = fixture.run(&["export", "--events", "--format", "cloudevents"]);
    let sent: Value = serde_json::from_str(&sent.stdout).unwrap();
    let guide = fs::read_to_string(root().join("docs/webhooks.md")).unwrap();
    let shown = blocks(&guide).into_iter().find(|it| it.language == "json");
    let shown: Value = serde_json::from_str(shown.unwrap().text).unwrap();
    assert_eq!(fields(&shown), fields(&sent));
    assert_eq!(fields(&shown["data"]), fields(&sent["data"]));
    for field in ["specversion", "type", "datacontenttype"] {
        assert_eq!(shown[field], sent[field]);
    }
}

#[test]
fn the_guide_about_the_command_lists_every_command() {
    let help = Fixture::new().run(&["--help"]).stdout;
    let commands = help.split_once("Commands:\n").unwrap().1;
    let commands = commands.split("\n\n").next().unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| *name != "help" && !name.starts_with('-'))
        .collect();
    assert!(commands.len() > 20, "{help}");
    let guide = fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let rows = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `activity "));
    let documented: Vec<&str> = rows
        .map(|row| row.split([' ', '`']).next().unwrap())
        .collect();
    for command in &commands {
        assert!(documented.contains(command), "docs/cli.md has no {command}");
    }
    for command in &documented {
        assert!(commands.contains(command), "there is no {command}");
    }
}

#[test]
fn the_guide_about_doctor_explains_its_lines_and_quotes_its_notes() {
    let guide = fs::read_to_string(root().join("docs/doctor.md")).unwrap();
    let cells = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let cells: Vec<&str> = cells.map(|(cell, _)| cell).collect();
    let said = Fixture::with_calls().run(&["doctor"]).stdout;
    let words = said
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let lines: Vec<&str> = words.take_while(|word| *word != "PROCESS").collect();
    assert!(lines.len() > 5, "{said}");
    for line in lines.iter().chain(&["PROCESS", "note:", "problem:", "✓"]) {
        assert!(
            cells.contains(line),
            "docs/doctor.md does not explain {line}"
        );
    }
    // The texts of notes, as they are in the sources.
    let sources = fs::read_dir(root().join("activity-cli/src/doctor")).unwrap();
    let sources: String = sources
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .flat_map(|text| {
            text.replace("\\\n", "")
                .split_whitespace()
                .map(|word| format!("{word} "))
                .collect::<Vec<_>>()
        })
        .collect();
    let notes = cells.iter().filter(|cell| cell.split(' ').count() > 2);
    for part in notes.flat_map(|note| note.split('…')) {
        assert!(sources.contains(part.trim()), "doctor never says: {part}");
    }
}

#[test]
fn every_address_of_the_api_has_an_example() {
    let guide = fs::read_to_string(root().join("src/web/api.md")).unwrap();
    let examples = blocks(&guide);
    let examples: Vec<&str> = (examples.iter().filter(|block| block.language == "sh"))
        .flat_map(|block| block.text.lines())
        .collect();
    let rows = guide
        .lines()
        .filter(|line| line.starts_with("| `GET ") || line.starts_with("| `POST "));
    let mut addresses = 0;
    for address in rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
    {
        addresses += 1;
        // Of several in a row, the first has the method and the folder.
        let path = address
            .trim_start_matches("GET ")
            .trim_start_matches("POST ");
        let posts = address.starts_with("POST ");
        let is_example = |line: &&&str| line.contains("--json") == posts && requests(line, path);
        assert!(
            examples.iter().find(is_example).is_some(),
            "no example of {address}"
        );
    }
    assert!(addresses > 20, "{addresses}");
}

/// Whether a `curl` requests a path that ends with this one, whose parts in braces stand for any text.
fn requests(line: &str, path: &str) -> bool {
    let requested = line.split_once(":8787/").map_or("", |(_, path)| path);
    let requested = requested.split(['?', '\'']).next().unwrap_or_default();
    let mut requested = requested.rsplit('/');
    let mut parts = path.rsplit('/');
    parts.all(|part| {
        requested
            .next()
            .is_some_and(|it| part.starts_with('{') || it == part)
    })
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The files whose shell blocks are run.
fn guides() -> Vec<PathBuf> {
    let mut guides: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .collect();
    let others = ["README.md", "activity-cli/README.md", "src/web/api.md"];
    guides.extend(others.map(|path| root().join(path)));
    guides.sort();
    guides
}

/// The fenced blocks of a guide.
pub(crate) fn blocks(guide: &str) -> Vec<Block<'_>> {
    let fenced = guide.split("```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').expect("a block has lines"))
        .map(|(language, text)| Block { language, text })
        .collect()
}

fn fields(value: &Value) -> Vec<&String> {
    let mut fields: Vec<_> = value.as_object().unwrap().keys().collect();
    fields.sort();
    fields
}
