//! Exclusions of filters among the arguments.

use std::ffi::OsString;

/// Prefixes exclusions such as `-env:dev` with a space, so that clap does not parse them as options.
///
/// Unambiguous: no option contains a colon after two or more letters, or a dot, or begins with a sign or a letter beyond ASCII.
/// What follows `--` is no option, and may be the command line of another program.
pub(crate) fn with_exclusions(
    args: impl Iterator<Item = OsString>,
) -> impl Iterator<Item = OsString> {
    let mut are_options = true;
    args.map(move |arg| {
        are_options &= arg != "--";
        match arg.to_str() {
            Some(text) if are_options && is_exclusion(text) => OsString::from(format!(" {text}")),
            _ => arg,
        }
    })
}

fn is_exclusion(arg: &str) -> bool {
    let Some(rest) = arg.strip_prefix('-') else {
        return false;
    };
    let odd = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    rest.starts_with(odd)
        || rest.split_once(':').is_some_and(|(name, _)| {
            let first = name.split_once('.').map_or(name, |(first, _)| first);
            first.len() > 1 && first.chars().all(|c| c.is_alphabetic() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_and_options_are_distinguished() {
        let check = |arg: &str, expected| assert_eq!(is_exclusion(arg), expected, "{arg}");
        check("-env:dev", true);
        check("-statsu:failed", true);
        check("-!!!", true);
        check("-🎉", true);
        check("-\"...\"", true);
        check("-", false);
        check("--", false);
        check("--limit", false);
        check("-n", false);
        check("-n5", false);
        check("env:dev", false);
        check("--store=a:b", false);
    }

    #[test]
    fn the_command_line_of_another_program_stays() {
        let args = ["list", "-env:dev", "--", "-env:dev", "-!"].map(OsString::from);
        let marked: Vec<OsString> = with_exclusions(args.into_iter()).collect();
        assert_eq!(marked, ["list", " -env:dev", "--", "-env:dev", "-!"]);
    }
}
