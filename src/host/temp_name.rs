//! Temporary names for atomic marker writes: write, then rename.

use chrono::Utc;

use crate::host::ActivitySource;

/// Age at which a temporary file is an orphan, in seconds. Writing one takes far less.
const ORPHANED_S: u32 = 3600;

/// Returns a hidden, unique name: it is not read as a marker, and two writers never share it. It contains the creation
/// time, because the modification time of the file is set to the marker's.
pub(super) fn temp_name(source: ActivitySource) -> String {
    format!(".{source}-{:08x}{:08x}", now_s(), fastrand::u32(..))
}

/// True if `name` is a temporary name whose writer was killed, judging by its age.
pub(super) fn is_orphaned(name: &str) -> bool {
    created_s(name).is_some_and(|created| now_s().saturating_sub(created) > ORPHANED_S)
}

/// Returns the creation time in seconds since 1970; `None` if `name` is not a temporary name.
fn created_s(name: &str) -> Option<u32> {
    let (source, number) = name.strip_prefix('.')?.split_once('-')?;
    let known = ActivitySource::ALL.iter().any(|one| one.as_str() == source);
    let number = Some(number).filter(|number| known && number.len() == 16)?;
    u32::try_from(u64::from_str_radix(number, 16).ok()? >> 32).ok()
}

fn now_s() -> u32 {
    u32::try_from(Utc::now().timestamp()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_file_is_an_orphan_after_an_hour() {
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
