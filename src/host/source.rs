//! What kept a host awake.

use std::{fmt, str::FromStr};

use crate::error::Error;

/// What kept a host awake. Each has a marker of its own, named in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActivitySource {
    /// The host was created.
    Create,
    /// The host came up: after it was created, and each time it was started again.
    Boot,
    /// An agent was started on it.
    Start,
    /// Somebody is connected by ssh.
    Ssh,
    /// A process is alive.
    Process,
    /// An agent said or did something.
    Agent,
    /// A person typed, clicked or called.
    User,
}

impl ActivitySource {
    /// Every source, in the order in which they are documented.
    pub const ALL: [ActivitySource; 7] = [
        ActivitySource::Create,
        ActivitySource::Boot,
        ActivitySource::Start,
        ActivitySource::Ssh,
        ActivitySource::Process,
        ActivitySource::Agent,
        ActivitySource::User,
    ];

    /// The name of its marker.
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

    /// Reads a name in any case: `USER` is `user`.
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
