//! Idle time of a host, and the sources that reset it.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{error::Error, host::ActivitySource};

/// The sources that count as activity of a host.
///
/// The text form is the lower-case name; for a custom mode, `custom:user,process`.
///
/// # Examples
///
/// ```
/// use tower_activity::host::{ActivitySource, IdleMode};
///
/// # fn main() -> tower_activity::Result<()> {
/// let mode: IdleMode = "run".parse()?;
/// assert!(mode.sources().contains(&ActivitySource::Process));
/// let custom: IdleMode = "custom:user,process".parse()?;
/// assert_eq!(custom.sources(), [ActivitySource::User, ActivitySource::Process]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdleMode {
    /// Input and output: every source except [`Process`](ActivitySource::Process).
    #[default]
    Io,
    /// People, not agents.
    User,
    /// Agents, not people.
    Agent,
    /// Connections by ssh.
    Ssh,
    /// The creation of the host only.
    Create,
    /// Boots only.
    Boot,
    /// Boots, and starts of agents on the host.
    Start,
    /// A running process.
    Run,
    /// The given sources.
    Custom(Vec<ActivitySource>),
    /// The host is never idle.
    Disabled,
}

impl IdleMode {
    /// The modes with a fixed name.
    const NAMED: [(&str, IdleMode); 9] = [
        ("io", IdleMode::Io),
        ("user", IdleMode::User),
        ("agent", IdleMode::Agent),
        ("ssh", IdleMode::Ssh),
        ("create", IdleMode::Create),
        ("boot", IdleMode::Boot),
        ("start", IdleMode::Start),
        ("run", IdleMode::Run),
        ("disabled", IdleMode::Disabled),
    ];

    /// Returns the sources that count.
    pub fn sources(&self) -> &[ActivitySource] {
        use ActivitySource::{Agent, Boot, Create, Process, Ssh, Start, User};
        match self {
            IdleMode::Io => &[User, Agent, Ssh, Create, Start, Boot],
            IdleMode::User => &[User, Ssh, Create, Start, Boot],
            IdleMode::Agent => &[Agent, Ssh, Create, Start, Boot],
            IdleMode::Ssh => &[Ssh, Create, Start, Boot],
            IdleMode::Create => &[Create],
            IdleMode::Boot => &[Boot],
            IdleMode::Start => &[Start, Boot],
            IdleMode::Run => &[Create, Start, Boot, Process],
            IdleMode::Custom(sources) => sources,
            IdleMode::Disabled => &[],
        }
    }
}

impl fmt::Display for IdleMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let IdleMode::Custom(sources) = self {
            let names: Vec<_> = sources.iter().map(|source| source.as_str()).collect();
            return write!(f, "custom:{}", names.join(","));
        }
        let named = IdleMode::NAMED.iter().find(|(_, mode)| mode == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for IdleMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(sources) = text.strip_prefix("custom:") {
            let sources: Result<Vec<_>, _> = sources.split(',').map(str::parse).collect();
            return sources.map(IdleMode::Custom);
        }
        let named = IdleMode::NAMED.into_iter().find(|(name, _)| *name == text);
        named.map(|(_, mode)| mode).ok_or_else(|| {
            let names = IdleMode::NAMED.map(|(name, _)| name).join(", ");
            Error::invalid(format!(
                "{text:?} is not an idle mode: use one of {names}, or custom:user,process"
            ))
        })
    }
}

/// The idle time of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Idle {
    /// The time since the last counted activity. Zero if that is in the future.
    For(Duration),
    /// No marker counts: neither "idle forever" nor "idle for 0 seconds".
    Unknown,
    /// The host is never idle: the mode is [`Disabled`](IdleMode::Disabled).
    Never,
}

/// A snapshot of a host's markers: when each source was last active.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Markers {
    /// Modification times of the files, by the host's clock.
    modified: [Option<DateTime<Utc>>; ActivitySource::ALL.len()],
    /// Offset of the host's clock from the local one.
    clock_offset: TimeDelta,
}

impl Markers {
    /// Creates an empty snapshot of a host whose clock is ahead of the local one by `clock_offset`.
    pub(super) fn with_clock_offset(clock_offset: TimeDelta) -> Self {
        Markers {
            clock_offset,
            ..Markers::default()
        }
    }

    /// Returns when `source` was last active, by the local clock; `None` without a marker.
    pub fn get(&self, source: ActivitySource) -> Option<DateTime<Utc>> {
        self.modified(source).map(|at| at - self.clock_offset)
    }

    /// Returns the modification time of the file, by the host's clock: it changes only when the marker is written.
    pub(super) fn modified(&self, source: ActivitySource) -> Option<DateTime<Utc>> {
        self.modified[source as usize]
    }

    /// True if no file was written between the two snapshots.
    pub(super) fn is_unchanged_since(&self, other: &Markers) -> bool {
        self.modified == other.modified
    }

    pub(super) fn set(&mut self, source: ActivitySource, modified: DateTime<Utc>) {
        self.modified[source as usize] = Some(modified);
    }

    /// Returns how long the host has been idle at `now`: the age of the newest marker that counts in `mode`.
    pub fn idle_for(&self, mode: &IdleMode, now: DateTime<Utc>) -> Idle {
        if *mode == IdleMode::Disabled {
            return Idle::Never;
        }
        let counted = mode.sources().iter().filter_map(|source| self.get(*source));
        match counted.max() {
            Some(newest) => Idle::For((now - newest).to_std().unwrap_or_default()),
            None => Idle::Unknown,
        }
    }
}
