//! Command lines that take a password.

use crate::redact::{
    scan::Scan,
    site::is_of_key,
    spell::{end_of, is_quote, read, skip},
};

/// How many arguments of a command are read. Not so many bytes: a mark is as long as no secret.
const ARGUMENTS: usize = 40;

/// How a command takes a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// In the next argument, or right behind an option of one letter.
    Next,
    /// Right behind the option.
    Glued,
    /// The same, behind a user and a colon.
    AfterUser,
}

/// Options whose value is a password, by command.
pub(super) const OPTIONS: &[(&str, Taking, &[&str])] = &[
    ("mysql", Taking::Glued, &["-p"]),
    ("mariadb", Taking::Glued, &["-p"]),
    ("sshpass", Taking::Next, &["-p"]),
    // `docker login`, `az login`, `oc login`
    ("login ", Taking::Next, &["-p"]),
    ("mongo", Taking::Next, &["-p"]),
    ("sqlcmd", Taking::Next, &["-P"]),
    ("ipmitool", Taking::Next, &["-P"]),
    ("unzip", Taking::Next, &["-P"]),
    ("zip ", Taking::Next, &["-P"]),
    ("7z ", Taking::Next, &["-p"]),
    ("plink", Taking::Next, &["-pw"]),
    ("redis-cli", Taking::Next, &["-a"]),
    ("ldapsearch", Taking::Next, &["-w"]),
    (
        "curl",
        Taking::AfterUser,
        &["-u", "--user", "-U", "--proxy-user"],
    ),
];

impl Scan<'_> {
    /// The options of a command that takes a password.
    pub(super) fn command(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        let within = start > 0 && is_of_key(bytes[start - 1]) && bytes[start - 1] != b'.';
        let name = &bytes[start..end];
        let mut known = OPTIONS.iter();
        let known = known.find(|(known, ..)| known.as_bytes().eq_ignore_ascii_case(name));
        let Some((_, taking, options)) = known.filter(|_| start >= self.commands_done && !within)
        else {
            return;
        };
        let name_end = end - usize::from(name.ends_with(b" "));
        let mut at = end_of(bytes, name_end, usize::MAX, is_of_key);
        for _ in 0..ARGUMENTS {
            // A word and what parts it from the next, also in a list: `["sshpass", "-p", ..]`.
            at = skip(bytes, at, usize::MAX, |next| {
                b" \t\"',".contains(&next.byte)
            });
            let stop = argument_end(bytes, at, usize::MAX);
            self.commands_done = stop;
            let word = &bytes[at..stop];
            if b"\n|;".contains(&read(bytes, at).byte) {
                return;
            }
            let option = options.iter().find(|option| {
                let rest = word.strip_prefix(option.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || option.len() == 2 || rest[0] == b'=')
            });
            if let Some(option) = option {
                let glued = word.len() > option.len() || is_quote(read(bytes, stop).byte);
                if glued || *taking != Taking::Glued {
                    return self.argument(at + option.len(), *taking);
                }
            }
            at = stop;
        }
    }

    /// The value of an option: all of it, or what stands behind the user.
    fn argument(&mut self, from: usize, taking: Taking) {
        let bytes = self.bytes;
        let at = skip(bytes, from, usize::MAX, |next| {
            b" \t\"',=".contains(&next.byte)
        });
        let end = argument_end(bytes, at, usize::MAX);
        self.commands_done = end;
        let value = &bytes[at..end];
        let colon = value.iter().position(|byte| *byte == b':');
        let (start, end) = match colon {
            _ if taking != Taking::AfterUser => (at, end),
            Some(colon) if at + colon + 1 < end => (at + colon + 1, end),
            // A key in the place of the user, and no password.
            Some(_) => (at, end - 1),
            None => return,
        };
        // `psql -U login -p 5432`
        let port = value.len() <= 5 && value.iter().all(u8::is_ascii_digit);
        if !port && !self.is_marked(at, end) {
            self.ahead(start, end);
        }
    }
}

/// Where a command's argument ends.
pub(super) fn argument_end(bytes: &[u8], start: usize, max: usize) -> usize {
    skip(bytes, start, max, |next| !b" \t\n\"',".contains(&next.byte))
}
