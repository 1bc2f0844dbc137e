//! Holds the answers of a store against those of a naive one.
//!
//! The suite makes records up, hands them to the store under test, and asks it what a
//! [`Reader`] answers about them. What it says is compared with what follows from the records by the shortest way
//! there is: all of them looked at, one by one. It holds for every store alike, and is run on SQLite in a file and in memory.
//!
//! ```
//! use tower_activity::{
//!     store::{Store, sqlite::SqliteStore},
//!     testing::conformance,
//! };
//!
//! let mut writers = Vec::new();
//! let report = conformance::check(0..1, |records| {
//!     let store = SqliteStore::new(":memory:")?;
//!     // What runs does so for as long as its writer is open.
//!     writers.push(conformance::commit(&store, records)?);
//!     store.reader()
//! })?;
//! report.assert();
//! # Ok::<_, tower_activity::Error>(())
//! ```

mod commit;
mod expected;
mod questions;
mod records;
mod sums;

use std::{fmt, ops::Range};

pub use self::{commit::commit, records::Records};
use self::{expected::Expected, questions::Asked};
use crate::{error::Result, store::Reader};

/// What came of a run of the suite.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "a report says nothing until it is looked at"]
pub struct Report {
    /// How many answers were compared.
    pub compared: u64,
    /// Answers that differ.
    pub differences: Vec<Difference>,
}

/// An answer that is not what follows from the records.
#[derive(Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The records were those of this seed.
    pub seed: u64,
    /// What was asked.
    pub question: String,
    /// What follows from the records.
    pub expected: String,
    /// What the store said.
    pub found: String,
}

/// Asks a store everything, once for each seed that records are made up from.
///
/// `fill` is given the records, and returns a reader of a store that holds them, and nothing else.
///
/// # Errors
///
/// When `fill` fails. An answer that is an error where none is expected is a [`Difference`].
pub fn check(
    seeds: Range<u64>,
    mut fill: impl FnMut(&Records) -> Result<Box<dyn Reader>>,
) -> Result<Report> {
    let mut report = Report::default();
    for seed in seeds {
        let records = Records::from_seed(seed);
        let mut reader = fill(&records)?;
        let mut asked = Asked::new(&mut *reader, Expected::of(&records), &mut report);
        asked.everything();
    }
    Ok(report)
}

/// The most differences that a panic shows.
const SHOWN: usize = 5;
/// How many characters of an answer are shown before the first difference, and after it.
const BEFORE: usize = 120;
const BEHIND: usize = 200;

impl Report {
    /// Panics unless every answer was as expected.
    ///
    /// # Panics
    ///
    /// When one differs, with the first few of them, and when none was asked.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.compared > 0 && self.differences.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differences = self.differences.len();
        writeln!(f, "{differences} of {} answers differ", self.compared)?;
        for one in self.differences.iter().take(SHOWN) {
            writeln!(f, "\nseed {}: {}", one.seed, one.question)?;
            let both = one.expected.chars().zip(one.found.chars());
            let same = both
                .take_while(|(expected, found)| expected == found)
                .count();
            // From a little before the first difference on.
            let shown = |answer: &str| -> String {
                let shown = answer.chars().skip(same.saturating_sub(BEFORE));
                shown.take(BEFORE + BEHIND).collect()
            };
            writeln!(f, "  expected .. {}", shown(&one.expected))?;
            writeln!(f, "  found    .. {}", shown(&one.found))?;
        }
        Ok(())
    }
}
