//! Sources of host activity.

use std::{fmt, str::FromStr};

use crate::error::Error;

/// A source of host activity. Each has its own marker file, named in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActivitySource {
    /// The host was created.
    Create,
    /// The host booted: after it was created, and after each start.
    Boot,
    /// An agent was started on the host.
    Start,
    /// An ssh session is open.
    Ssh,
    /// A process is alive.
    Process,
    /// An agent produced output or acted.
    Agent,
    /// A person typed, clicked or called.
    User,
}

impl ActivitySource {
    /// All sources, in the order of declaration.
    pub const ALL: [ActivitySource; 7] = [
        ActivitySource::Create,
        ActivitySource::Boot,
        ActivitySource::Start,
        ActivitySource::Ssh,
        ActivitySource::Process,
        ActivitySource::Agent,
        ActivitySource::User,
    ];

    /// Returns the name of its marker file.
    pub const fn as_str(self) -> &'static str {
        match self {
            ActivitySource::Create => "create",
            ActivitySource::Boot => "boot",
            ActivitySource::Start => "start",
            ActivitySource::Ssh => "ssh",
            ActivitySource::Process => "process",
            ActivitySource::Agent => "agent",
            ActivitySource::User => "user",
        }
    }
}

impl fmt::Display for ActivitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ActivitySource {
    type Err = Error;

    /// Parses a name, ignoring case.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut all = ActivitySource::ALL.into_iter();
        all.find(|source| source.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let names = ActivitySource::ALL.map(ActivitySource::as_str).join(", ");
                Error::invalid(format!(
                    "{text:?} is not a source of host activity: use one of {names}"
                ))
            })
    }
}
