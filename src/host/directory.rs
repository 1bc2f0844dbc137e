//! Markers of a host whose directory is accessible through the file system.

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

/// The environment variable with the host's directory.
const DIRECTORY: &str = "MNGR_HOST_DIR";

/// Maximum number of bytes read from a marker. A line written here is shorter than 100 bytes.
const MAX_MARKER: u64 = 4096;

/// The activity markers of one host: small files in its directory, `<directory>/activity/<source>`.
///
/// The modification time of a marker is authoritative, so that anything on the host can refresh it, even a bare
/// `touch`. Markers written here also contain the time as one line, and are replaced atomically.
///
/// The methods perform a few blocking file operations. In an async runtime, call them through `spawn_blocking`, as
/// [`Host`](crate::host::Host) does.
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
    /// Uses the markers in this host directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        HostActivity {
            directory: directory.into(),
            format: MarkerFormat::default(),
        }
    }

    /// Uses the host directory in the environment variable `MNGR_HOST_DIR`.
    ///
    /// # Errors
    ///
    /// If the variable is unset or empty.
    pub fn from_env() -> Result<Self> {
        let directory = env::var_os(DIRECTORY).filter(|directory| !directory.is_empty());
        directory.map(HostActivity::new).ok_or_else(|| {
            Error::invalid(format!(
                "{DIRECTORY} is not set: set it to the directory of the host"
            ))
        })
    }

    /// Sets the format in which markers are written; either format is read.
    #[must_use]
    pub fn format(mut self, format: MarkerFormat) -> Self {
        self.format = format;
        self
    }

    /// Returns the host's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the marker of `source` with the current time.
    ///
    /// # Errors
    ///
    /// If the host's directory does not exist (`is_not_found`), is read-only or full, or if `activity` is not a folder
    /// or the marker not a plain file. The marker is then unchanged.
    pub fn record(&self, source: ActivitySource) -> Result<()> {
        self.record_at(source, Utc::now())
    }

    /// Writes the marker of `source` with the given time.
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
            // Best effort: an orphan is removed by a later write.
            let _ = fs::remove_file(&temporary);
            io_error(attempt(), error)
        })?;
        self.remove_orphans();
        Ok(())
    }

    /// Returns when `source` was last active: the modification time of its marker. `None` without a marker.
    ///
    /// # Errors
    ///
    /// If the host's directory does not exist (`is_not_found`) or cannot be read, or if the marker is not a plain
    /// file. A symbolic link is an error, because its target may belong to another host.
    pub fn last_active(&self, source: ActivitySource) -> Result<Option<DateTime<Utc>>> {
        self.check_folder()?;
        self.modified(source)
    }

    /// Returns the time in the marker's line, for comparison with its modification time. `None` without a marker or a
    /// complete line, as after a bare `touch`.
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
            .and_then(|file| file.take(MAX_MARKER).read_to_end(&mut text))
            .map_err(|error| io_error(format!("cannot read {:?}", self.marker(source)), error))?;
        Ok(MarkerFormat::parse(&text))
    }

    /// Reads all markers.
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

    /// Returns how long the host has been idle at `now`: the age of the newest marker that counts in `mode`.
    ///
    /// # Errors
    ///
    /// As [`last_active`](Self::last_active).
    pub fn idle_for(&self, mode: &IdleMode, now: DateTime<Utc>) -> Result<Idle> {
        Ok(self.markers()?.idle_for(mode, now))
    }

    /// Opens the file that a start or stop of the host locks.
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

    /// Removes temporary files left by killed writers.
    fn remove_orphans(&self) {
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_orphaned) {
                // Best effort: the next write retries.
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

    /// Checks that the host's directory exists, and that `activity` is a folder if it exists.
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
            Err(error) => Err(io_error(format!("cannot read {folder:?}"), error)),
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
                    format!(
                        "cannot use {marker:?}: its modification time is out of range; touch it"
                    ),
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
                "no host directory {:?}: create it, or use another path",
                self.directory
            ),
        )
    }
}

/// Converts a file time; `None` if `DateTime` cannot represent it, as some file systems allow.
fn date(at: SystemTime) -> Option<DateTime<Utc>> {
    let delta = |time| TimeDelta::from_std(time).ok();
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => DateTime::UNIX_EPOCH.checked_add_signed(delta(after)?),
        Err(before) => DateTime::UNIX_EPOCH.checked_sub_signed(delta(before.duration())?),
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
    fn an_unrepresentable_time_is_none() {
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
