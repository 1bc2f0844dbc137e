//! Names of markers that are just written. They get their final name in one step.

use chrono::Utc;

use crate::host::ActivitySource;

/// How old such a file is, in seconds, when nobody writes it any more. Writing one takes far less.
const ABANDONED_S: u32 = 3600;

/// A name that is hidden, and nobody else's: neither read as a marker nor written by two at once. It says when the
/// file was begun, as the file's own time is what the marker says.
pub(super) fn temp_name(source: ActivitySource) -> String {
    format!(".{source}-{:08x}{:08x}", now_s(), fastrand::u32(..))
}

/// True where it is such a name, and whoever wrote the file was killed.
pub(super) fn is_orphaned(name: &str) -> bool {
    begun(name).is_some_and(|begun| now_s().saturating_sub(begun) > ABANDONED_S)
}

/// When it was begun, in seconds since 1970; `None` where it is no such name.
fn begun(name: &str) -> Option<u32> {
    let (source, number) = name.strip_prefix('.')?.split_once('-')?;
    let ours = ActivitySource::ALL.iter().any(|one| one.as_str() == source);
    let number = Some(number).filter(|number| ours && number.len() == 16)?;
    u32::try_from(u64::from_str_radix(number, 16).ok()? >> 32).ok()
}

fn now_s() -> u32 {
    u32::try_from(Utc::now().timestamp()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_abandoned_an_hour_after_it_was_begun() {
        assert!(!is_orphaned(&temp_name(ActivitySource::User)));
        let ago = |s: u32| format!(".user-{:08x}ffffffff", now_s() - s);
        let check = |name: &str, expected| assert_eq!(is_orphaned(name), expected, "{name}");
        check(&ago(3000), false);
        check(&ago(4000), true);
        check(&ago(4000)[1..], false);
        check(&ago(4000).replace("user", "other"), false);
        check(".user-0000", false);
        check(".user-notes", false);
    }
}
