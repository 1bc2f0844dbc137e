//! Stored codes of statuses, codecs and scopes of sums. A code keeps its meaning forever.

use crate::record::{Codec, RecordingStatus, Status};

/// An enum that is stored as an integer code.
pub(crate) trait Code: Copy + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// Returns the code.
    fn code(self) -> i64;

    /// Returns the value of a code; `None` for an unknown code.
    fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.code() == code)
    }
}

/// `activity.status` and `event.status`. Rows of the table `open` are the running activities.
impl Code for Status {
    const ALL: &'static [Self] = &Status::ALL;

    fn code(self) -> i64 {
        match self {
            Status::Running => 0,
            Status::Success => 1,
            Status::Failed => 2,
            Status::Cancelled => 3,
            Status::Skipped => 4,
            Status::Abandoned => 5,
        }
    }
}

/// `recording.status`
impl Code for RecordingStatus {
    const ALL: &'static [Self] = &RecordingStatus::ALL;

    fn code(self) -> i64 {
        match self {
            RecordingStatus::Recording => 0,
            RecordingStatus::Complete => 1,
            RecordingStatus::Lost => 2,
            RecordingStatus::Crashed => 3,
            RecordingStatus::Gone => 4,
            RecordingStatus::TimedOut => 5,
            RecordingStatus::Truncated => 6,
            RecordingStatus::Abandoned => 7,
        }
    }
}

/// `chunk.codec`
impl Code for Codec {
    const ALL: &'static [Self] = &[Codec::Zstd];

    fn code(self) -> i64 {
        match self {
            Codec::Zstd => 1,
        }
    }
}

/// The kind of scope that a row of sums is for: `bucket.scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SumScope {
    Overall,
    Project,
    Name,
    Brand,
    Agent,
}

impl Code for SumScope {
    const ALL: &'static [Self] = &[
        SumScope::Overall,
        SumScope::Project,
        SumScope::Name,
        SumScope::Brand,
        SumScope::Agent,
    ];

    fn code(self) -> i64 {
        match self {
            SumScope::Overall => 0,
            SumScope::Project => 1,
            SumScope::Name => 2,
            SumScope::Brand => 3,
            SumScope::Agent => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    #[test]
    fn every_code_means_one_value() {
        fn check<C: Code + Debug + PartialEq>(count: i64) {
            let values: Vec<C> = (-1..20).filter_map(C::from_code).collect();
            assert_eq!(values.len() as i64, count);
            for value in C::ALL {
                assert_eq!(C::from_code(value.code()), Some(*value));
            }
        }
        check::<Status>(6);
        check::<RecordingStatus>(8);
        check::<Codec>(1);
        check::<SumScope>(5);
    }
}
