//! The markers of a host whose directory can be reached as files.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{
        ActivitySource, Idle, IdleMode, MarkerFormat, Markers,
        failure::io_error,
        temp_name::{is_orphaned, temp_name},
    },
};

/// Names the host's directory where nobody else does.
const DIRECTORY: &str = "MNGR_HOST_DIR";

/// The longest marker that is read, in bytes. One of ours has less than a hundred.
const LONGEST: u64 = 4096;

/// The activity of one host, kept as small files in its directory: `<directory>/activity/<source>`.
///
/// A marker's modification time is the truth, so that anything on the host can refresh it: a bare `touch` counts.
/// What we write is one line with the same time, put in place in one step: nobody ever reads half of it.
///
/// Its methods do a few file operations; under an async runtime they belong into `spawn_blocking`, which is
/// what [`Host`](crate::host::Host) does.
///
/// # Examples
///
/// ```
/// use chrono::Utc;
/// use tower_activity::host::{ActivitySource, HostActivity, Idle, IdleMode};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let directory = folder.path();
/// let host = HostActivity::new(directory);
/// assert_eq!(host.idle_for(&IdleMode::Io, Utc::now())?, Idle::Unknown);
/// host.record(ActivitySource::User)?;
/// assert!(matches!(host.idle_for(&IdleMode::Io, Utc::now())?, Idle::For(idle) if idle.as_secs() < 60));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HostActivity {
    directory: PathBuf,
    format: MarkerFormat,
}

impl HostActivity {
    /// The activity of the host that has this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        HostActivity {
            directory: directory.into(),
            format: MarkerFormat::default(),
        }
    }

    /// The activity of the host whose directory the variable `MNGR_HOST_DIR` names.
    ///
    /// # Errors
    ///
    /// When the variable is not set, or empty.
    pub fn from_env() -> Result<Self> {
        let directory = env::var_os(DIRECTORY).filter(|directory| !directory.is_empty());
        directory.map(HostActivity::new).ok_or_else(|| {
            Error::invalid(format!(
                "cannot tell which host is meant: {DIRECTORY} is not set to its directory"
            ))
        })
    }

    /// Sets how its markers are written; any format is read.
    #[must_use]
    pub fn format(mut self, format: MarkerFormat) -> Self {
        self.format = format;
        self
    }

    /// The host's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Says that this source was active just now.
    ///
    /// # Errors
    ///
    /// When the host's directory does not exist (`is_not_found`), is read-only or full, or what stands in place of
    /// the folder `activity` or of the marker is none. The marker is then as it was.
    pub fn record(&self, source: ActivitySource) -> Result<()> {
        self.record_at(source, Utc::now())
    }

    /// Says that this source was active at this time.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn record_at(&self, source: ActivitySource, at: DateTime<Utc>) -> Result<()> {
        let attempt = || format!("cannot record {source} in {:?}", self.directory);
        self.make_folder(attempt)?;
        let temporary = self.folder().join(temp_name(source));
        let written = File::create_new(&temporary)
            .and_then(|mut file| {
                file.write_all(self.format.line(source, at).as_bytes())?;
                file.set_modified(at.into())
            })
            .and_then(|()| fs::rename(&temporary, self.marker(source)));
        written.map_err(|error| {
            // It is of no use to anybody, and there may be no room for it.
            let _ = fs::remove_file(&temporary);
            io_error(attempt(), error)
        })?;
        self.sweep();
        Ok(())
    }

    /// When this source was active last: the modification time of its marker. `None` where it has none.
    ///
    /// # Errors
    ///
    /// When the host's directory does not exist (`is_not_found`) or cannot be read, and when what stands in place of
    /// the marker is no plain file. A link is none: what it points to is not the host's.
    pub fn last_active(&self, source: ActivitySource) -> Result<Option<DateTime<Utc>>> {
        self.check_folder()?;
        self.modified(source)
    }

    /// What the marker's own line says, for comparison; `None` where there is none, or it says nothing: made by a
    /// bare `touch`, cut off, or somebody else's.
    ///
    /// # Errors
    ///
    /// As [`last_active`](Self::last_active).
    pub fn line_time(&self, source: ActivitySource) -> Result<Option<DateTime<Utc>>> {
        if self.last_active(source)?.is_none() {
            return Ok(None);
        }
        let mut text = Vec::new();
        File::open(self.marker(source))
            .and_then(|file| file.take(LONGEST).read_to_end(&mut text))
            .map_err(|error| io_error(format!("cannot read {:?}", self.marker(source)), error))?;
        Ok(MarkerFormat::read(&text))
    }

    /// All of its markers.
    ///
    /// # Errors
    ///
    /// As [`last_active`](Self::last_active).
    pub fn markers(&self) -> Result<Markers> {
        self.check_folder()?;
        let mut markers = Markers::default();
        for source in ActivitySource::ALL {
            if let Some(at) = self.modified(source)? {
                markers.set(source, at);
            }
        }
        Ok(markers)
    }

    /// How long nothing that counts has happened.
    ///
    /// # Errors
    ///
    /// As [`last_active`](Self::last_active).
    pub fn idle_for(&self, mode: &IdleMode, now: DateTime<Utc>) -> Result<Idle> {
        Ok(self.markers()?.idle_for(mode, now))
    }

    /// The file that is locked by whoever starts or stops the host.
    pub(super) fn lock_file(&self) -> Result<File> {
        self.make_folder(|| format!("cannot lock the host in {:?}", self.directory))?;
        let path = self.folder().join(".lock");
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(not_a_file(&path));
        }
        let mut options = File::options();
        let opened = options.create(true).truncate(false).write(true).open(&path);
        opened.map_err(|error| io_error(format!("cannot open {path:?}"), error))
    }

    /// Removes what writers left that were killed.
    fn sweep(&self) {
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_orphaned) {
                // The next writer tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.directory.join("activity")
    }

    fn marker(&self, source: ActivitySource) -> PathBuf {
        self.folder().join(source.as_str())
    }

    fn make_folder(&self, attempt: impl Fn() -> String) -> Result<()> {
        match fs::create_dir(self.folder()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.missing()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.check_folder(),
            Err(error) => Err(io_error(attempt(), error)),
        }
    }

    /// Looks that the folder, where there is one, is a folder, and the directory is there.
    fn check_folder(&self) -> Result<()> {
        let folder = self.folder();
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(Error::new(
                ErrorKind::Host,
                format!("cannot use {folder:?}: it is not a folder; remove it"),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.directory.is_dir() {
                    true => Ok(()),
                    false => Err(self.missing()),
                }
            }
            Err(error) => Err(io_error(format!("cannot look into {folder:?}"), error)),
        }
    }

    fn modified(&self, source: ActivitySource) -> Result<Option<DateTime<Utc>>> {
        let marker = self.marker(source);
        let found = fs::symlink_metadata(&marker).and_then(|found| {
            let modified = found.is_file().then(|| found.modified());
            modified.transpose()
        });
        match found {
            Ok(Some(modified)) => match date(modified) {
                Some(at) => Ok(Some(at)),
                None => Err(Error::new(
                    ErrorKind::Host,
                    format!("cannot use {marker:?}: no calendar has its time; touch it"),
                )),
            },
            Ok(None) => Err(not_a_file(&marker)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(format!("cannot read {marker:?}"), error)),
        }
    }

    fn missing(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "there is no host directory {:?}: create it, or name another",
                self.directory
            ),
        )
    }
}

/// The time of a file, which some file systems let be any; `None` where no calendar has it.
fn date(at: SystemTime) -> Option<DateTime<Utc>> {
    let passed = |time| TimeDelta::from_std(time).ok();
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => DateTime::UNIX_EPOCH.checked_add_signed(passed(after)?),
        Err(before) => DateTime::UNIX_EPOCH.checked_sub_signed(passed(before.duration())?),
    }
}

fn not_a_file(path: &Path) -> Error {
    Error::new(
        ErrorKind::Host,
        format!("cannot use {path:?}: it is not a plain file; remove it"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_that_no_calendar_has_is_none() {
        let epoch = SystemTime::UNIX_EPOCH;
        let (day, far) = (
            Duration::from_millis(86_400_500),
            Duration::from_secs(1 << 62),
        );
        let check = |at: Option<SystemTime>, expected: Option<&str>| {
            let expected = expected.map(|text| text.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(at.and_then(date), expected, "{at:?}");
        };
        check(Some(epoch), Some("1970-01-01T00:00:00Z"));
        check(epoch.checked_add(day), Some("1970-01-02T00:00:00.5Z"));
        check(epoch.checked_sub(day), Some("1969-12-30T23:59:59.5Z"));
        check(epoch.checked_add(far), None);
        check(epoch.checked_sub(far), None);
    }
}
