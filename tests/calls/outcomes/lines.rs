//! Clients that know no more than their protocols: JSON-RPC in lines, and HTTP.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
};

/// The number of the call that is recorded.
pub(crate) const CALL: u32 = 7;

/// What a client says to be let in.
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

/// Calls a tool.
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
    /// Begins a session.
    pub(crate) async fn new(reader: R, server: W) -> Self {
        let lines = BufReader::new(reader).lines();
        let mut client = Client { lines, server };
        client.send(hello()).await;
        client.answer(0).await;
        client.send(initialized()).await;
        client
    }

    /// Says no more, and reads until the server says no more either.
    pub(crate) async fn end(mut self) {
        drop(self.server);
        while let Some(_line) = self.lines.next_line().await.unwrap() {}
    }

    pub(crate) async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.server.write_all(line.as_bytes()).await.unwrap();
        self.server.flush().await.unwrap();
    }

    /// Reads up to the answer to a request. What is no message stands before one on its line, if anywhere.
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

/// One request over a connection of its own.
pub(crate) struct Http(TcpStream);

impl Http {
    pub(crate) async fn get(address: SocketAddr, path: &str) -> Self {
        Http::send(address, &format!("GET {path}"), "", "").await
    }

    /// Sends a message to a tool server, within a session where there is one.
    pub(crate) async fn post(address: SocketAddr, session: Option<&str>, message: &Value) -> Self {
        let session = session.map_or(String::new(), |id| format!("mcp-session-id: {id}\r\n"));
        let headers = format!(
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\n{session}"
        );
        Http::send(address, "POST /mcp", &headers, &message.to_string()).await
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

    /// Reads until the answer holds this text.
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

    /// Reads until the server closes the connection, in good order or not.
    pub(crate) async fn closed(&mut self) {
        let _ = self.0.read_to_end(&mut Vec::new()).await;
    }
}
