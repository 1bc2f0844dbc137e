//! Commands, addresses and entries without what may be secret.

use std::ops::Range;

use tower_activity::redact::Redactor;

use super::{
    document::{Launch, Server},
    edit::{self, Edit},
};

const HIDDEN: &str = "…";
/// Parts of an address of this length in bytes that have a digit are keys: of many servers they are in the path.
const KEY_BYTES: usize = 20;
/// Short options that often have a secret: a key, a password, a token, a user with a password, a secret, a variable, a header.
const OPTIONS: [&str; 8] = ["-k", "-p", "-t", "-u", "-s", "-e", "-H", "-P"];

/// Hides what may be secret.
#[derive(Debug)]
pub(super) struct Mask {
    redactor: Redactor,
}

impl Mask {
    pub(super) fn new() -> Self {
        Mask {
            redactor: Redactor::new(),
        }
    }

    /// Returns the command of a server without the proxy, its address, or why it has neither.
    pub(super) fn launch(&self, server: &Server) -> Vec<String> {
        match &server.launch {
            Launch::Remote(address) => vec![self.address(address)],
            Launch::Unknown(why) => vec![(*why).to_owned()],
            Launch::Command(command) => {
                let words = edit::command_line(command).into_iter();
                self.words(words.map(|word| word.value.as_str()))
            }
        }
    }

    /// Returns the text of an entry, without its indentation: of its values only the command and its arguments.
    pub(super) fn entry(&self, text: &str, server: &Server) -> String {
        let Range { start, end } = server.range;
        let mut edits = Vec::new();
        let mut hide = |range: &Range<usize>, replacement: String| {
            edits.push(Edit {
                range: range.start - start..range.end - start,
                replacement,
            });
        };
        for range in &server.hidden {
            let hidden = match text.get(range.start..range.start + 2) {
                Some("//") => format!("// {HIDDEN}"),
                Some("/*") => format!("/* {HIDDEN} */"),
                _ => edit::json(HIDDEN),
            };
            hide(range, hidden);
        }
        if let Launch::Command(command) = &server.launch {
            let words = edit::words(command);
            let masked = self.words(words.iter().map(|word| word.value.as_str()));
            for (word, masked) in words.iter().zip(masked) {
                if word.value != masked {
                    hide(&word.range, edit::json(&masked));
                }
            }
        }
        let entry = edit::apply(&text[start..end], edits);
        let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let before = &text[line..start];
        let indent = before.len() - before.trim_start().len();
        let lines = entry.lines().enumerate().map(|(number, line)| {
            let space = line.len() - line.trim_start().len();
            let from = if number == 0 { 0 } else { indent.min(space) };
            format!("{}\n", line.get(from..).unwrap_or(line))
        });
        lines.collect()
    }

    /// Returns the words of a command line. An option says what the word after it is.
    fn words<'a>(&self, words: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut shown = Vec::new();
        let mut before: Option<(&str, String)> = None;
        for word in words {
            let redacted = self.redacted(word);
            let is_secret = before.as_ref().is_some_and(|(option, shown)| {
                let is_value = OPTIONS.contains(option) && !word.starts_with('-');
                let pair = self.redacted(&format!("{option} {word}"));
                is_value || pair != format!("{shown} {redacted}")
            });
            shown.push(match is_secret {
                true => HIDDEN.to_owned(),
                false => redacted.clone(),
            });
            before = Some((word, redacted));
        }
        shown
    }

    /// Returns an address without its query, and without keys in its path.
    fn address(&self, address: &str) -> String {
        let address = self.redacted(address);
        let (path, query) = match address.split_once('?') {
            Some((path, _)) => (path, "?…"),
            None => (&*address, ""),
        };
        let is_key =
            |part: &str| part.len() >= KEY_BYTES && part.bytes().any(|byte| byte.is_ascii_digit());
        let parts = path.split('/').enumerate().map(|(number, part)| {
            // The host stands behind two slashes.
            if number > 2 && is_key(part) {
                HIDDEN
            } else {
                part
            }
        });
        let parts: Vec<&str> = parts.collect();
        parts.join("/") + query
    }

    fn redacted(&self, text: &str) -> String {
        // Only functions of an application panic.
        self.redactor.text(text).map(Into::into).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::servers;
    use super::*;

    fn server(text: &str) -> Server {
        servers(text, "/bin/activity").unwrap().remove(0)
    }

    #[test]
    fn values_of_options_are_hidden_on_one_line_and_on_several() {
        let check = |words: &[&str], expected: &str| {
            let apart = words
                .iter()
                .map(|word| edit::json(word))
                .collect::<Vec<_>>();
            for separator in [", ", ",\n    ", ", // --api-key hunter\n"] {
                let args = apart[1..].join(separator);
                let text = format!(
                    "{{\"servers\": {{\"x\": {{\"command\": {}, \"args\": [{args}\n]}}}}}}",
                    apart[0]
                );
                let server = server(&text);
                let mask = Mask::new();
                assert_eq!(mask.launch(&server).join(" "), expected, "{text}");
                let entry = mask.entry(&text, &server);
                assert!(!entry.contains("hunter"), "{entry}");
            }
        };
        check(&["npx", "-y", "srv", "."], "npx -y srv .");
        check(
            &["npx", "-y", "srv", "--api-key", "hunter3"],
            "npx -y srv --api-key …",
        );
        check(&["srv", "--token", "hunter20", "x"], "srv --token … x");
        check(&["srv", "-k", "hunter5", "-v"], "srv -k … -v");
        check(
            &[
                "activity", "proxy", "--token", "hunter2", "--", "srv", "-p", "hunter",
            ],
            "srv -p …",
        );
        check(&["srv", "a\nb", "-p", "--x"], "srv a\nb -p --x");
    }

    #[test]
    fn of_an_entry_only_the_command_and_its_arguments_are_shown() {
        let check = |entry: &str, expected: &str| {
            let text = format!("{{\"servers\": {{{entry}}}}}");
            let shown = Mask::new().entry(&text, &server(&text));
            assert_eq!(shown, format!("{expected}\n"));
        };
        check(
            r#""x": {"command": "npx", "ENV": {"A": "hunter"}, "environment": {"A": 1}}"#,
            r#""x": {"command": "npx", "ENV": "…", "environment": "…"}"#,
        );
        check(
            r#""x": {"env": "STR=hunter17", "args": ["-y"], "command": "npx"}"#,
            r#""x": {"env": "…", "args": ["-y"], "command": "npx"}"#,
        );
        check(
            r#""x": {"command": "hunter", "command": "npx", "args": "hunter", "args": [/* hunter */]}"#,
            r#""x": {"command": "…", "command": "npx", "args": "…", "args": [/* … */]}"#,
        );
        check(
            r#""x": /* hunter */ {"env": {/* hunter */ "A": "hunter"}, "command": "npx" /* hunter */}"#,
            r#""x": /* … */ {"env": "…", "command": "npx" /* … */}"#,
        );
    }

    #[test]
    fn an_address_has_neither_a_query_nor_keys() {
        let check = |address: &str, expected: &str| {
            let text = format!("{{\"servers\": {{\"x\": {{\"url\": \"{address}\"}}}}}}");
            assert_eq!(Mask::new().launch(&server(&text)), [expected]);
        };
        check("https://h/mcp?k=hunter", "https://h/mcp?…");
        check(
            "https://h/s/NTY4ZjQ2YzItMDE3Ni00ZGU2/mcp",
            "https://h/s/…/mcp",
        );
        check(
            "https://a-host-of-1000-servers.example/mcp",
            "https://a-host-of-1000-servers.example/mcp",
        );
    }
}
