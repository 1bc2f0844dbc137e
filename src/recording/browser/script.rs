//! The recorder script that runs in every document.

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// The script built from `src/web/pages` by `cargo xtask pages`; `None` in a build without it.
const RECORD: Option<&str> = include!(concat!(env!("OUT_DIR"), "/recorder.rs"));

/// Settings of the script.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    pub(super) block_selector: Option<String>,
    pub(super) ignore_selector: Option<String>,
    /// The function through which pages send events.
    binding: String,
}

impl Settings {
    /// Returns the settings with the name of the binding set.
    pub(super) fn with_binding(&self, binding: &str) -> Self {
        Settings {
            binding: binding.to_owned(),
            ..self.clone()
        }
    }

    /// Returns the script. It defines no global name in the page.
    ///
    /// # Errors
    ///
    /// If this build has no script.
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

    /// Returns the expression that calls a method of the recorder in a document: `flush` or `stop`.
    pub(super) fn call(&self, method: &str) -> String {
        format!("document[Symbol.for({:?})]?.{method}()", self.binding)
    }
}
