//! The file system of a path on macOS, from statfs(2).

use std::path::Path;

/// `MNT_LOCAL` of `sys/mount.h`.
const LOCAL: u32 = 0x1000;

/// Returns the type of the file system that a path is on, if it is a network file system.
pub(super) fn network(path: &Path) -> Option<String> {
    // The file itself may not exist yet.
    let found = path
        .ancestors()
        .find_map(|path| rustix::fs::statfs(path).ok())?;
    let name = found.f_fstypename.iter().map(|byte| byte.cast_unsigned());
    let name: Vec<u8> = name.take_while(|byte| *byte != 0).collect();
    (found.f_flags & LOCAL == 0).then(|| String::from_utf8_lossy(&name).into_owned())
}
