//! `activity proxy --to`: requests that their clients frame wrongly, or break off, are faults of these and not of the server.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener},
    thread,
};

use tower_activity::record::ActivityRecord;

use crate::{
    fixture::{Fixture, until},
    proxy_http::{Proxy, call, rows},
};

/// A server that reads requests to their end, and answers none. Returns its URL.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || stream.unwrap().read_to_end(&mut Vec::new()));
        }
    });
    url
}

#[test]
fn a_request_that_breaks_off_is_a_400() {
    let message = call(1, "broken").to_string();
    let short = &message[..message.len() - 5];
    let measured = format!("Content-Length: {}\r\n\r\n", message.len());
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let cases = [
        ("a short body", format!("{measured}{short}")),
        ("no last chunk", format!("{chunked}{}", chunk(&message))),
        ("no more chunk", format!("{chunked}{}", chunk(short))),
        ("a bad chunk", format!("{chunked}{}zz\r\n", chunk(&message))),
        (
            "a bad end",
            format!("{chunked}{}zz", chunk(&message).trim_end()),
        ),
    ];
    for more in [&[][..], &["--intent"]] {
        let fixture = Fixture::new();
        let proxy = Proxy::start(&fixture, &server(), more);
        let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        for (case, rest) in &cases {
            let mut stream = proxy.connect();
            stream
                .write_all(format!("{head}{rest}").as_bytes())
                .unwrap();
            // It still reads.
            stream.shutdown(Shutdown::Write).unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            assert!(response.starts_with("HTTP/1.1 400"), "{case}: {response}");
            assert!(
                response.contains("the body of the request is incomplete"),
                "{case}: {response}"
            );
        }
        // Leaves, with a body that is complete but for its last chunk.
        let mut stream = proxy.connect();
        let (_, rest) = &cases[1];
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .unwrap();
        drop(stream);
        let all = until(|| Some(rows(&fixture)).filter(|rows| rows.len() == cases.len() + 1));
        let is_of_client = |row: &ActivityRecord| row.error_type.as_deref() == Some("400");
        assert!(all.iter().all(is_of_client), "{all:#?}");
        proxy.terminate();
    }
}
