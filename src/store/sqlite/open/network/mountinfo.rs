//! The file system of a path on Linux, from `/proc/self/mountinfo`.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Linux's types of network file systems. 9p is one of them: virtual machines and WSL mount their host's folders with it,
/// and the host does not see the guest's shared memory.
const NETWORK: &[&str] = &[
    "9p", "afs", "ceph", "cifs", "coda", "davfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3",
    "smbfs", "vboxsf",
];
/// The same for FUSE, whose type is `fuse.` and the program's name. Other FUSE programs are local: encryption, unions, foreign
/// formats.
const NETWORK_PROGRAMS: &[&str] = &[
    "ceph",
    "ceph-fuse",
    "curlftpfs",
    "davfs",
    "gcsfuse",
    "glusterfs",
    "goofys",
    "juicefs",
    "mount-s3",
    "rclone",
    "s3fs",
    "smbnetfs",
    "sshfs",
    "vmhgfs-fuse",
];

/// Returns the type of the file system that a path is on, if it is a network file system.
pub(super) fn network(path: &Path) -> Option<String> {
    // Not statfs: on 9p it may return the type of the server's file system.
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    // A mount point that is not UTF-8 must not hide the others.
    find(&String::from_utf8_lossy(&mounts), path).map(str::to_owned)
}

/// The same, from the lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
fn find<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let holding = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let point = unescape(place.split(' ').nth(4)?);
        let length = point.as_os_str().len();
        path.starts_with(&point)
            .then_some((length, kind.split(' ').next()?))
    });
    // The deepest mount point wins; of several on one folder the last, which covers the others.
    let (_, kind) = holding.max_by_key(|(length, _)| *length)?;
    let network = match kind.strip_prefix("fuse.") {
        Some(program) => NETWORK_PROGRAMS.contains(&program),
        None => NETWORK.contains(&kind),
    };
    network.then_some(kind)
}

/// Unescapes a folder of mountinfo: blanks and the like are a backslash and three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|digits| str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    #[cfg(unix)]
    let text: OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    #[cfg(not(unix))]
    let text = OsString::from(String::from_utf8_lossy(&bytes).into_owned());
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw,relatime - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/ann/local rw - tmpfs tmpfs rw,size=65536k
32 22 0:42 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs;path=C:\\,trans=fd
33 22 0:43 / /mnt/the\\040share rw - cifs //server/share rw
34 22 0:44 / /mnt/far rw shared:7 master:2 - fuse.sshfs ann@server: rw
35 22 0:45 / /mnt/vault rw - fuse.gocryptfs /home/vault rw
36 22 0:46 / /mnt/twice rw - nfs server:/a rw
37 36 0:47 / /mnt/twice rw - ext4 /dev/vdb rw
38 22 0:48 / /var/lib/app rw - overlay overlay rw,lowerdir=/a,upperdir=/b
39 22 0:49 / /mnt/bad\\9 rw - smb3 //server/bad rw";

    #[test]
    fn a_path_is_on_the_deepest_and_last_file_system_that_holds_it() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(find(MOUNTS, Path::new(path)), expected, "{path}");
        };
        check("/var/activity.db", None);
        check("/home/ann/activity.db", Some("nfs4"));
        check("/homes/ann/activity.db", None);
        check("/home/ann/local/activity.db", None);
        check("/mnt/c/Users/activity.db", Some("9p"));
        check("/mnt/the share/activity.db", Some("cifs"));
        check("/mnt/far", Some("fuse.sshfs"));
        check("/mnt/vault/activity.db", None);
        check("/mnt/twice/activity.db", None);
        check("/var/lib/app/activity.db", None);
        check("/mnt/bad\\9/activity.db", Some("smb3"));
    }

    #[test]
    fn malformed_mountinfo_is_ignored() {
        for text in ["", "\n\n", " - ", "1 2 3 - nfs", "1 2 3 4 / rw -  "] {
            assert_eq!(find(text, Path::new("/activity.db")), None, "{text:?}");
        }
    }
}
