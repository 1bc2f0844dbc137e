//! Creates the file that SQLite is about to open, without opening one that SQLite may have open already.
//!
//! A process that closes any descriptor of a file loses all its POSIX locks on the file, SQLite's included
//! (<https://sqlite.org/howtocorrupt.html>, "POSIX advisory locks canceled by a separate thread doing close()"). Other
//! processes then believe that the file is not in use.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::side_files::{beside, numbered};

/// Symbolic links that are followed at most, as on Linux.
const MAX_LINKS: u32 = 40;

/// Suffix of temporary names.
const TEMPORARY: &str = ".new";

/// Held while a file is created: on file systems without hard links it has its final name before its descriptor is closed.
static CREATING: Mutex<()> = Mutex::new(());

/// Creates an empty file of mode 0600 unless there is one; SQLite gives the files beside it the same mode. An existing file
/// that is empty gets that mode too, one with content is left as it is.
///
/// # Errors
///
/// If the file cannot be created, this user may not write it, or the mode of an empty file cannot be changed.
pub(crate) fn private_file(path: &Path) -> io::Result<()> {
    let _creating = CREATING.lock();
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::metadata(&path) {
            Ok(found) => {
                check_writable(&path)?;
                if has_other_links(&found) {
                    remove_temporary(&path);
                }
                return restrict_if_empty(&path, &found);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        // A dangling link is followed, as SQLite follows it.
        if let Ok(to) = fs::read_link(&path) {
            path = path.parent().unwrap_or(Path::new("")).join(to);
            continue;
        }
        match create(&path) {
            // Another process was first: start over with its file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
    Err(io::Error::other(
        "too many symbolic links, or another process keeps removing the file",
    ))
}

/// Checks by path that this user may write the file: SQLite would open it read-only and fail later.
fn check_writable(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?;
    let _ = path;
    Ok(())
}

/// Sets an empty file's mode to 0600, by path: a descriptor would have to be closed.
fn restrict_if_empty(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = found.permissions().mode() & 0o777;
        if found.is_file() && found.len() == 0 && mode != 0o600 {
            return fs::set_permissions(path, fs::Permissions::from_mode(0o600));
        }
    }
    let _ = (path, found);
    Ok(())
}

/// Creates the file under a temporary name and links it to its final one, which fails if that exists.
fn create(path: &Path) -> io::Result<()> {
    let temporary = temporary_name(path);
    create_new(&temporary)?;
    let linked = fs::hard_link(&temporary, path);
    // Those of killed processes as well.
    remove_temporary(path);
    match linked {
        Err(error) if lacks_hard_links(&error) => create_new(path),
        // Another process was quicker and has removed our temporary file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        linked => linked,
    }
}

fn create_new(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Returns a temporary name that no other process uses.
fn temporary_name(path: &Path) -> PathBuf {
    beside(path, &format!("-{:016x}{TEMPORARY}", fastrand::u64(..)))
}

/// Removes all temporary files beside the file. A process that is creating one at this moment finds that the file exists.
fn remove_temporary(path: &Path) {
    for temporary in numbered(path, "-", TEMPORARY) {
        // One that cannot be removed does no harm.
        let _ = fs::remove_file(temporary);
    }
}

/// Returns true if a process was killed between linking the final name and removing the temporary one.
fn has_other_links(found: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(found) > 1;
    #[cfg(not(unix))]
    {
        let _ = found;
        false
    }
}

/// Returns true for the errors of file systems without hard links (FAT: EPERM) and of systems without the call.
fn lacks_hard_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported | io::ErrorKind::TooManyLinks
    )
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, thread};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap();
        let name = |file: fs::DirEntry| file.file_name().into_string().unwrap();
        files.map(|file| name(file.unwrap())).collect()
    }

    #[test]
    fn a_file_is_created_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| private_file(&path).unwrap());
            }
        });
        assert_eq!(
            (mode(&path), names(folder.path())),
            (0o600, vec!["a.db".into()])
        );
    }

    #[test]
    fn an_empty_file_is_restricted_to_its_owner_and_one_with_content_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [("", 0o600), ("content", 0o644)] {
            let path = folder.path().join(format!("{text}.db"));
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            private_file(&path).unwrap();
            assert_eq!(
                (mode(&path), fs::read_to_string(&path).unwrap()),
                (expected, text.into())
            );
        }
    }

    #[test]
    fn symbolic_links_are_followed_and_a_cycle_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        for (link, to) in [
            ("a", "b"),
            ("b", "sub/c"),
            ("sub/c", "../d"),
            ("x", "y"),
            ("y", "x"),
        ] {
            std::os::unix::fs::symlink(to, path(link)).unwrap();
        }
        private_file(&path("a")).unwrap();
        assert_eq!(mode(&path("d")), 0o600);
        assert!(private_file(&path("x")).is_err());
    }

    #[test]
    fn temporary_files_of_killed_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let others = [
            "a.db-wal",
            "a.db-0123.new",
            "b.db-0123456789abcdef.new",
            "a.db.new",
        ];
        for other in others {
            fs::write(folder.path().join(other), "").unwrap();
        }
        // Killed before the link, and after it.
        for _ in 0..2 {
            fs::write(folder.path().join("a.db-0123456789abcdef.new"), "").unwrap();
            private_file(&path).unwrap();
            fs::hard_link(&path, folder.path().join("a.db-fedcba9876543210.new")).unwrap();
            private_file(&path).unwrap();
            let mut names = names(folder.path());
            names.sort();
            assert_eq!(
                names,
                [
                    "a.db",
                    "a.db-0123.new",
                    "a.db-wal",
                    "a.db.new",
                    "b.db-0123456789abcdef.new"
                ]
            );
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = private_file(&folder.path().join("no/a.db")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
