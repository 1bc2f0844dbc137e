//! A real Chromium, and a minimal driver with its own connection.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// A headless browser owned by the test.
pub(crate) struct Chromium {
    process: Child,
    folder: TempDir,
    /// DevTools address, `http://host:port`.
    pub(crate) address: String,
    websocket: String,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(program())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-sync",
            ])
            .args(["--disable-component-update", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-port=0", "--no-startup-window"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stderr(Stdio::null())
            .spawn()
            .expect("cannot start Chromium: `cargo xtask test` installs one");
        let (port, path) = ready(folder.path()).await;
        Chromium {
            process,
            folder,
            address: format!("http://127.0.0.1:{port}"),
            websocket: format!("ws://127.0.0.1:{port}{path}"),
        }
    }

    pub(crate) async fn driver(&self) -> Driver {
        let host = self.address.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        let (socket, _) = client_async(&self.websocket, stream).await.unwrap();
        Driver { socket, called: 0 }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The first attempt may fail while child processes still write to the folder.
        let _ = std::fs::remove_dir_all(self.folder.path());
    }
}

/// The browser in `CHROMIUM`, or the one installed by `cargo xtask test`.
fn program() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/chromium/chromium");
    match std::env::var_os("CHROMIUM") {
        Some(named) => named.into(),
        None if installed.exists() => installed,
        None => "chromium".into(),
    }
}

async fn ready(folder: &Path) -> (String, String) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let said = std::fs::read_to_string(folder.join("DevToolsActivePort"));
        if let Ok(said) = said
            && let Some((port, path)) = said.split_once('\n')
        {
            return (port.to_owned(), path.trim().to_owned());
        }
        assert!(Instant::now() < deadline, "Chromium does not answer");
        // Another process: nothing notifies this one.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

pub(crate) struct Driver {
    socket: WebSocketStream<TcpStream>,
    called: u64,
}

impl Driver {
    pub(crate) async fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Value {
        self.send(session, method, params).await;
        loop {
            let message = self.socket.next().await.unwrap().unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            let said: Value = serde_json::from_str(&text).unwrap();
            if said["id"] == self.called {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// Sends a call without waiting for the response.
    pub(crate) async fn send(&mut self, session: Option<&str>, method: &str, params: Value) {
        self.called += 1;
        let mut call = json!({"id": self.called, "method": method, "params": params});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.socket
            .send(Message::text(call.to_string()))
            .await
            .unwrap();
    }

    /// Opens a tab, in the given browser context if there is one.
    pub(crate) async fn open(&mut self, url: &str, context: Option<&str>) -> Tab {
        let mut params = json!({"url": url});
        if let Some(context) = context {
            params["browserContextId"] = context.into();
        }
        let target = self.call(None, "Target.createTarget", params).await;
        let target = target["targetId"].as_str().unwrap().to_owned();
        self.tab(&target).await
    }

    pub(crate) async fn tab(&mut self, target: &str) -> Tab {
        let params = json!({"targetId": target, "flatten": true});
        let attached = self.call(None, "Target.attachToTarget", params).await;
        Tab(attached["sessionId"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn eval(&mut self, tab: &Tab, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let answer = self.call(Some(&tab.0), "Runtime.evaluate", params).await;
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until the expression is true in the tab, also across its navigations.
    pub(crate) async fn wait(&mut self, tab: &Tab, expression: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let whole = format!("Boolean({expression})");
        let params = json!({"expression": whole, "returnByValue": true});
        loop {
            self.send(Some(&tab.0), "Runtime.evaluate", params.clone())
                .await;
            let id = self.called;
            let said = loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else {
                    continue;
                };
                let said: Value = serde_json::from_str(&text).unwrap();
                if said["id"] == id {
                    break said;
                }
            };
            if said["result"]["result"]["value"] == true {
                return;
            }
            assert!(Instant::now() < deadline, "{expression}: {said}");
        }
    }
}

/// A session in a tab.
pub(crate) struct Tab(pub(crate) String);
