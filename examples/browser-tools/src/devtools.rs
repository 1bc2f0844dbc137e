//! A minimal client of the Chrome DevTools protocol, enough to drive a page.

use std::{collections::HashMap, error::Error};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// A connection to a browser. Calls may overlap.
pub(crate) struct Devtools {
    calls: mpsc::UnboundedSender<Call>,
    task: JoinHandle<()>,
}

struct Call {
    session: Option<String>,
    method: &'static str,
    params: Value,
    answer: oneshot::Sender<Value>,
}

impl Devtools {
    /// Connects to a browser's WebSocket at this port and path on the loopback interface.
    pub(crate) async fn connect(port: &str, path: &str) -> Result<Self, Box<dyn Error>> {
        let host = format!("127.0.0.1:{port}");
        let stream = TcpStream::connect(&host).await?;
        let (socket, _) = client_async(format!("ws://{host}{path}"), stream).await?;
        let (calls, called) = mpsc::unbounded_channel();
        let task = tokio::spawn(forward(socket, called));
        Ok(Devtools { calls, task })
    }

    /// Calls a method of a page's session, or of the browser. Returns its result.
    pub(crate) async fn call(
        &self,
        session: Option<&str>,
        method: &'static str,
        params: Value,
    ) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let (answer, answered) = oneshot::channel();
        let session = session.map(str::to_owned);
        let call = Call {
            session,
            method,
            params,
            answer,
        };
        // Fails only after the task has ended, which the missing answer reports.
        let _ = self.calls.send(call);
        let mut answer = answered
            .await
            .map_err(|_| format!("the browser closed before it answered {method}"))?;
        match answer["error"]["message"].as_str() {
            Some(error) => Err(format!("{method}: {error}").into()),
            None => Ok(answer["result"].take()),
        }
    }
}

impl Drop for Devtools {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends calls and dispatches answers until either side closes. Events are ignored.
async fn forward(mut socket: WebSocketStream<TcpStream>, mut calls: mpsc::UnboundedReceiver<Call>) {
    let mut pending = HashMap::new();
    let mut id: u64 = 0;
    loop {
        tokio::select! {
            call = calls.recv() => {
                let Some(call) = call else { return };
                id += 1;
                let mut message = json!({"id": id, "method": call.method, "params": call.params});
                if let Some(session) = call.session {
                    message["sessionId"] = session.into();
                }
                pending.insert(id, call.answer);
                if socket.send(Message::text(message.to_string())).await.is_err() {
                    return;
                }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).unwrap_or_default();
                let answer = message["id"].as_u64().and_then(|id| pending.remove(&id));
                if let Some(answer) = answer {
                    // The caller may have been cancelled.
                    let _ = answer.send(message);
                }
            }
        }
    }
}
