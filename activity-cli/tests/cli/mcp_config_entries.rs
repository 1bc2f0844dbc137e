//! `activity mcp-config`: entries as clients and people write them, with secrets, mistakes and other options.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use serde_json::Value;

use crate::mcp_config::Home;

const FILE: &str = "project/.mcp.json";

#[test]
fn secrets_without_an_option_are_never_printed_and_stay_in_the_file() {
    let args = [
        "sk-live-51HunterAbCdEf0123456789",
        "https://h.example/mcp?k=hunter2",
        "https://ann:hunter3@h.example/mcp",
        "Authorization: Bearer hunter4hunter4",
        "--header",
        "X-Mine: hunter5",
        "--header=X-Mine: hunter6",
        "FOO=hunter7",
        "-eFOO=hunter8",
        "--key",
        "hunter9",
        "8f14e45f-hunt-4er1-0a2b-c3d4e5f60718",
    ];
    let home = Home::new();
    let text = format!(
        "{{\"mcpServers\": {{\"x\": {{\"command\": \"npx\", \"args\": {}}}}}}}",
        serde_json::to_string(&args).unwrap()
    );
    home.write(FILE, &text);
    let all: [&[&str]; 8] = [
        &[],
        &["--json"],
        &["x"],
        &["x", "--json"],
        &["x", "--write"],
        &["x", "--write"],
        &[],
        &["x", "--undo"],
    ];
    for options in all {
        let shown = home.shown(options, 0);
        let secret = ["hunt", "Hunt", "8f14"]
            .into_iter()
            .find(|one| shown.contains(one));
        assert_eq!(secret, None, "{options:?}: {shown}");
        if options == ["x", "--write"] {
            let file: Value = serde_json::from_str(&home.read(FILE)).unwrap();
            let written = file["mcpServers"]["x"]["args"].as_array().unwrap();
            assert_eq!(written[3..], args);
        }
    }
    assert_eq!(home.read(FILE), text);
    // Nor where it cannot be written.
    fs::set_permissions(home.path(FILE), fs::Permissions::from_mode(0o444)).unwrap();
    let shown = home.shown(&["x", "--write"], 1);
    assert!(
        !shown.contains("unt") && shown.contains("it is read-only"),
        "{shown}"
    );
    assert!(!shown.contains("Restart"), "{shown}");
    let output = home.run(&["x", "--write", "--json"]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["state"], "not_recorded");
    assert_eq!(line["error"], "cannot write it: it is read-only");
}

#[test]
fn a_recorded_server_is_not_left_with_other_options_without_a_word() {
    let home = Home::new();
    let text = r#"{"mcpServers": {"x": {"command": "npx", "args": ["y"]}}}"#;
    home.write(FILE, text);
    let preview = ["x", "--write", "--", "--capture", "preview"];
    home.shown(&preview, 0);
    let already = "it goes through the proxy already";
    for same in [&preview[..], &["x", "--write"]] {
        let shown = home.shown(same, 0);
        assert!(
            shown.contains(already) && !shown.contains("other options"),
            "{shown}"
        );
    }
    let written = home.read(FILE);
    let full = ["--write", "--", "--capture", "full"];
    for (args, code) in [(["x"], 1), (["--all"], 0)] {
        let shown = home.shown(&[&args[..], &full].concat(), code);
        assert!(
            shown.contains("with other options: take that back with --undo"),
            "{shown}"
        );
        assert!(!shown.contains("Restart"), "{shown}");
    }
    let store = home.shown(&["x", "--write", "--store", "other.db"], 1);
    assert!(store.contains("with other options"), "{store}");
    assert_eq!(home.read(FILE), written);
}

#[test]
fn an_entry_that_is_no_object_is_named_beside_the_others() {
    let home = Home::new();
    home.write(
        FILE,
        r#"{"mcpServers": {"nil": null, "text": "hunter", "list": ["hunter"], "good": {"command": "npx"}}}"#,
    );
    let shown = home.shown(&[], 0);
    for line in [
        "  nil     unknown   its entry is null, not an object",
        "  text    unknown   its entry is a string, not an object",
        "  list    unknown   its entry is a list, not an object",
        "  good    no        npx",
    ] {
        assert!(shown.lines().any(|one| one == line), "{line}\n{shown}");
    }
    let shown = home.shown(&["nil", "good", "--write"], 1);
    let refused = "nil in ~/project/.mcp.json: its entry is null, not an object";
    assert!(shown.contains(refused), "{shown}");
    assert!(home.read(FILE).contains("proxy"), "{shown}");
    home.shown(&["--all", "--undo"], 0);
    home.write(FILE, r#"{"mcpServers": [{"name": "a"}]}"#);
    let shown = home.shown(&[], 1);
    assert!(shown.contains("\"mcpServers\" is not an object"), "{shown}");
    assert!(!shown.contains("no configuration"), "{shown}");
}

#[test]
fn advice_for_a_named_file_names_it() {
    let home = Home::new();
    home.write(
        "project/any.json",
        r#"{"servers": {"x": {"command": "npx"}}}"#,
    );
    let shown = home.shown(&["--file", "any.json"], 0);
    let advice = "Record a server: activity mcp-config SERVER --write --file any.json";
    assert!(shown.lines().any(|line| line == advice), "{shown}");
    home.write("project/any.json", "{");
    let shown = home.shown(&["--file", "any.json"], 1);
    assert!(!shown.contains("--file"), "{shown}");
}

#[test]
fn every_way_of_writing_a_file_is_changed_in_place_and_back() {
    let texts = [
        "{\n  // mine\n  \"servers\": {\n    \"x\": {\n      \"type\": \"stdio\",\n      \"command\": \"npx\",\n      \"args\": [\n        \"-y\", // yes\n        \"srv\",\n      ],\n    },\n  },\n  \"inputs\": [],\n}\n",
        "{\"mcpServers\":{\"x\":{\"command\":\"npx\",\"args\":[\"-y\",\"srv\"]}}}",
        "{\t\"mcpServers\" : {\n\t\t\"x\" : { \"args\" : [ ] , \"command\" : \"\\u006epx\" , \"disabled\" : false , }\n\t}\n}\n\n",
        "/* top */\n{ \"mcp\": { \"servers\": { \"x\": { \"command\": \"npx\" } } } } // end",
        "{\"projects\":{\"/p\":{\"mcpServers\":{\"x\":{\"command\":\"npx\",\"args\":null,\"env\":{}}}}}}",
    ];
    for text in texts {
        for (mark, line) in [
            ("", "\n"),
            ("\u{feff}", "\n"),
            ("", "\r\n"),
            ("\u{feff}", "\r\n"),
        ] {
            let text = format!("{mark}{}", text.replace('\n', line));
            let home = Home::new();
            home.write(FILE, &text);
            fs::set_permissions(home.path(FILE), fs::Permissions::from_mode(0o600)).unwrap();
            if text.contains("null") {
                let shown = home.shown(&["x", "--write"], 1);
                assert!(shown.contains("its args are not a list"), "{shown}");
                assert_eq!(home.read(FILE), text);
                continue;
            }
            home.shown(&["x", "--write"], 0);
            let written = home.read(FILE);
            assert!(written.contains("\"proxy\""), "{written}");
            assert_eq!(written.starts_with('\u{feff}'), !mark.is_empty());
            let bare = written.replace("\r\n", "");
            assert_eq!(
                bare.contains('\n'),
                text.replace("\r\n", "").contains('\n'),
                "{written:?}"
            );
            home.shown(&["x", "--undo"], 0);
            assert_eq!(home.read(FILE), text);
            let mode = fs::metadata(home.path(FILE)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}

#[test]
fn the_store_of_the_calls_is_said_and_that_of_the_environment_becomes_part_of_the_entry() {
    let home = Home::new();
    let before = r#"{"mcpServers": {"files": {"command": "npx"}}}"#;
    home.write("project/.mcp.json", before);
    let text = home.shown(&["files"], 0);
    assert!(text.contains("activity-proxy.db"), "{text}");
    let with = |store: &str, args: &[&str]| {
        let output = home.command(args).env("ACTIVITY_STORE", store).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let text = with("postgres://h/d", &["files"]);
    assert!(text.contains("ACTIVITY_STORE is an address"), "{text}");
    assert!(text.contains("activity-proxy.db' list"), "{text}");
    let text = with("own.db", &["files", "--write"]);
    let store = home.path("project/own.db");
    assert!(text.contains(store.to_str().unwrap()), "{text}");
    assert!(!text.contains("repository"), "{text}");
    let written = home.read("project/.mcp.json");
    assert!(
        written.contains(&format!("\"--store\", {store:?}")),
        "{written}"
    );
    std::fs::create_dir(home.path(".git")).unwrap();
    let text = with("own.db", &["files", "--undo"]);
    assert!(
        !text.contains("recorded in") && !text.contains("commit"),
        "{text}"
    );
    assert_eq!(home.read("project/.mcp.json"), before);
    assert!(
        home.shown(&["files", "--write"], 0)
            .contains("do not commit it")
    );
}
