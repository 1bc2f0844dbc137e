//! What runs in every document.

use serde::Serialize;

/// Built from `src/web/pages` by `cargo xtask pages`.
const RECORD: &str = include_str!("../../web/pages/dist/record.js");

/// What the script is told.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    pub(super) block_selector: Option<String>,
    pub(super) ignore_selector: Option<String>,
    binding: String,
}

impl Settings {
    /// The same, handing out through a function of this name.
    pub(super) fn through(&self, binding: &str) -> Self {
        Settings {
            binding: binding.to_owned(),
            ..self.clone()
        }
    }

    /// The script, which leaves no name behind in the page.
    pub(super) fn script(&self) -> String {
        let settings = serde_json::to_string(self).unwrap_or_default();
        format!("(() => {{ {RECORD}\n towerActivity.start({settings}); }})()")
    }

    /// Asks a document for something: `flush` or `stop`.
    pub(super) fn ask(&self, what: &str) -> String {
        format!("document[Symbol.for({:?})]?.{what}()", self.binding)
    }
}
