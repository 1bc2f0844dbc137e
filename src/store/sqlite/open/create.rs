//! Makes a file that SQLite is about to open, without ever opening one that it may have open.
//!
//! A process loses all POSIX locks on a file when it closes any descriptor of it, SQLite's too
//! (<https://sqlite.org/howtocorrupt.html>, "POSIX advisory locks canceled by a separate thread doing close()"). Other
//! processes then take the file for unused.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::side_files::{beside, numbered};

/// How many links lead from a name to a file at most, as on Linux.
const MAX_LINKS: u32 = 40;

/// What the names of files end with that are yet to get theirs.
const TEMPORARY: &str = ".new";

/// Held while a file is made: where there are no links it has its name before its descriptor is closed.
static CREATING: Mutex<()> = Mutex::new(());

/// Makes an empty file for its owner alone where there is none. SQLite gives the files beside it the same mode. An empty
/// file that is there becomes its owner's alone; one with content stays as it is.
///
/// # Errors
///
/// When the file cannot be made or this user may not write it, or the mode of an empty one cannot be changed.
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
        // A link to a file that is yet to be made is followed, as SQLite follows it.
        if let Ok(to) = fs::read_link(&path) {
            path = path.parent().unwrap_or(Path::new("")).join(to);
            continue;
        }
        match create(&path) {
            // Somebody else was first: that file is looked at.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
    Err(io::Error::other(
        "too many links, or somebody keeps removing the file",
    ))
}

/// Asks by name whether this user may write a file: SQLite would only read it, and say so later.
fn check_writable(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?;
    let _ = path;
    Ok(())
}

/// Changes the mode by name: a descriptor would have to be closed.
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

/// Makes a file under a name of its own, and links it to the one that it is to have: the link fails where something is.
fn create(path: &Path) -> io::Result<()> {
    let temporary = temporary_name(path);
    create_new(&temporary)?;
    let linked = fs::hard_link(&temporary, path);
    // With what was left by those that were killed here.
    remove_temporary(path);
    match linked {
        Err(error) if lacks_hard_links(&error) => create_new(path),
        // Somebody else was quicker, and has removed this one.
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

/// A name beside the file that nothing else has.
fn temporary_name(path: &Path) -> PathBuf {
    beside(path, &format!("-{:016x}{TEMPORARY}", fastrand::u64(..)))
}

/// Removes files that are made under names of their own. Whoever is at it just then finds that the file is there.
fn remove_temporary(path: &Path) {
    for temporary in numbered(path, "-", TEMPORARY) {
        // What cannot be removed is a name that nobody asks for.
        let _ = fs::remove_file(temporary);
    }
}

/// True where somebody was killed between giving a file its name and taking away the first one.
fn has_other_links(found: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(found) > 1;
    #[cfg(not(unix))]
    {
        let _ = found;
        false
    }
}

/// What file systems without links answer (FAT: EPERM), and systems without the call.
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
    fn a_file_is_made_once_and_for_its_owner_alone() {
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
    fn an_empty_file_becomes_its_owners_alone_and_one_with_content_stays() {
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
    fn links_are_followed_and_never_without_end() {
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
    fn what_killed_processes_left_is_removed() {
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
        // Before it had its name, and after.
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
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let error = private_file(&folder.path().join("no/a.db")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
