//! Command lines with a password argument.

use crate::redact::{
    encoded_char::{end_while, is_quote, read_char, skip_while},
    key_span::is_key_byte,
    scan::Scan,
};

/// Maximum number of arguments read. Not a number of bytes, because a mark differs in length from the secret it replaces.
const MAX_ARGUMENTS: usize = 40;

/// Where an option has its password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordArgument {
    /// In the next argument, or directly behind a one-letter option.
    Next,
    /// Directly behind the option.
    Attached,
    /// In the next argument, behind `user:`.
    AfterUser,
}

/// Options with a password, by command.
pub(super) const OPTIONS: &[(&str, PasswordArgument, &[&str])] = &[
    ("mysql", PasswordArgument::Attached, &["-p"]),
    ("mariadb", PasswordArgument::Attached, &["-p"]),
    ("sshpass", PasswordArgument::Next, &["-p"]),
    // `docker login`, `az login`, `oc login`
    ("login ", PasswordArgument::Next, &["-p"]),
    ("mongo", PasswordArgument::Next, &["-p"]),
    ("sqlcmd", PasswordArgument::Next, &["-P"]),
    ("ipmitool", PasswordArgument::Next, &["-P"]),
    ("unzip", PasswordArgument::Next, &["-P"]),
    ("zip ", PasswordArgument::Next, &["-P"]),
    ("7z ", PasswordArgument::Next, &["-p"]),
    ("plink", PasswordArgument::Next, &["-pw"]),
    ("redis-cli", PasswordArgument::Next, &["-a"]),
    ("ldapsearch", PasswordArgument::Next, &["-w"]),
    (
        "curl",
        PasswordArgument::AfterUser,
        &["-u", "--user", "-U", "--proxy-user"],
    ),
];

impl Scan<'_> {
    /// Searches a command line for a password option.
    pub(super) fn command(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        let within = start > 0 && is_key_byte(bytes[start - 1]) && bytes[start - 1] != b'.';
        let name = &bytes[start..end];
        let mut known = OPTIONS.iter();
        let known = known.find(|(known, ..)| known.as_bytes().eq_ignore_ascii_case(name));
        let Some((_, style, options)) = known.filter(|_| start >= self.commands_done && !within)
        else {
            return;
        };
        let name_end = end - usize::from(name.ends_with(b" "));
        let mut at = end_while(bytes, name_end, usize::MAX, is_key_byte);
        for _ in 0..MAX_ARGUMENTS {
            // Skip separators between arguments, also in a list: `["sshpass", "-p", …]`.
            at = skip_while(bytes, at, usize::MAX, |next| {
                b" \t\"',".contains(&next.byte)
            });
            let stop = argument_end(bytes, at, usize::MAX);
            self.commands_done = stop;
            let word = &bytes[at..stop];
            if b"\n|;".contains(&read_char(bytes, at).byte) {
                return;
            }
            let option = options.iter().find(|option| {
                let rest = word.strip_prefix(option.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || option.len() == 2 || rest[0] == b'=')
            });
            if let Some(option) = option {
                let attached = word.len() > option.len() || is_quote(read_char(bytes, stop).byte);
                if attached || *style != PasswordArgument::Attached {
                    return self.argument(at + option.len(), *style);
                }
            }
            at = stop;
        }
    }

    /// Adds the value of an option: all of it, or the part behind the user.
    fn argument(&mut self, from: usize, style: PasswordArgument) {
        let bytes = self.bytes;
        let at = skip_while(bytes, from, usize::MAX, |next| {
            b" \t\"',=".contains(&next.byte)
        });
        let end = argument_end(bytes, at, usize::MAX);
        self.commands_done = end;
        let value = &bytes[at..end];
        let colon = value.iter().position(|byte| *byte == b':');
        let (start, end) = match colon {
            _ if style != PasswordArgument::AfterUser => (at, end),
            Some(colon) if at + colon + 1 < end => (at + colon + 1, end),
            // `user:` without a password: the user is an API key.
            Some(_) => (at, end - 1),
            None => return,
        };
        // `psql -U login -p 5432`
        let port = value.len() <= 5 && value.iter().all(u8::is_ascii_digit);
        if !port && !self.contains_mark(at, end) {
            self.add_unless_exempt(start, end);
        }
    }
}

/// Returns the end of a command argument.
pub(super) fn argument_end(bytes: &[u8], start: usize, max: usize) -> usize {
    skip_while(bytes, start, max, |next| !b" \t\n\"',".contains(&next.byte))
}
