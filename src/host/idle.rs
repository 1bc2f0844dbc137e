//! How long nothing has happened on a host, and what counts as happening.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{error::Error, host::ActivitySource};

/// Which sources count as activity of a host.
///
/// Its text form is the lower-case name, of a custom one `custom:user,process`.
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
    /// What goes in and out: everything but [`Process`](ActivitySource::Process).
    #[default]
    Io,
    /// People, not agents.
    User,
    /// Agents, not people.
    Agent,
    /// Connections by ssh.
    Ssh,
    /// Nothing but its creation.
    Create,
    /// Nothing but its boots.
    Boot,
    /// Its boots, and starts of agents on it.
    Start,
    /// As long as a process is alive.
    Run,
    /// These.
    Custom(Vec<ActivitySource>),
    /// The host is never idle.
    Disabled,
}

impl IdleMode {
    /// The modes that have a name of one word.
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

    /// The sources that count.
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

/// How long nothing has happened on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Idle {
    /// The last thing that counts happened so long ago. Zero where that lies in the future.
    For(Duration),
    /// There is no marker that counts. It is not "idle for ever", nor "idle for 0 seconds".
    Unknown,
    /// Nothing counts: the mode is [`Disabled`](IdleMode::Disabled).
    Never,
}

/// When each source of a host was seen last, as its markers said at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Markers {
    /// By the host's clock, as the files have it.
    written: [Option<DateTime<Utc>>; ActivitySource::ALL.len()],
    /// How far that clock is ahead of ours.
    ahead: TimeDelta,
}

impl Markers {
    /// None yet, of a host whose clock is so far ahead of ours.
    pub(super) fn of_clock(ahead: TimeDelta) -> Self {
        Markers {
            ahead,
            ..Markers::default()
        }
    }

    /// When this source was seen last, by our clock; `None` where it has no marker.
    pub fn get(&self, source: ActivitySource) -> Option<DateTime<Utc>> {
        self.written(source).map(|at| at - self.ahead)
    }

    /// The time of the file: the same until somebody writes it.
    pub(super) fn written(&self, source: ActivitySource) -> Option<DateTime<Utc>> {
        self.written[source as usize]
    }

    /// True where no file was written between the two.
    pub(super) fn are_those_of(&self, other: &Markers) -> bool {
        self.written == other.written
    }

    pub(super) fn set(&mut self, source: ActivitySource, written: DateTime<Utc>) {
        self.written[source as usize] = Some(written);
    }

    /// How long nothing that counts has happened.
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
