//! A Chromium without a window, for the time of this process.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{devtools::Devtools, session::Result as ToolResult};

/// Names of Chromium's executable on systems that package it.
const NAMES: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];
const STARTS_WITHIN: Duration = Duration::from_secs(30);
const ENDS_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

pub(crate) struct Browser {
    pub(crate) devtools: Devtools,
    /// `http://host:port` of the DevTools.
    pub(crate) address: String,
    process: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts the Chromium that the variable `CHROMIUM` names, or the one on the `PATH`.
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let program = program(env::var_os("CHROMIUM"), env::var_os("PATH")).ok_or(
            "there is no Chromium on the PATH: install one, or name it with the variable CHROMIUM",
        )?;
        let profile = tempfile::tempdir()?;
        let mut process = Command::new(&program)
            .args(["--headless", "--remote-debugging-port=0"])
            .args(["--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"])
            // It opens only its own pages; as root, as in containers, the sandbox is unavailable.
            .args(["--no-sandbox", "--no-first-run", "--no-startup-window"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start Chromium at {}: {error}", program.display()))?;
        let deadline = Instant::now() + STARTS_WITHIN;
        let listening = profile.path().join("DevToolsActivePort");
        let (port, path) = loop {
            let written = fs::read_to_string(&listening).unwrap_or_default();
            if let Some((port, path)) = written.split_once('\n') {
                break (port.to_owned(), path.trim().to_owned());
            }
            let ended = process.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let program = program.display();
                return Err(format!("cannot start Chromium at {program}: {ended:?}").into());
            }
            sleep(POLL).await;
        };
        Ok(Browser {
            devtools: Devtools::connect(&port, &path).await?,
            address: format!("http://127.0.0.1:{port}"),
            process,
            _profile: profile,
        })
    }

    /// Creates a context for pages that share no cookie with others.
    pub(crate) async fn context(&self) -> ToolResult<String> {
        let method = "Target.createBrowserContext";
        let created = self.devtools.call(None, method, json!({})).await?;
        Ok(created["browserContextId"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Opens a page in a context. Returns the session that drives it.
    pub(crate) async fn open(&self, url: &str, context: &str) -> ToolResult<String> {
        let params = json!({"url": url, "browserContextId": context});
        let target = self
            .devtools
            .call(None, "Target.createTarget", params)
            .await?;
        let params = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self
            .devtools
            .call(None, "Target.attachToTarget", params)
            .await?;
        Ok(attached["sessionId"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    pub(crate) async fn dispose(&self, context: &str) {
        let params = json!({"browserContextId": context});
        let disposed = self
            .devtools
            .call(None, "Target.disposeBrowserContext", params);
        // A browser that is gone has no page left to close.
        let _ = disposed.await;
    }

    pub(crate) async fn close(mut self) {
        let closed = self.devtools.call(None, "Browser.close", json!({})).await;
        // One that does not end is killed when it is dropped.
        if closed.is_ok() {
            let _ = timeout(ENDS_WITHIN, self.process.wait()).await;
        }
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
