//! What runs in every document.

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// Built from `src/web/pages` by `cargo xtask pages`; `None` where that was not done.
const RECORD: Option<&str> = include!(concat!(env!("OUT_DIR"), "/recorder.rs"));

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
    ///
    /// # Errors
    ///
    /// When this build has none.
    pub(super) fn script(&self) -> Result<String> {
        let record = RECORD.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "cannot record a browser: this build has no recorder script; run `cargo xtask pages` in a clone, or use \
                 the published package",
            )
        })?;
        let settings = serde_json::to_string(self).unwrap_or_default();
        Ok(format!(
            "(() => {{ {record}\n towerActivity.start({settings}); }})()"
        ))
    }

    /// Asks a document for something: `flush` or `stop`.
    pub(super) fn ask(&self, what: &str) -> String {
        format!("document[Symbol.for({:?})]?.{what}()", self.binding)
    }
}
