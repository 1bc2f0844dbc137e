//! The change of an entry: its server is started through the proxy.
//!
//! Only `command` and the beginning of `args` change, as text, so that all other bytes of a file stay.

use std::ops::Range;

use super::document::{Arguments, Command, Text};

/// A change of a text. Those of one text do not overlap.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) replacement: String,
}

/// Behind the items of a list that was empty, where arguments that were added could stand: what undoing tells them by.
const EMPTY_LIST: &str = " ";

/// What is put before the command of a server.
#[derive(Debug, Clone)]
pub(super) struct Wrapper {
    /// The path of this program.
    pub(super) program: String,
    /// Its arguments, from the options of the store to those of the proxy, without the last `--`.
    pub(super) arguments: Vec<String>,
}

/// Returns where the server's own command stands in the arguments, if the entry starts it through the proxy.
pub(super) fn proxied(command: &Command) -> Option<usize> {
    let items = &command.arguments.as_ref()?.items;
    let end = items.iter().position(|item| item.value == "--")?;
    let is_proxy = items[..end].iter().any(|item| item.value == "proxy");
    (command.is_own && is_proxy && end + 1 < items.len()).then_some(end + 1)
}

/// True if the arguments of the proxy in an entry are those that [`wrap`] would write.
pub(super) fn has_options(command: &Command, wrapper: &Wrapper) -> bool {
    let arguments = proxied(command).zip(command.arguments.as_ref());
    arguments.is_some_and(|(own, arguments)| {
        let options = arguments.items[..own - 1].iter().map(|item| &item.value);
        options.eq(&wrapper.arguments)
    })
}

/// Returns the changes that put the proxy before a server's command.
pub(super) fn wrap(text: &str, command: &Command, wrapper: &Wrapper) -> Vec<Edit> {
    // With its escapes, so that undoing returns each byte.
    let own = [json("--"), text[command.program.range.clone()].to_owned()];
    let items = wrapper.arguments.iter().map(|item| json(item)).chain(own);
    let inserted = match &command.arguments {
        // Before the command: behind it, undoing could not tell it from an empty list.
        None => {
            let separator = separator(&text[..command.start], " ");
            let items: Vec<String> = items.collect();
            Edit::insert(
                command.start,
                format!("\"args\": [{}],{separator}", items.join(", ")),
            )
        }
        Some(arguments) => match arguments.items.first() {
            None => {
                let items: Vec<String> = items.collect();
                let mut items = items.join(", ");
                if is_before(text, arguments, command) {
                    items.push_str(EMPTY_LIST);
                }
                Edit::insert(arguments.array.start + 1, items)
            }
            Some(first) => {
                let at = first.range.start;
                let separator = separator(&text[arguments.array.start + 1..at], " ");
                let items = items.map(|item| format!("{item},{separator}"));
                Edit::insert(at, items.collect())
            }
        },
    };
    vec![program(command, json(&wrapper.program)), inserted]
}

/// Returns the changes that take those of [`wrap`] back; `None` if there are none.
pub(super) fn unwrap(text: &str, command: &Command) -> Option<Vec<Edit>> {
    let own = proxied(command)?;
    let arguments = command.arguments.as_ref()?;
    let items = &arguments.items;
    let name = &items[own];
    let rest = &text[name.range.end..arguments.array.end - 1];
    let comma = rest.trim_start().starts_with(',');
    let comma = comma.then(|| rest.find(',')).flatten();
    let end = name.range.end + comma.map_or(0, |at| at + 1);
    let removed = match items.get(own + 1) {
        Some(next) => items[0].range.start..next.range.start,
        None if !is_before(text, arguments, command) => items[0].range.start..end,
        None if rest.starts_with(EMPTY_LIST) => {
            let end = end.max(name.range.end + EMPTY_LIST.len());
            items[0].range.start..end
        }
        // The entry had no arguments.
        None => arguments.property.start..command.start,
    };
    let removed = Edit {
        range: removed,
        replacement: String::new(),
    };
    let own = text[name.range.clone()].to_owned();
    Some(vec![program(command, own), removed])
}

/// True if only a comma is between the arguments and the command: there `wrap` puts arguments that an entry does not have.
fn is_before(text: &str, arguments: &Arguments, command: &Command) -> bool {
    let between = text.get(arguments.property.end..command.start);
    between.is_some_and(|between| between.trim() == ",")
}

/// Returns the text with all changes.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let mut changed = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        changed.push_str(&text[at..edit.range.start]);
        changed.push_str(&edit.replacement);
        at = edit.range.end;
    }
    changed.push_str(&text[at..]);
    changed
}

/// Returns the command of a server and its arguments, as its entry has them.
pub(super) fn words(command: &Command) -> Vec<&Text> {
    let items = command.arguments.iter().flat_map(|it| &it.items);
    std::iter::once(&command.program).chain(items).collect()
}

/// Returns the command of a server and its arguments, without one proxy.
pub(super) fn command_line(command: &Command) -> Vec<&Text> {
    let mut words = words(command);
    if let Some(own) = proxied(command) {
        words.drain(..=own);
    }
    words
}

impl Edit {
    fn insert(at: usize, text: String) -> Self {
        Edit {
            range: at..at,
            replacement: text,
        }
    }
}

fn program(command: &Command, literal: String) -> Edit {
    Edit {
        range: command.program.range.clone(),
        replacement: literal,
    }
}

/// Returns a string as JSON.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the space at the end of a text if it begins a line, so that what is inserted stands below each other.
fn separator<'a>(before: &'a str, otherwise: &'a str) -> &'a str {
    let space = &before[before.trim_end().len()..];
    match space.contains('\n') {
        true => space,
        false => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{Launch, Server, servers};
    use super::*;

    const OWN: &str = "/bin/activity-new";

    fn wrapper() -> Wrapper {
        Wrapper {
            program: String::from("/opt/my bin/activity"),
            arguments: ["--store", "/a.db", "proxy"].map(String::from).to_vec(),
        }
    }

    fn values(server: &Server) -> Vec<&str> {
        let Launch::Command(command) = &server.launch else {
            panic!("{server:?}");
        };
        let words = command_line(command).into_iter();
        words.map(|word| word.value.as_str()).collect()
    }

    /// Puts the proxy before each of these servers, or takes it back.
    fn changed(text: &str, numbers: &[usize], change: Change) -> String {
        let servers = servers(text, OWN).unwrap();
        let edits = numbers.iter().flat_map(|number| {
            let Launch::Command(command) = &servers[*number].launch else {
                panic!("not a command: {text}");
            };
            match change {
                Change::Wrap => wrap(text, command, &wrapper()),
                Change::Unwrap => unwrap(text, command).unwrap(),
            }
        });
        apply(text, edits.collect())
    }

    #[derive(Clone, Copy)]
    enum Change {
        Wrap,
        Unwrap,
    }

    #[test]
    fn the_proxy_comes_before_the_command_and_goes_again() {
        let check = |entry: &str, expected: &str| {
            let text = format!("{{\"mcpServers\": {{\"x\": {entry}}}}}");
            let wrapped = changed(&text, &[0], Change::Wrap);
            let shown = expected
                .replace('@', "\"command\": \"/opt/my bin/activity\"")
                .replace('#', "\"--store\", \"/a.db\", \"proxy\", \"--\"");
            assert_eq!(wrapped, format!("{{\"mcpServers\": {{\"x\": {shown}}}}}"));
            assert_eq!(changed(&wrapped, &[0], Change::Unwrap), text);
        };
        check(
            r#"{"command": "npx", "args": ["-y", "x"], "env": {"A": "b"}}"#,
            r#"{@, "args": [#, "npx", "-y", "x"], "env": {"A": "b"}}"#,
        );
        check(
            r#"{"command": "npx", "args": []}"#,
            r#"{@, "args": [#, "npx"]}"#,
        );
        check(
            r#"{"command": "npx", "args": [ /* none */ ]}"#,
            r#"{@, "args": [#, "npx" /* none */ ]}"#,
        );
        check(r#"{"command": "npx"}"#, r#"{"args": [#, "npx"], @}"#);
        check(
            r#"{"type": "stdio", "command": "npx",}"#,
            r#"{"type": "stdio", "args": [#, "npx"], @,}"#,
        );
        check(
            r#"{"command": "\/bin\/\u006epx", "args": ["\u002dy"]}"#,
            r#"{@, "args": [#, "\/bin\/\u006epx", "\u002dy"]}"#,
        );
        check(
            r#"{"command": "cmd", "args": ["/c", "npx", "a b"]}"#,
            r#"{@, "args": [#, "cmd", "/c", "npx", "a b"]}"#,
        );
        // Told from a command without arguments.
        check(
            r#"{"args":[],"command":"npx"}"#,
            r#"{"args":[#, "npx" ],"command":"/opt/my bin/activity"}"#,
        );
        check(
            r#"{"args": [ ] , "command": "npx"}"#,
            r#"{"args": [#, "npx"  ] , @}"#,
        );
        check(
            r#"{"args": [ /* none */ ], "command": "npx"}"#,
            r#"{"args": [#, "npx"  /* none */ ], @}"#,
        );
        check(
            r#"{"args": ["--", "proxy"], "command": "C:\\a\"b"}"#,
            r#"{"args": [#, "C:\\a\"b", "--", "proxy"], @}"#,
        );
    }

    #[test]
    fn the_proxy_goes_although_an_editor_has_reformatted_the_entry() {
        let text = r#"{"servers": {"x": {
            "command": "activity.exe", "args": [ "proxy" , "--capture", "full",
              "--", "npx" , ], "dev": 1 }}}"#;
        let expected = r#"{"servers": {"x": {
            "command": "npx", "args": [  ], "dev": 1 }}}"#;
        assert_eq!(changed(text, &[0], Change::Unwrap), expected);
    }

    #[test]
    fn only_this_program_with_a_command_counts_as_the_proxy() {
        let check = |entry: &str, expected: bool| {
            let text = format!("{{\"servers\": {{\"x\": {entry}}}}}");
            let servers = servers(&text, OWN).unwrap();
            let Launch::Command(command) = &servers[0].launch else {
                panic!("{entry}");
            };
            assert_eq!(proxied(command).is_some(), expected, "{entry}");
        };
        check(
            r#"{"command": "activity", "args": ["proxy", "--", "x"]}"#,
            true,
        );
        check(
            r#"{"command": "C:\\bin\\Activity.EXE", "args": ["proxy", "--", "x"]}"#,
            true,
        );
        check(
            r#"{"command": "/tmp/activity-new", "args": ["proxy", "--", "x"]}"#,
            true,
        );
        check(r#"{"command": "activity", "args": ["proxy", "--"]}"#, false);
        check(r#"{"command": "activity", "args": ["proxy"]}"#, false);
        check(r#"{"command": "activity", "args": ["mcp"]}"#, false);
        check(r#"{"command": "activity"}"#, false);
        check(r#"{"command": "npx", "args": ["proxy", "--", "x"]}"#, false);
        check(
            r#"{"command": "my-activity", "args": ["proxy", "--", "x"]}"#,
            false,
        );
    }

    /// A configuration as people and programs write them, and the number of its servers.
    fn random(rng: &mut fastrand::Rng) -> (String, usize) {
        let line = *rng.choice(&["\n", "\r\n", " ", ""]).unwrap();
        let indent = *rng.choice(&["  ", "\t", "    "]).unwrap();
        let at = |depth: usize| match line.contains('\n') {
            true => format!("{line}{}", indent.repeat(depth)),
            false => line.to_owned(),
        };
        let comment = |rng: &mut fastrand::Rng| match rng.u8(..6) {
            0 => " /* ] } \"command\": */ ",
            1 if line.contains('\n') => " // \"args\": [",
            _ => "",
        };
        let text = |rng: &mut fastrand::Rng| {
            let some = [
                "-y",
                "a b",
                "ü\u{1f600}",
                "\"",
                "\\",
                "]",
                "--",
                "\u{7}",
                "",
            ];
            json(rng.choice(&some).unwrap())
        };
        let mut out = String::from("{");
        out += &format!("{}\"n\": 1.50,{}\"mcpServers\": {{", at(1), at(1));
        let count = rng.usize(1..5);
        for number in 0..count {
            let mut parts = Vec::new();
            let arguments = |rng: &mut fastrand::Rng, least: usize| {
                let apart = match rng.bool() {
                    true => at(4),
                    false => String::new(),
                };
                let items: Vec<String> = (0..rng.usize(least..4))
                    .map(|_| format!("{apart}{}", text(rng)))
                    .collect();
                let end = if rng.u8(..4) == 0 && !items.is_empty() {
                    ","
                } else {
                    ""
                };
                format!(
                    "\"args\":[{}{end}{}{}]",
                    items.join(","),
                    comment(rng),
                    at(3)
                )
            };
            if rng.u8(..4) == 0 {
                parts.push(arguments(rng, 0));
            }
            parts.push(format!("\"command\" : {}", text(rng)));
            if parts.len() == 1 && rng.u8(..3) > 0 {
                parts.push(arguments(rng, 0));
            }
            if rng.bool() {
                parts.push(format!("\"env\": {{\"K\": {}}}", text(rng)));
            }
            if rng.bool() {
                parts.insert(0, String::from("\"type\":\"stdio\""));
            }
            out += &format!("{}\"s{number}\": {{", at(2));
            for (place, part) in parts.iter().enumerate() {
                let comma = if place + 1 < parts.len() { "," } else { "" };
                out += &format!("{}{part}{comma}{}", at(3), comment(rng));
            }
            out += &format!("{}}}{}", at(2), if number + 1 < count { "," } else { "" });
        }
        out += &format!("{}}}{}}}{}", at(1), at(0), line);
        (out, count)
    }

    #[test]
    fn all_that_is_outside_of_changed_entries_stays_and_each_change_goes_again() {
        for seed in 0..3_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (text, count) = random(&mut rng);
            let numbers: Vec<usize> = (0..count).filter(|_| rng.bool()).collect();
            let before =
                servers(&text, OWN).unwrap_or_else(|error| panic!("{seed}: {error}\n{text}"));
            assert_eq!(before.len(), count, "{seed}: {text}");
            let wrapped = changed(&text, &numbers, Change::Wrap);
            let after =
                servers(&wrapped, OWN).unwrap_or_else(|error| panic!("{seed}: {error}\n{wrapped}"));
            let outside = |text: &str, servers: &[Server]| {
                let mut rest = text.to_owned();
                for number in numbers.iter().rev() {
                    rest.replace_range(servers[*number].range.clone(), "");
                }
                rest
            };
            assert_eq!(outside(&text, &before), outside(&wrapped, &after), "{seed}");
            for (number, (before, after)) in before.iter().zip(&after).enumerate() {
                assert_eq!(values(before), values(after), "{seed}: {wrapped}");
                let Launch::Command(command) = &after.launch else {
                    panic!("{seed}: {wrapped}");
                };
                let is_proxied = proxied(command).is_some();
                assert_eq!(is_proxied, numbers.contains(&number), "{seed}: {wrapped}");
            }
            assert_eq!(changed(&wrapped, &numbers, Change::Unwrap), text, "{seed}");
        }
    }
}
