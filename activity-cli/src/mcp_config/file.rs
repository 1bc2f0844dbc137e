//! Configuration files: read with a limit, and replaced in one step after a backup.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use crate::source;

/// The largest file that is read. Claude Code keeps its history in the same file.
const LARGEST: u64 = 64 << 20;
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The longest name of a backup, before its time: file systems have at most 255 bytes.
const LONGEST_NAME: usize = 150;

/// A configuration file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    /// Where the links to it end.
    target: PathBuf,
    metadata: Metadata,
    whole: String,
}

impl ConfigFile {
    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read: why, in words.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let failed = |cause: io::Error| format!("cannot read it: {cause}");
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return match fs::symlink_metadata(path) {
                    Ok(_) => Err(String::from("it is a link to a file that does not exist")),
                    Err(_) => Ok(None),
                };
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        let metadata = fs::metadata(&target).map_err(failed)?;
        if metadata.is_dir() {
            return Err(String::from("it is a directory, not a file"));
        }
        // Of a pipe a read would not end.
        if !metadata.is_file() {
            return Err(String::from("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        let file = File::open(&target).map_err(failed)?;
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            return Err(format!("it is larger than {} MiB", LARGEST >> 20));
        }
        let whole = String::from_utf8(bytes).map_err(|_| String::from("it is not UTF-8"))?;
        Ok(Some(ConfigFile {
            target,
            metadata,
            whole,
        }))
    }

    /// Returns its text, without a byte order mark.
    pub(super) fn text(&self) -> &str {
        self.whole
            .strip_prefix(BYTE_ORDER_MARK)
            .unwrap_or(&self.whole)
    }

    /// Replaces its text, and returns the path of the backup. Owner and mode stay.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or was changed since it was read. Then it is as it was.
    pub(super) fn replace(&self, text: &str, now: DateTime<Utc>) -> Result<PathBuf, String> {
        let failed = |cause: io::Error| format!("cannot write it: {cause}");
        // A rename would replace a file that is protected.
        if self.metadata.permissions().readonly() {
            return Err(String::from("cannot write it: it is read-only"));
        }
        let opened = OpenOptions::new().write(true).open(&self.target);
        drop(opened.map_err(failed)?);
        let mark = match self.whole.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK,
            false => "",
        };
        let new = self.beside(&format!(".{:08x}.tmp", std::process::id()));
        let written = self
            .create(&new, &[mark, text])
            .and_then(|()| self.back_up(now));
        let backup = written.map_err(|cause| {
            // Without it there is nothing to remove.
            let _ = fs::remove_file(&new);
            failed(cause)
        })?;
        let replaced = match self.is_unchanged() {
            true => fs::rename(&new, &self.target).map_err(failed),
            false => Err(String::from(
                "it was changed meanwhile and is left as it is: end its client, and run this again",
            )),
        };
        if let Err(error) = replaced {
            // Files of this call only.
            let _ = (fs::remove_file(&new), fs::remove_file(&backup));
            return Err(error);
        }
        sync_directory(&self.target);
        Ok(backup)
    }

    /// Returns true if it is in the tree of a git repository.
    pub(super) fn is_in_repository(&self) -> bool {
        let mut directories = self.target.ancestors().skip(1);
        directories.any(|directory| directory.join(".git").exists())
    }

    /// Copies what was read into a file of its own, in the user's data directory: beside the original it would be committed with a
    /// project, and with its secrets.
    fn back_up(&self, now: DateTime<Utc>) -> io::Result<PathBuf> {
        let directory = source::data_directory().map(|own| own.join("backups"));
        let in_own = directory.map(|directory| {
            let created = create_private(&directory);
            let backup = created.and_then(|()| self.back_up_in(Some(&directory), now));
            backup.map_err(|cause| {
                format!(
                    "no backup can be written in {}: {cause}",
                    directory.display()
                )
            })
        });
        match in_own.unwrap_or_else(|| Err("there is no directory for a backup".to_owned())) {
            Ok(backup) => Ok(backup),
            Err(why) if self.is_in_repository() => Err(io::Error::other(format!(
                "{why} · beside the file it would be committed"
            ))),
            // Some users have no directory that can be written.
            Err(_) => self.back_up_in(None, now),
        }
    }

    /// The same in a directory, or beside the original.
    fn back_up_in(&self, directory: Option<&Path>, now: DateTime<Utc>) -> io::Result<PathBuf> {
        let whole = self.target.to_string_lossy().replace(['/', '\\', ':'], "-");
        let whole = whole.trim_start_matches('-');
        let name = &whole[whole.floor_char_boundary(whole.len().saturating_sub(LONGEST_NAME))..];
        let time = now.format("%Y%m%dT%H%M%SZ");
        let mut number = 1;
        loop {
            let suffix = match number {
                1 => format!(".{time}.bak"),
                _ => format!(".{time}-{number}.bak"),
            };
            let path = match directory {
                Some(directory) => directory.join(format!("{name}{suffix}")),
                None => self.beside(&suffix),
            };
            match self.create(&path, &[&self.whole]) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => number += 1,
                created => return created.map(|()| path),
            }
        }
    }

    fn is_unchanged(&self) -> bool {
        fs::read(&self.target).is_ok_and(|bytes| bytes == self.whole.as_bytes())
    }

    /// Creates a file with the owner and the mode of this one.
    fn create(&self, path: &Path, texts: &[&str]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let filled = self.fill(file, texts);
        if filled.is_err() {
            // What is left of it is of no use.
            let _ = fs::remove_file(path);
        }
        filled
    }

    fn fill(&self, mut file: File, texts: &[&str]) -> io::Result<()> {
        for text in texts {
            file.write_all(text.as_bytes())?;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};

            let (uid, gid) = (self.metadata.uid(), self.metadata.gid());
            let created = file.metadata()?;
            if (created.uid(), created.gid()) != (uid, gid) {
                fchown(&file, Some(uid), Some(gid))?;
            }
        }
        file.set_permissions(self.metadata.permissions())?;
        file.sync_all()
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.target.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        self.target.with_file_name(name)
    }
}

/// Creates a directory that only its owner can read.
fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Makes a rename durable, where the system can.
fn sync_directory(file: &Path) {
    #[cfg(unix)]
    if let Some(directory) = file.parent() {
        // The rename has happened all the same.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
    #[cfg(not(unix))]
    let _ = file;
}
