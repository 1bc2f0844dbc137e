//! The read side: the filter grammar, and a handle that answers questions.

mod grammar;

pub use grammar::FilterError;
