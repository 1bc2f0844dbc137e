//! What stored numbers mean, whichever database keeps them.

mod codes;
mod quarter;

pub(crate) use codes::{Code, SumScope};
pub(crate) use quarter::{QUARTERS, first_of_hour, quarter_of};
