//! What a server's tools get in addition, by choice: a parameter for the caller's reason, and a tool that reports a missing one.

mod additions;
mod missing_tool;
mod parameter;
mod schema;

pub use self::parameter::Intent;
#[cfg(feature = "mcp")]
pub(super) use self::{
    additions::text as reason_text, missing_tool::NAME as MISSING_TOOL,
    schema::definition as parameter_definition,
};
pub(super) use self::{
    additions::{Additions, OwnTools, Reported},
    missing_tool::{MissingTool, definition as missing_tool},
};
