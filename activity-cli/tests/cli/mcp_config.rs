//! `activity mcp-config`: entries of clients' files are changed in place, and changed back.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::fixture::Fixture;

const ACTIVITY: &str = env!("CARGO_BIN_EXE_activity");

const CURSOR: &str = r#"{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "server-filesystem", "."],
      "env": { "API_TOKEN": "hunter2-of-the-file" }
    },
    "far": {"url": "https://mcp.example.com/mcp"},
    "log": {"command": "activity", "args": ["mcp"]}
  }
}
"#;

const VS_CODE: &str = "{\r\n\t// mine\r\n\t\"servers\": {\r\n\t\t\"git\": {\r\n\t\t\t\"command\": \"uvx\",\r\n\t\t\t\"args\": [\r\n\t\t\t\t\"mcp-server-git\", // the one\r\n\t\t\t],\r\n\t\t},\r\n\t},\r\n}";

const CLAUDE_CODE: &str = r#"{"numStartups":7,"big":12345678901234567890123.50,"projects":{"/home/ann/shop":{"mcpServers":{"db":{"type":"stdio","command":"cmd","args":["/c","npx","pg"],"env":{}}}}}}"#;

/// The home of a user, and a project in it.
pub struct Home {
    fixture: Fixture,
}

impl Home {
    pub fn new() -> Self {
        let home = Home {
            fixture: Fixture::new(),
        };
        for directory in [".cursor", ".config/Code/User", "project"] {
            fs::create_dir_all(home.path(directory)).unwrap();
        }
        home
    }

    /// With a file of three clients.
    fn with_files() -> Self {
        let home = Home::new();
        home.write(".cursor/mcp.json", CURSOR);
        home.write(".config/Code/User/mcp.json", VS_CODE);
        home.write(".claude.json", CLAUDE_CODE);
        home
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.fixture.folder.path().join(file)
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.program(ACTIVITY, args)
    }

    fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.fixture.program(program);
        command
            .arg("mcp-config")
            .args(args)
            .env("HOME", self.path(""))
            .env("SECRET_OF_THE_SHELL", "hunter2-of-the-shell")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("CLAUDE_CONFIG_DIR")
            .current_dir(self.path("project"));
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs it, and returns stdout and stderr.
    pub fn shown(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    /// The backups, by the end of their names' first part.
    fn backups(&self, of: &str) -> Vec<PathBuf> {
        let data = match cfg!(target_os = "macos") {
            true => "Library/Application Support",
            false => ".local/share",
        };
        let entries = fs::read_dir(self.path(data).join("tower-activity/backups")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let of = format!("-{}.2", of.replace('/', "-"));
        let mut paths: Vec<PathBuf> = paths
            .filter(|path| path.to_str().unwrap().contains(&of))
            .collect();
        paths.sort();
        paths
    }

    /// The files beside this one.
    fn beside(&self, file: &str) -> Vec<String> {
        let folder = self.path(file).parent().unwrap().to_owned();
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn servers_are_listed_with_whether_they_are_recorded() {
    let home = Home::with_files();
    let text = home.shown(&[], 0);
    for line in [
        "Cursor  ~/.cursor/mcp.json",
        "  files   no        npx -y server-filesystem .",
        "  far     remote    https://mcp.example.com/mcp",
        "VS Code  ~/.config/Code/User/mcp.json",
        "  git     no        uvx mcp-server-git",
        "Claude Code  ~/.claude.json",
        "  db (/home/ann/shop)  no        cmd /c npx pg",
        "Record a remote server: activity proxy --to URL",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    home.shown(&["--all", "--write"], 0);
    let output = home.run(&["--json"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let states: Vec<(String, String)> = lines
        .map(|line: Value| {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            (text("server"), text("state"))
        })
        .collect();
    let states: Vec<(&str, &str)> = states
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let expected = [
        ("db", "recorded"),
        ("files", "recorded"),
        ("far", "remote"),
        ("log", "own"),
        ("git", "recorded"),
    ];
    assert_eq!(states, expected);
    assert!(Home::new().shown(&[], 0).contains("name one with --file"));
}

#[test]
fn a_change_is_shown_without_secrets_and_written_on_request_only() {
    let home = Home::with_files();
    let text = home.shown(&["files"], 0);
    assert!(text.contains("  -   \"command\": \"npx\",\n"), "{text}");
    assert!(
        text.contains("  +   \"args\": [\"proxy\", \"--\", \"npx\", \"-y\""),
        "{text}"
    );
    assert!(text.contains("\"env\": \"…\""), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(home.read(".cursor/mcp.json"), CURSOR);
    assert_eq!(home.beside(".cursor/mcp.json"), ["mcp.json"]);
}

#[test]
fn secrets_in_arguments_are_not_printed() {
    let home = Home::new();
    home.write(
        "project/.mcp.json",
        r#"{"mcpServers":{"key":{"command":"npx","args":["-y","srv",
            "--api-key",
            "hunter3", "-k", "hunter5"], "ENV": {"A": "hunter7"}, "env": "B=hunter17"}}}"#,
    );
    for args in [&[][..], &["key"], &["--json"], &["key", "--json"]] {
        let text = home.shown(args, 0);
        assert!(text.contains("--api-key"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
    for change in ["--write", "--undo"] {
        assert!(!home.shown(&["key", change], 0).contains("hunter"));
    }
}

#[test]
fn of_a_proxy_of_a_proxy_one_is_taken_back() {
    let home = Home::new();
    let nested = |outer: &str| {
        format!(
            r#"{{"mcpServers": {{
  "one": {{"command": "activity", "args": [{outer}"proxy", "--", "npx", "x"]}},
  "two": {{"command": "activity", "args": ["proxy", "--", "npx"]}}
}}}}"#
        )
    };
    home.write(
        "project/.mcp.json",
        &nested(r#""proxy", "--", "activity", "#),
    );
    home.shown(&["one", "--undo"], 0);
    assert_eq!(home.read("project/.mcp.json"), nested(""));
    home.write(
        "project/.mcp.json",
        &nested(r#""proxy", "--", "activity", "#),
    );
    home.shown(&["--all", "--undo"], 0);
    let plain = nested("").replace(
        r#""activity", "args": ["proxy", "--", "npx"]"#,
        r#""npx", "args": []"#,
    );
    assert_eq!(home.read("project/.mcp.json"), plain);
}

#[test]
fn the_program_may_have_another_name() {
    let home = Home::with_files();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let renamed = folder.path().join("activity-new");
    fs::hard_link(ACTIVITY, &renamed).unwrap();
    let run = |args: &[&str]| {
        let output = home.program(renamed.to_str().unwrap(), args).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["files", "--write"]);
    assert!(home.read(".cursor/mcp.json").contains("activity-new"));
    let again = run(&["files", "--write"]);
    assert!(
        again.contains("it goes through the proxy already"),
        "{again}"
    );
    run(&["files", "--undo"]);
    assert_eq!(home.read(".cursor/mcp.json"), CURSOR);
}

#[test]
fn each_entry_is_changed_in_place_and_changed_back_to_the_byte() {
    let home = Home::with_files();
    let files = [
        (".cursor/mcp.json", CURSOR),
        (".config/Code/User/mcp.json", VS_CODE),
        (".claude.json", CLAUDE_CODE),
    ];
    let store = home.path("all.db");
    let options = ["--all", "--write", "--store", store.to_str().unwrap(), "--"];
    let options = [&options[..], &["--capture", "preview"]].concat();
    assert!(!home.shown(&options, 0).contains("hunter2"));
    let own = fs::canonicalize(ACTIVITY).unwrap();
    let cursor: Value = serde_json::from_str(&home.read(".cursor/mcp.json")).unwrap();
    let entry = &cursor["mcpServers"]["files"];
    assert_eq!(
        fs::canonicalize(entry["command"].as_str().unwrap()).unwrap(),
        own
    );
    let start = [
        "--store",
        store.to_str().unwrap(),
        "proxy",
        "--capture",
        "preview",
        "--",
    ];
    let expected = [&start[..], &["npx", "-y", "server-filesystem", "."]].concat();
    assert_eq!(entry["args"], serde_json::json!(expected));
    assert_eq!(entry["env"]["API_TOKEN"], "hunter2-of-the-file");
    for (file, before) in files {
        let after = home.read(file);
        assert_ne!(after, before);
        assert!(!after.contains("hunter2-of-the-shell"));
        let backups = home.backups(file);
        assert_eq!(backups.len(), 1, "{file}: {backups:?}");
        assert_eq!(fs::read_to_string(&backups[0]).unwrap(), before);
    }
    let code = home.read(".config/Code/User/mcp.json");
    assert!(
        code.contains("\r\n\t\t\t\t\"uvx\",\r\n\t\t\t\t\"mcp-server-git\", // the one\r\n"),
        "{code}"
    );

    let again = home.shown(&["files", "--write"], 0);
    assert!(
        again.contains("it goes through the proxy already"),
        "{again}"
    );
    home.shown(&["--all", "--undo"], 0);
    for (file, before) in files {
        assert_eq!(home.read(file), before);
    }
}

#[test]
fn a_change_is_taken_back_also_after_other_changes_of_the_file() {
    let home = Home::with_files();
    home.shown(&["files", "--write"], 0);
    let other = |text: &str| {
        text.replacen('{', "{\n  // a comment\n  \"theme\": \"dark\",", 1)
            .replace("hunter2-of-the-file", "another")
    };
    home.write(".cursor/mcp.json", &other(&home.read(".cursor/mcp.json")));
    home.shown(&["files", "--undo"], 0);
    assert_eq!(home.read(".cursor/mcp.json"), other(CURSOR));
}

#[test]
fn a_changed_entry_starts_its_server_through_the_proxy() {
    let home = Home::new();
    let store = home.path("all.db");
    let store = store.to_str().unwrap();
    let entry = r#"{"mcpServers": {"cat": {"command": "cat", "args": []}}}"#;
    home.write("project/.mcp.json", entry);
    home.shown(&["--store", store, "cat", "--write"], 0);
    let config: Value = serde_json::from_str(&home.read("project/.mcp.json")).unwrap();
    let entry = &config["mcpServers"]["cat"];
    let args = entry["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| arg.as_str().unwrap());
    let mut command = Command::new(entry["command"].as_str().unwrap());
    // As a client with windows starts it.
    command.args(args).env_clear().env("PATH", "/usr/bin:/bin");
    command.stdin(fs::File::open(home.path("project/.mcp.json")).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        home.read("project/.mcp.json")
    );
}

#[test]
fn links_and_modes_stay() {
    let home = Home::new();
    home.write("project/dotfiles.json", CURSOR);
    let real = home.path("project/dotfiles.json");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, home.path(".cursor/mcp.json")).unwrap();
    home.shown(&["files", "--write"], 0);
    assert!(
        fs::symlink_metadata(home.path(".cursor/mcp.json"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
    assert!(home.read("project/dotfiles.json").contains("proxy"));
    assert_eq!(home.beside("project/dotfiles.json"), ["dotfiles.json"]);
    let backups = home.backups("project/dotfiles.json");
    assert_eq!(backups.len(), 1, "{backups:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&backups[0]), 0o640);
    assert_eq!(mode(backups[0].parent().unwrap()), 0o700);
    home.shown(&["files", "--undo"], 0);
    assert_eq!(home.read("project/dotfiles.json"), CURSOR);
}

#[test]
fn a_byte_order_mark_stays() {
    let home = Home::new();
    home.write(".cursor/mcp.json", &format!("\u{feff}{CURSOR}"));
    home.shown(&["files", "--write"], 0);
    assert!(home.read(".cursor/mcp.json").starts_with("\u{feff}{\n"));
    home.shown(&["files", "--undo"], 0);
    assert_eq!(home.read(".cursor/mcp.json"), format!("\u{feff}{CURSOR}"));
}

#[test]
fn each_file_that_cannot_be_used_says_why_and_is_left_as_it_is() {
    let check = |prepare: &dyn Fn(&Home), args: &[&str], code, expected: &str| {
        let home = Home::new();
        prepare(&home);
        let text = home.shown(args, code);
        assert!(text.contains(expected), "{args:?}: {text}");
        assert!(text.lines().count() < 15, "{text}");
    };
    let cursor = ".cursor/mcp.json";
    check(
        &|home| home.write(cursor, "{\"mcpServers\": {\"a\": "),
        &["--all", "--write"],
        1,
        "error: ~/.cursor/mcp.json: it is not valid JSON: ",
    );
    check(&|home| home.write(cursor, ""), &[], 0, "no servers");
    check(
        &|home| home.write(cursor, ""),
        &["a"],
        2,
        "no configuration names any",
    );
    check(
        &|home| fs::write(home.path(cursor), b"{\"a\": \"\xff\"}").unwrap(),
        &[],
        1,
        "it is not UTF-8",
    );
    check(
        &|home| fs::create_dir(home.path(cursor)).unwrap(),
        &[],
        1,
        "it is a directory, not a file",
    );
    check(
        &|home| symlink("nowhere", home.path(cursor)).unwrap(),
        &[],
        1,
        "it is a link to a file that does not exist",
    );
    let read_only = |home: &Home| {
        home.write(cursor, CURSOR);
        fs::set_permissions(home.path(cursor), fs::Permissions::from_mode(0o444)).unwrap();
    };
    check(
        &read_only,
        &["files", "--write"],
        1,
        "cannot write it: it is read-only",
    );
    check(
        &|home| home.write(cursor, CURSOR),
        &["far", "--write"],
        1,
        "far in ~/.cursor/mcp.json: it is at an address: run `activity proxy --to URL`",
    );
    check(
        &|home| home.write(cursor, CURSOR),
        &["fils"],
        2,
        "no server \"fils\": there are files, far, log",
    );
    check(
        &|_| {},
        &["--write"],
        2,
        "name the servers to change, or use --all",
    );
    check(
        &|_| {},
        &["--file", "none.json"],
        2,
        "there is no file none.json",
    );
    check(
        &|home| home.write(cursor, CURSOR),
        &["files", "--", "--captur", "x"],
        2,
        "options of the proxy: unexpected argument '--captur' found",
    );
    check(
        &|home| home.write(cursor, CURSOR),
        &["files", "--store", "postgres://h/d"],
        2,
        "postgres",
    );
    let pipe = |home: &Home| {
        let made = Command::new("mkfifo").arg(home.path(cursor)).status();
        assert!(made.unwrap().success());
    };
    check(&pipe, &[], 1, "it is not a regular file");
}

#[test]
fn a_file_of_another_client_can_be_named() {
    let home = Home::new();
    home.write("project/any.json", CURSOR);
    let output = home.command(&["--file", "any.json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("File  any.json\n"), "{text}");
}
