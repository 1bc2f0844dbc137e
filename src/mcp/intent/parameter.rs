//! The parameter that asks for the reason of a call.

use crate::record::Text;

/// Asks callers for the reason of each call. Passed to [`ToolOptions::intent`](crate::mcp::ToolOptions::intent).
///
/// Each tool of the server gets one more parameter, a string. It is taken out of the arguments, and becomes
/// the attribute `mcp.intent` of the call, redacted and at most 2 KiB long. Not applied by a `TapReader`, which only reads.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, mcp::Intent};
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let tools = log.tools().intent(Intent::optional());
/// // server.with_activity(&tools), .layer(tools.layer()), tools.http_tap(), or tools.tap()
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Intent {
    pub(in crate::mcp) parameter: Text,
    pub(in crate::mcp) description: Text,
    pub(in crate::mcp) is_required: bool,
}

/// Not `intent` or `context`: tools have parameters of these names.
const PARAMETER: &str = "call_intent";
const DESCRIPTION: &str = "Why you make this call: the goal that it serves, in one sentence, without secrets and personal data. \
     It is recorded for the operators of this server, and does not change the result.";

impl Intent {
    /// Asks for a reason that a caller may leave out.
    pub fn optional() -> Self {
        Intent {
            parameter: Text::from_static(PARAMETER),
            description: Text::from_static(DESCRIPTION),
            is_required: false,
        }
    }

    /// Asks for a reason that the schema requires. A call without it is passed on all the same.
    pub fn required() -> Self {
        Intent {
            is_required: true,
            ..Intent::optional()
        }
    }

    /// Sets the name of the parameter; `call_intent` by default. A tool that has a parameter of this name is left as it is.
    pub fn parameter(mut self, name: impl Into<Text>) -> Self {
        self.parameter = name.into();
        self
    }

    /// Sets the description of the parameter, which asks the caller.
    pub fn description(mut self, description: impl Into<Text>) -> Self {
        self.description = description.into();
        self
    }
}
