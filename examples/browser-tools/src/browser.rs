//! A Chromium without a window, for the time of this process.

use std::{env, error::Error, ffi::OsString, path::PathBuf};

use chromiumoxide::{BrowserConfig, cdp::browser_protocol::browser::BrowserContextId};
use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// What a Chromium is called on the systems that package one.
const NAMES: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];

pub(crate) struct Browser {
    pub(crate) driven: chromiumoxide::Browser,
    /// Has what the browser says handled for as long as it runs.
    handler: JoinHandle<()>,
    _profile: TempDir,
}

impl Browser {
    /// Starts the Chromium that the variable `CHROMIUM` names, or the one on the `PATH`.
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let program = program(env::var_os("CHROMIUM"), env::var_os("PATH")).ok_or(
            "there is no Chromium on the PATH: install one, or name it with the variable CHROMIUM",
        )?;
        let profile = tempfile::tempdir()?;
        let config = BrowserConfig::builder()
            .chrome_executable(&program)
            .user_data_dir(profile.path())
            .args(["disable-gpu", "disable-quic"])
            // It sees no page but our own, and where there is only root, as in containers, it has no sandbox.
            .no_sandbox()
            .build()?;
        let launched = chromiumoxide::Browser::launch(config).await;
        let (driven, mut events) = launched
            .map_err(|error| format!("cannot start Chromium at {}: {error}", program.display()))?;
        let handler = tokio::spawn(async move { while events.next().await.is_some() {} });
        Ok(Browser {
            driven,
            handler,
            _profile: profile,
        })
    }

    /// Makes room for pages that share no cookie with others.
    pub(crate) async fn context(&self) -> chromiumoxide::Result<BrowserContextId> {
        self.driven.create_browser_context(Default::default()).await
    }

    pub(crate) async fn close(mut self) {
        // Where it is gone already there is nothing to close.
        if self.driven.close().await.is_ok() {
            let _ = self.driven.wait().await;
        }
        self.handler.abort();
    }
}

fn program(named: Option<OsString>, path: Option<OsString>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.into());
    }
    let path = path?;
    let places =
        env::split_paths(&path).flat_map(|folder| NAMES.iter().map(move |name| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_variable_comes_first_and_then_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = || Some(folder.path().as_os_str().to_owned());
        assert_eq!(program(None, path()), None);
        assert_eq!(program(None, None), None);
        let there = folder.path().join("chromium-browser");
        std::fs::write(&there, "").unwrap();
        assert_eq!(program(None, path()), Some(there));
        let named = program(Some("/opt/chromium".into()), path());
        assert_eq!(named, Some(PathBuf::from("/opt/chromium")));
    }
}
