//! A connection to a browser's DevTools.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error as SocketError, Message, Utf8Bytes, protocol::WebSocketConfig},
};

use super::endpoint::Endpoint;
use crate::error::Result;

/// The longest thing that a browser can say: the first look at a page comes in one piece, pictures and styles included.
const LONGEST_MESSAGE: usize = 64 << 20;

/// A connection to a browser's DevTools: numbered calls go out, answers and events come in.
#[derive(Debug)]
pub(super) struct Connection {
    socket: WebSocketStream<TcpStream>,
    called: u64,
}

/// What came from a browser.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something that it says.
    Text(Utf8Bytes),
    /// More than is taken at once. It cannot be understood any more.
    TooMuch,
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
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self> {
        let stream = TcpStream::connect(endpoint.host()).await;
        let stream = stream.map_err(|cause| endpoint.gone().with_source(cause))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        let opened = client_async_with_config(endpoint.url(), stream, Some(config)).await;
        let (socket, _) = opened.map_err(|cause| endpoint.gone().with_source(cause))?;
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
    pub(super) async fn next(&mut self) -> Option<Heard> {
        loop {
            return match self.socket.next().await? {
                Ok(Message::Text(text)) => Some(Heard::Text(text)),
                Ok(_) => continue,
                Err(SocketError::Capacity(_)) => Some(Heard::TooMuch),
                Err(_) => None,
            };
        }
    }
}

impl Said {
    /// Reads what came; `None` where it is nothing that browsers say.
    pub(super) fn read(text: &str) -> Option<Said> {
        let mut said: Value = serde_json::from_str(text).ok()?;
        if let Some(id) = said["id"].as_u64() {
            let result = said.get_mut("result").map(Value::take);
            return Some(Said::Answer(id, result));
        }
        let method = said["method"].as_str().unwrap_or_default().to_owned();
        let session = said["sessionId"].as_str().unwrap_or_default().to_owned();
        Some(Said::Event(method, said["params"].take(), session))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;

    use super::*;

    #[tokio::test]
    async fn what_is_long_arrives_and_what_is_too_long_is_told() {
        let long = 17 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            for length in [long, LONGEST_MESSAGE] {
                let event = json!({"method": "said", "params": "x".repeat(length)});
                // Whoever has had too much hangs up.
                let _ = socket.send(Message::text(event.to_string())).await;
            }
        });
        let mut connection = Connection::open(&Endpoint::at(url)).await.unwrap();
        let Some(Heard::Text(text)) = connection.next().await else {
            panic!("the long one did not arrive");
        };
        let Some(Said::Event(_, params, _)) = Said::read(&text) else {
            panic!("the long one is no event");
        };
        assert_eq!(params.as_str().map(str::len), Some(long));
        assert!(matches!(connection.next().await, Some(Heard::TooMuch)));
    }
}
