//! What stored numbers mean, whichever database keeps them.

mod codes;

pub(crate) use codes::{Code, SumScope};
