//! Commands, addresses and entries without what may be secret.

use std::ops::Range;

use tower_activity::redact::Redactor;

use super::{
    document::{Launch, Server},
    edit::{self, Edit},
};

const HIDDEN: &str = "…";
/// The length in bytes from which on a part of a word or an address may be a key.
const KEY_BYTES: usize = 20;
/// A value that is secret under a key that names one, and nothing by itself.
const SAMPLE: &str = "q8J2W7z1Lk0p5T";
/// Short options that often have a secret: a key, a password, a token, a user with a password, a secret, a variable, a header.
const OPTIONS: [&str; 8] = ["-k", "-p", "-t", "-u", "-s", "-e", "-H", "-P"];
/// Names that begin like a short option with a password or a user, and are written with one dash in Go and Java.
const LONG_NAMES: [&str; 12] = [
    "path", "plugin", "port", "prefix", "print", "profile", "project", "proxy", "update", "uri",
    "url", "user",
];
/// Words in names of options, variables and headers whose values are secret, in addition to the redactor's.
const NAMES: [&str; 12] = [
    "apikey",
    "auth",
    "credential",
    "env",
    "header",
    "key",
    "license",
    "pat",
    "sas",
    "session",
    "token",
    "user",
];

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
            // The value of an option may begin with a dash, too.
            let is_option = word.starts_with("--") || word.len() == 2 && word.starts_with('-');
            let is_secret = before.as_ref().is_some_and(|(option, shown)| {
                let is_value = self.takes_secret(option) && !is_option;
                let pair = self.redacted(&format!("{option} {word}"));
                is_value || pair != format!("{shown} {redacted}")
            });
            shown.push(match is_secret {
                true => HIDDEN.to_owned(),
                false => self.word(word),
            });
            before = Some((word, redacted));
        }
        shown
    }

    /// Returns a word without what may be secret in it.
    fn word(&self, word: &str) -> String {
        let pair = word.split_once('=').or_else(|| {
            let begins = word.starts_with(['-', '/']);
            word.split_once(':').filter(|_| begins)
        });
        if let Some((name, _)) = pair
            && !name.contains("://")
            && (self.names_secret(name) || is_variable(name.strip_prefix("-e").unwrap_or(name)))
        {
            return format!("{}{HIDDEN}", &word[..=name.len()]);
        }
        // A value in the same word as its option.
        if let Some(option) = word.get(..2).filter(|option| OPTIONS.contains(option))
            && word.len() > 2
            && !self.is_name(word)
        {
            return format!("{option}{HIDDEN}");
        }
        match word.contains("//") {
            true => self.address(word),
            false => without_keys(&without_user(&self.redacted(word))),
        }
    }

    /// True for an option whose value, the next word, is often secret.
    fn takes_secret(&self, word: &str) -> bool {
        OPTIONS.contains(&word) || word.starts_with('-') && self.names_secret(word)
    }

    /// True for the name of an option with one dash and several letters, rather than a short one with its value in the same word.
    fn is_name(&self, word: &str) -> bool {
        let name = word.strip_prefix('-').unwrap_or_default();
        // A password or a user in lower case looks like a name.
        let is_likely = match name.chars().next() {
            Some('p' | 'P' | 'u') => LONG_NAMES.contains(&name),
            _ => name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
        };
        is_likely || self.names_secret(word)
    }

    /// True for a name whose value is often secret, of an option or not.
    fn names_secret(&self, name: &str) -> bool {
        let name = name.trim_start_matches('-');
        let is_end = |(at, c): (usize, char)| {
            let next = name[at + c.len_utf8()..].chars().next();
            !c.is_alphanumeric() || c.is_lowercase() && next.is_some_and(char::is_uppercase)
        };
        let mut start = 0;
        let ends = name
            .char_indices()
            .filter(|end| is_end(*end))
            .map(|(at, c)| at + c.len_utf8());
        let mut words = ends.chain([name.len()]).map(|end| {
            let word = &name[start..end];
            start = end;
            word.trim_end_matches(|c: char| !c.is_alphanumeric())
                .to_lowercase()
        });
        words.any(|word| {
            let singular = word.strip_suffix('s').unwrap_or(&word);
            NAMES.contains(&&*word) || NAMES.contains(&singular)
        }) || (self.redactor.value(name, SAMPLE.into())).is_ok_and(|value| value != SAMPLE)
    }

    /// Returns an address without its query, its fragment, and keys in its path.
    fn address(&self, address: &str) -> String {
        let address = self.redacted(address);
        let end = address.find(['?', '#']).unwrap_or(address.len());
        // The host stands behind two slashes.
        let path = address.match_indices('/').nth(2).map_or(end, |(at, _)| at);
        let (host, path) = address[..end].split_at(path.min(end));
        let host = without_user(host);
        let rest = match address[end..].chars().next() {
            Some(first) => format!("{first}{HIDDEN}"),
            None => String::new(),
        };
        format!("{host}{}{rest}", without_keys(path))
    }

    fn redacted(&self, text: &str) -> String {
        // Only functions of an application panic.
        self.redactor.text(text).map(Into::into).unwrap_or_default()
    }
}

/// True for the name of a variable: `API_KEY`.
fn is_variable(name: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    name.bytes().next().is_some_and(|first| is_first(&first))
        && name
            .bytes()
            .all(|byte| is_first(&byte) || byte.is_ascii_digit())
}

/// Hides a user with a password, and any user of an address, before an `@`.
fn without_user(host: &str) -> String {
    let start = host.find("//").map_or(0, |at| at + 2);
    match host[start..].rsplit_once('@') {
        Some((user, host_name)) if start > 0 || user.contains(':') && !user.contains('/') => {
            format!("{}{HIDDEN}@{host_name}", &host[..start])
        }
        _ => host.to_owned(),
    }
}

/// Hides the parts of a text that look like keys.
fn without_keys(text: &str) -> String {
    let is_between = |c: char| !c.is_alphanumeric() && !['-', '_', '.', '+', '~'].contains(&c);
    let parts = text.split_inclusive(is_between).map(|part| {
        let key = part.trim_end_matches(is_between);
        match is_key(key) {
            true => part.replace(key, HIDDEN),
            false => part.to_owned(),
        }
    });
    parts.collect()
}

/// True for a long text with digits that is not made of words, versions and dates.
fn is_key(text: &str) -> bool {
    let is_word = |part: &str| {
        let number = part.trim_start_matches(|c: char| c.is_alphabetic());
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && number.len() <= if number == part { 12 } else { 4 }
    };
    text.len() >= KEY_BYTES && !text.split(['-', '_', '.', '+', '~']).all(is_word)
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
        check(
            &["srv", "-token", "hunter2", "-stdio"],
            "srv -token … -stdio",
        );
        check(
            &["srv", "--oauth2Bearer", "hunter2"],
            "srv --oauth2Bearer …",
        );
        check(&["srv", "--tokens", "-hunter", "-v"], "srv --tokens … -v");
        check(&["srv", "-apiKey", "hunter"], "srv -apiKey …");
        check(&["srv", "-api_key", "hunter"], "srv -api_key …");
    }

    #[test]
    fn secrets_without_an_option_are_hidden() {
        let check = |word: &str, expected: &str| {
            let shown = Mask::new().word(word);
            assert_eq!(shown.replace("[redacted]", HIDDEN), expected, "{word}");
        };
        check("sk-live-51HunterAbCdEf0123456789", "…");
        check("550e8400-e29b-41d4-a716-446655440000", "…");
        check("key:q8J2hunterW7z1Lk0p5T", "key:…");
        check("https://h/mcp?k=hunter#a", "https://h/mcp?…");
        check("--url=https://h/mcp#hunter", "--url=https://h/mcp#…");
        check("https://ann:hunter@h/mcp", "https://…@h/mcp");
        check("https://ann:hunter@h/p?key=hunter", "https://…@h/p?…");
        check("https://hunter@h/1", "https://…@h/1");
        check("git+https://hunter@h/x.git", "git+https://…@h/x.git");
        check("//ann:hunter@h/?x", "//…@h/?…");
        check("ann:hunter@h:80", "…@h:80");
        check("--secret:hunter", "--secret:…");
        check("/token:hunter", "/token:…");
        check("--pat=hunter", "--pat=…");
        check("https://h/a1b2c3hunter4d5e6f7g8/mcp", "https://h/…/mcp");
        check("Authorization: Bearer hunterhunter", "Authorization: …");
        check("NAME=hunter", "NAME=…");
        check("-eNAME=hunter", "-eNAME=…");
        check("-HX-Mine: hunter=hunter", "-H…");
        check("--header=X-Mine: hunter", "--header=…");
        check("--x-key=hunter", "--x-key=…");
        check("--headers=X-Mine: hunter", "--headers=…");
        check("--tokens=hunter6", "--tokens=…");
        check("--apiKey=hunter", "--apiKey=…");
        check("-token=hunter", "-token=…");
        check("foo_key=hunter", "foo_key=…");
        check("password=hunter", "password=…");
        check("-phunter3", "-p…");
        check("-phunter", "-p…");
        check("-password=hunter", "-password=…");
        check("-uann:hunter", "-u…");
        for word in [
            "@modelcontextprotocol/server-filesystem@2025.8.21",
            "/home/ann/projects-2025-of-the-team/x86_64-unknown-linux-gnu",
            "ghcr.io/github/github-mcp-server:v0.5.1-beta3",
            "--keyboard-of-2025-with-a-long-name=x",
            "https://a-host-of-1000-servers.example:8080/v1/mcp",
            "127.0.0.1:8788",
            "20251201093000",
            "-Dname=value",
            "-transport",
            "ann@example.com",
            "ghcr.io/github/server:v1@sha256",
            "-port",
            "--keyboard=us",
            "C:\\Users\\ann\\a.exe",
        ] {
            check(word, word);
        }
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
        check("https://h/mcp#hunter", "https://h/mcp#…");
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
