//! The read side: the filter grammar, and a handle that answers questions.

mod grammar;
mod reader;

pub use grammar::FilterError;
pub use reader::ActivityReader;
