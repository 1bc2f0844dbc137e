//! The conformance suite: compares the answers of a store with those of a naive oracle.
//!
//! The suite generates records, passes them to the store under test, and calls the methods of its [`Reader`]. The expected
//! answers are computed by a linear scan of the records. Every store must pass; SQLite passes in a file and in memory.
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
//!     // Running activities run until their writer is closed.
//!     writers.push(conformance::commit(&store, records)?);
//!     store.reader()
//! })?;
//! report.assert();
//! # Ok::<_, tower_activity::Error>(())
//! ```

mod commit;
mod expected;
mod forward;
mod questions;
mod records;
mod sums;

use std::{fmt, ops::Range};

pub use self::{commit::commit, forward::forward, records::Records};
use self::{expected::Expected, questions::Questions};
use crate::{error::Result, store::Reader};

/// The result of a run of the suite.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "call `assert` to fail on differences"]
pub struct Report {
    /// Number of compared answers.
    pub compared: u64,
    /// Answers that differ.
    pub differences: Vec<Difference>,
}

/// An answer that differs from the expected one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The seed of the records.
    pub seed: u64,
    /// The question.
    pub question: String,
    /// The expected answer.
    pub expected: String,
    /// The answer of the store.
    pub found: String,
}

/// Runs the suite once for each seed.
///
/// `fill` stores the records in an empty store, and returns a reader of it.
///
/// # Errors
///
/// If `fill` fails. An unexpected error of the reader is a [`Difference`].
pub fn check(
    seeds: Range<u64>,
    fill: impl FnMut(&Records) -> Result<Box<dyn Reader>>,
) -> Result<Report> {
    check_some(seeds, 1, fill)
}

/// Runs a part of the suite: one of every `every` questions, others for each seed. For stores that take long to answer.
///
/// Questions come in rows of similar ones, so a prime number selects of all kinds.
///
/// # Errors
///
/// As for [`check`].
pub fn check_some(
    seeds: Range<u64>,
    every: u64,
    mut fill: impl FnMut(&Records) -> Result<Box<dyn Reader>>,
) -> Result<Report> {
    let mut report = Report::default();
    for seed in seeds {
        let records = Records::from_seed(seed);
        let mut reader = fill(&records)?;
        let mut questions =
            Questions::new(&mut *reader, Expected::new(&records), every, &mut report);
        questions.ask_all();
    }
    Ok(report)
}

/// The most differences that a panic shows.
const SHOWN: usize = 5;
/// Characters of an answer that are shown before and after the first difference.
const BEFORE: usize = 120;
const BEHIND: usize = 200;

impl Report {
    /// Panics unless all answers were as expected.
    ///
    /// # Panics
    ///
    /// If answers differ, with the first few differences, or none was compared.
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
            // Start a little before the first difference.
            let shown = |answer: &str| -> String {
                let shown = answer.chars().skip(same.saturating_sub(BEFORE));
                shown.take(BEFORE + BEHIND).collect()
            };
            writeln!(f, "  expected … {}", shown(&one.expected))?;
            writeln!(f, "  found    … {}", shown(&one.found))?;
        }
        Ok(())
    }
}
