//! The DevTools protocol (CDP) over a WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error as SocketError, Message, Utf8Bytes, protocol::WebSocketConfig},
};

use super::endpoint::Endpoint;
use crate::error::Result;

/// Maximum size of a message in bytes: the first snapshot of a page is one message, including images and styles.
const MAX_MESSAGE: usize = 64 << 20;

/// A connection to a browser's DevTools: sends numbered calls, receives responses and events.
#[derive(Debug)]
pub(super) struct Connection {
    socket: WebSocketStream<TcpStream>,
    /// Number of the last call.
    last_call: u64,
}

/// A frame received from a browser.
#[derive(Debug)]
pub(super) enum Frame {
    Text(Utf8Bytes),
    /// A message above the size limit. The connection is unusable afterwards.
    TooLarge,
}

impl Connection {
    /// Connects to a browser's WebSocket.
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self> {
        let stream = TcpStream::connect(endpoint.host()).await;
        let stream = stream.map_err(|cause| endpoint.not_found().with_source(cause))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let opened = client_async_with_config(endpoint.url(), stream, Some(config)).await;
        let (socket, _) = opened.map_err(|cause| endpoint.not_found().with_source(cause))?;
        Ok(Connection {
            socket,
            last_call: 0,
        })
    }

    /// Calls a method in a session, or of the browser itself. Returns the number of the call; 0 if the browser is gone.
    pub(super) async fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> u64 {
        self.last_call += 1;
        let mut call = json!({"id": self.last_call, "method": method, "params": params});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        let sent = self.socket.send(Message::text(call.to_string())).await;
        sent.map_or(0, |()| self.last_call)
    }

    /// Receives the next frame; `None` if the browser is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no frame is lost.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            return match self.socket.next().await? {
                Ok(Message::Text(text)) => Some(Frame::Text(text)),
                Ok(_) => continue,
                Err(SocketError::Capacity(_)) => Some(Frame::TooLarge),
                Err(_) => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_tungstenite::accept_async;

    use super::*;
    use crate::recording::browser::message::{Event, Incoming};

    #[tokio::test]
    async fn a_long_message_arrives_and_one_above_the_limit_is_reported() {
        let long = 17 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            for length in [long, MAX_MESSAGE] {
                let params = json!({"name": "said", "payload": "x".repeat(length)});
                let event = json!({"method": "Runtime.bindingCalled", "params": params});
                // Fails for the second: the client closes the connection.
                let _ = socket.send(Message::text(event.to_string())).await;
            }
        });
        let mut connection = Connection::open(&Endpoint::new(url)).await.unwrap();
        let Some(Frame::Text(text)) = connection.next().await else {
            panic!("the long message did not arrive");
        };
        let Some(Incoming::Event(Event::BindingCalled(call), _)) = Incoming::parse(&text) else {
            panic!("the long message is not an event");
        };
        assert_eq!(call.payload.len(), long);
        assert!(matches!(connection.next().await, Some(Frame::TooLarge)));
    }
}
