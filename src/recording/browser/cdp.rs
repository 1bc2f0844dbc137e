//! A connection to a browser's DevTools.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::error::{Error, ErrorKind, Result};

/// A connection to a browser's DevTools: numbered calls go out, answers and events come in.
#[derive(Debug)]
pub(super) struct Connection {
    socket: WebSocketStream<TcpStream>,
    called: u64,
}

/// What a browser says.
#[derive(Debug)]
pub(super) enum Said {
    /// The answer to a call; `None` where it failed.
    Answer(u64, Option<Value>),
    /// Something happened: the method, what it says, in which session.
    Event(String, Value, String),
}

impl Connection {
    /// Connects to a browser by its websocket.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let gone = || {
            let what = format!("there is no browser at {url}");
            Error::new(ErrorKind::NotFound, what)
        };
        let host = url.strip_prefix("ws://").unwrap_or(url);
        let host = host.split('/').next().unwrap_or(host);
        let stream = TcpStream::connect(host).await;
        let stream = stream.map_err(|cause| gone().with_source(cause))?;
        let opened = client_async(url, stream).await;
        let (socket, _) = opened.map_err(|cause| gone().with_source(cause))?;
        Ok(Connection { socket, called: 0 })
    }

    /// Calls a method in a session, or of the browser itself. Gives the number of the call; 0 when the browser is gone.
    pub(super) async fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> u64 {
        self.called += 1;
        let mut call = json!({"id": self.called, "method": method, "params": params});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        let sent = self.socket.send(Message::text(call.to_string())).await;
        sent.map_or(0, |()| self.called)
    }

    /// What it says next; `None` when it is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self) -> Option<Said> {
        loop {
            let Message::Text(text) = self.socket.next().await?.ok()? else {
                continue;
            };
            let Ok(mut said) = serde_json::from_str::<Value>(&text) else {
                continue;
            };
            if let Some(id) = said["id"].as_u64() {
                let result = said.get_mut("result").map(Value::take);
                return Some(Said::Answer(id, result));
            }
            let method = said["method"].as_str().unwrap_or_default().to_owned();
            let session = said["sessionId"].as_str().unwrap_or_default().to_owned();
            return Some(Said::Event(method, said["params"].take(), session));
        }
    }
}
