//! A configuration: its servers, and where each stands in the text.

use std::{collections::BTreeMap, ops::Range};

use jsonc_parser::{
    CollectOptions, CommentCollectionStrategy, ParseOptions,
    ast::{Object, ObjectProp, Value},
    common::Ranged,
    parse_to_ast,
};

/// The keys that lead to servers: of most clients, of VS Code, of its settings before 1.102. Those of a project of Claude Code are
/// in `projects`.
const SERVERS: [&[&str]; 3] = [&["mcpServers"], &["servers"], &["mcp", "servers"]];
const PROJECTS: &str = "projects";

/// A server in a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    /// The project that it is limited to.
    pub(super) project: Option<String>,
    pub(super) launch: Launch,
    /// Its entry, from the key.
    pub(super) range: Range<usize>,
    /// What is not shown: all values but those of its command and arguments, and comments.
    pub(super) hidden: Vec<Range<usize>>,
}

/// How a client reaches a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Launch {
    Command(Command),
    /// At an address.
    Remote(String),
    /// Not by what the entry says, and why.
    Unknown(&'static str),
}

/// The command of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) program: Text,
    /// True if it is this program, under any path.
    pub(super) is_own: bool,
    /// Where its key begins.
    pub(super) start: usize,
    pub(super) arguments: Option<Arguments>,
}

/// The arguments of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) items: Vec<Text>,
    /// The array, with its brackets.
    pub(super) array: Range<usize>,
    /// From its key.
    pub(super) property: Range<usize>,
}

/// A string, and its place in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) range: Range<usize>,
}

/// Returns the servers of a configuration: JSON, with comments and commas at the end of lists, as editors accept it. `own` is the
/// path of this program.
///
/// # Errors
///
/// If it is not JSON, or its servers are not an object: what is wrong, and where.
pub(super) fn servers(text: &str, own: &str) -> Result<Vec<Server>, String> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Separate,
        tokens: false,
    };
    let parsed = parse_to_ast(text, &collect, &options);
    let parsed = parsed.map_err(|error| format!("it is not valid JSON: {error}"))?;
    // A comment is found from both of its sides.
    let comments = parsed.comments.iter().flatten();
    let comments = comments.flat_map(|(_, comments)| comments.iter().map(range));
    let comments: BTreeMap<usize, usize> = comments.map(|one| (one.start, one.end)).collect();
    let mut collector = Collector {
        own: file_name(own),
        comments,
        servers: Vec::new(),
    };
    let root = match &parsed.value {
        Some(Value::Object(root)) => root,
        // An empty file.
        None => return Ok(Vec::new()),
        Some(_) => return Err(String::from("it is not a JSON object")),
    };
    collector.add(root, None)?;
    let projects = object_at(root, &[PROJECTS])?;
    for project in projects.iter().flat_map(|all| &all.properties) {
        let name = project.name.as_str();
        if let Some(within) = object(project, || format!("{PROJECTS}.{name}"))? {
            collector.add(within, Some(name))?;
        }
    }
    Ok(collector.servers)
}

/// Collects the servers of a file.
struct Collector {
    /// The name of this program's file.
    own: String,
    /// Where each comment begins and ends.
    comments: BTreeMap<usize, usize>,
    servers: Vec<Server>,
}

impl Collector {
    fn add(&mut self, root: &Object<'_>, project: Option<&str>) -> Result<(), String> {
        for keys in SERVERS {
            let Some(found) = object_at(root, keys)? else {
                continue;
            };
            for property in &found.properties {
                let (launch, hidden) = match &property.value {
                    Value::Object(entry) => (
                        launch(entry, &self.own),
                        hidden(entry, range(property), &self.comments),
                    ),
                    value => (Launch::Unknown(not_an_object(value)), Vec::new()),
                };
                self.servers.push(Server {
                    name: property.name.as_str().to_owned(),
                    project: project.map(str::to_owned),
                    launch,
                    range: range(property),
                    hidden,
                });
            }
        }
        Ok(())
    }
}

/// Returns the object that the keys lead to. `None` if one of them is missing, or null.
fn object_at<'a, 'b>(
    root: &'a Object<'b>,
    keys: &[&str],
) -> Result<Option<&'a Object<'b>>, String> {
    let mut object = root;
    for (at, key) in keys.iter().enumerate() {
        let Some(property) = last(object, key) else {
            return Ok(None);
        };
        match self::object(property, || keys[..=at].join("."))? {
            Some(found) => object = found,
            None => return Ok(None),
        }
    }
    Ok(Some(object))
}

/// Returns the object that is the value of a property, `None` if it is null.
fn object<'a, 'b>(
    property: &'a ObjectProp<'b>,
    path: impl FnOnce() -> String,
) -> Result<Option<&'a Object<'b>>, String> {
    match &property.value {
        Value::Object(object) => Ok(Some(object)),
        Value::NullKeyword(_) => Ok(None),
        _ => Err(format!("{:?} is not an object", path())),
    }
}

/// Returns a property; the last of its name counts, as in most parsers.
fn last<'a, 'b>(object: &'a Object<'b>, key: &str) -> Option<&'a ObjectProp<'b>> {
    let properties = object.properties.iter().rev();
    properties
        .into_iter()
        .find(|property| property.name.as_str() == key)
}

fn launch(entry: &Object<'_>, own: &str) -> Launch {
    let Some(command) = last(entry, "command") else {
        let address = ["url", "serverUrl", "httpUrl"]
            .into_iter()
            .find_map(|key| last(entry, key)?.value.as_string_lit());
        return match address {
            Some(address) => Launch::Remote(address.value.to_string()),
            None => Launch::Unknown("it has neither a command nor a URL"),
        };
    };
    let Some(program) = text(&command.value) else {
        return Launch::Unknown("its command is not a string");
    };
    let arguments = match last(entry, "args") {
        None => None,
        Some(property) => {
            let Value::Array(array) = &property.value else {
                return Launch::Unknown("its args are not a list");
            };
            let Some(items) = array.elements.iter().map(text).collect() else {
                return Launch::Unknown("one of its args is not a string");
            };
            Some(Arguments {
                items,
                array: range(array),
                property: range(property),
            })
        }
    };
    let file = file_name(&program.value);
    Launch::Command(Command {
        program,
        is_own: file == "activity" || file == own,
        start: command.start(),
        arguments,
    })
}

/// Returns what an entry is instead of an object.
fn not_an_object(value: &Value<'_>) -> &'static str {
    match value {
        Value::NullKeyword(_) => "its entry is null, not an object",
        Value::StringLit(_) => "its entry is a string, not an object",
        Value::NumberLit(_) => "its entry is a number, not an object",
        Value::BooleanLit(_) => "its entry is true or false, not an object",
        _ => "its entry is a list, not an object",
    }
}

fn text(value: &Value<'_>) -> Option<Text> {
    let string = value.as_string_lit()?;
    Some(Text {
        value: string.value.to_string(),
        range: range(string),
    })
}

/// Returns the name of a program's file, for comparison.
fn file_name(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next();
    let file = file.unwrap_or_default().to_ascii_lowercase();
    file.trim_end_matches(".exe").to_owned()
}

/// Returns the values that are not shown, and the comments outside of them.
fn hidden(
    entry: &Object<'_>,
    within: Range<usize>,
    comments: &BTreeMap<usize, usize>,
) -> Vec<Range<usize>> {
    // An earlier one of the same name does not count.
    let shown = ["command", "args"].map(|key| Some(last(entry, key)?.start()));
    let others = entry.properties.iter();
    let others = others.filter(|one| !shown.contains(&Some(one.start())));
    let mut hidden: Vec<Range<usize>> = others.map(|one| range(&one.value)).collect();
    let values = hidden.clone();
    let comments = comments.range(within).map(|(start, end)| *start..*end);
    hidden.extend(comments.filter(|comment| {
        let after = values.partition_point(|value| value.start <= comment.start);
        after == 0 || values[after - 1].end <= comment.start
    }));
    hidden
}

fn range(node: &impl Ranged) -> Range<usize> {
    node.start()..node.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "/bin/activity";

    #[test]
    fn servers_of_each_client_are_found() {
        let check = |text: &str, expected: &[(&str, Option<&str>)]| {
            let servers = servers(text, OWN).unwrap();
            let found: Vec<_> = servers
                .iter()
                .map(|server| (server.name.as_str(), server.project.as_deref()))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("", &[]);
        check(" // nothing\n", &[]);
        check("{}", &[]);
        check(r#"{"mcpServers": null, "servers": null, "mcp": {}}"#, &[]);
        check(
            r#"{"mcpServers": {"a": {}, "b": 1}}"#,
            &[("a", None), ("b", None)],
        );
        check("{\"servers\": {\"a\": {},}, // b\n}", &[("a", None)]);
        check(r#"{"mcp": {"servers": {"a": {}}}}"#, &[("a", None)]);
        check(
            r#"{"mcpServers": {"a": {}}, "projects": {"/p": {"mcpServers": {"a": {}}}, "/q": null}}"#,
            &[("a", None), ("a", Some("/p"))],
        );
        // The last of a name counts.
        check(
            r#"{"servers": {"a": {}}, "servers": {"b": {}}}"#,
            &[("b", None)],
        );
    }

    #[test]
    fn an_entry_that_cannot_be_read_says_why() {
        let check = |entry: &str, expected: Launch| {
            let text = format!("{{\"servers\": {{\"x\": {entry}}}}}");
            assert_eq!(servers(&text, OWN).unwrap()[0].launch, expected, "{entry}");
        };
        check(r#"{"url": "http://h"}"#, Launch::Remote("http://h".into()));
        check(
            r#"{"serverUrl": "http://h"}"#,
            Launch::Remote("http://h".into()),
        );
        check("{}", Launch::Unknown("it has neither a command nor a URL"));
        check("null", Launch::Unknown("its entry is null, not an object"));
        check("[1]", Launch::Unknown("its entry is a list, not an object"));
        check(
            r#"{"command": ["x"]}"#,
            Launch::Unknown("its command is not a string"),
        );
        check(
            r#"{"command": "x", "args": "y"}"#,
            Launch::Unknown("its args are not a list"),
        );
        check(
            r#"{"command": "x", "args": [1]}"#,
            Launch::Unknown("one of its args is not a string"),
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = "[".repeat(1_000_000);
        for text in [
            "{",
            "[]",
            "1",
            "{} {}",
            "{'a': 1}",
            "{a: 1}",
            "{\"a\" 1}",
            "{\"mcpServers\": []}",
            "{\"servers\": 1}",
            "{\"mcp\": {\"servers\": []}}",
            "{\"mcp\": []}",
            "{\"projects\": {\"/p\": {\"mcpServers\": \"\"}}}",
            "{\"projects\": []}",
            "{\"projects\": {\"/p\": 0}}",
            &deep,
        ] {
            assert!(
                servers(text, OWN).is_err(),
                "{}",
                &text[..text.len().min(20)]
            );
        }
    }
}
