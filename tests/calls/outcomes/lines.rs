//! Minimal clients: JSON-RPC over lines, and HTTP.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
};

/// The JSON-RPC id of the recorded call.
pub(crate) const CALL: u32 = 7;

/// The `initialize` request of a client.
pub(crate) fn hello() -> Value {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "tester", "version": "1"},
    });
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
}

pub(crate) fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// A `tools/call` request.
pub(crate) fn call(tool: &str) -> Value {
    let params = json!({"name": tool, "arguments": {}});
    json!({"jsonrpc": "2.0", "id": CALL, "method": "tools/call", "params": params})
}

pub(crate) fn cancel() -> Value {
    let params = json!({"requestId": CALL});
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
}

/// A client that sends messages as lines.
pub(crate) struct Client<R, W> {
    lines: Lines<BufReader<R>>,
    server: W,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Client<R, W> {
    /// Starts a session.
    pub(crate) async fn new(reader: R, server: W) -> Self {
        let lines = BufReader::new(reader).lines();
        let mut client = Client { lines, server };
        client.send(hello()).await;
        client.answer(0).await;
        client.send(initialized()).await;
        client
    }

    /// Closes the input, and reads until the server closes its output.
    pub(crate) async fn end(mut self) {
        drop(self.server);
        while let Some(_line) = self.lines.next_line().await.unwrap() {}
    }

    pub(crate) async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.server.write_all(line.as_bytes()).await.unwrap();
        self.server.flush().await.unwrap();
    }

    /// Reads up to the response to a request. Other output may precede a message on its line.
    pub(crate) async fn answer(&mut self, id: u32) {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            let message = line.find('{').map(|start| &line[start..]);
            let message = message.and_then(|message| serde_json::from_str::<Value>(message).ok());
            if message.is_some_and(|message| message["id"] == id) {
                return;
            }
        }
        panic!("the server closed before it answered");
    }
}

/// One request on its own connection.
pub(crate) struct Http(TcpStream);

impl Http {
    pub(crate) async fn get(address: SocketAddr, path: &str) -> Self {
        Http::send(address, &format!("GET {path}"), "", "").await
    }

    /// Sends a message to a tool server, in a session if given.
    pub(crate) async fn post(address: SocketAddr, session: Option<&str>, message: &Value) -> Self {
        let session = session.map_or(String::new(), |id| format!("mcp-session-id: {id}\r\n"));
        let headers = format!(
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\n{session}"
        );
        Http::send(address, "POST /mcp", &headers, &message.to_string()).await
    }

    /// Opens a stream of messages.
    pub(crate) async fn events(address: SocketAddr, path: &str) -> Self {
        let accept = "accept: text/event-stream\r\n";
        Http::send(address, &format!("GET {path}"), accept, "").await
    }

    /// Sends a message to the URL that a stream has named.
    pub(crate) async fn post_to(address: SocketAddr, path: &str, message: &Value) -> Self {
        let json = "content-type: application/json\r\n";
        Http::send(address, &format!("POST {path}"), json, &message.to_string()).await
    }

    /// Closes a session.
    pub(crate) async fn delete(address: SocketAddr, session: &str) -> Self {
        let session = format!("mcp-session-id: {session}\r\n");
        Http::send(address, "DELETE /mcp", &session, "").await
    }

    async fn send(address: SocketAddr, line: &str, headers: &str, body: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        Http(stream)
    }

    /// Reads until the response contains this text.
    pub(crate) async fn answer(&mut self, seen: &str) -> String {
        let mut answer = String::new();
        let mut buffer = [0; 1024];
        while !answer.contains(seen) {
            let read = self.0.read(&mut buffer).await.unwrap();
            assert!(read > 0, "no {seen:?} in {answer}");
            answer.push_str(str::from_utf8(&buffer[..read]).unwrap());
        }
        answer
    }

    /// Reads until the server closes the connection, cleanly or not.
    pub(crate) async fn closed(&mut self) {
        let _ = self.0.read_to_end(&mut Vec::new()).await;
    }
}
