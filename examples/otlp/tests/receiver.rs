//! The spans at an OTLP receiver, decoded with the official types, match the records.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use tower_activity::{query::ActivityReader, record::Filter};

/// Reads one HTTP request, and answers that it was taken.
fn take(connection: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(connection);
    let mut length = None;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
        line.clear();
    }
    let mut body = vec![0; length?];
    reader.read_exact(&mut body).ok()?;
    let mut connection = connection;
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .ok()?;
    Some(body)
}

#[test]
fn received_spans_match_the_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let example = thread::spawn({
        let store = store.clone();
        move || {
            Command::new(env!("CARGO_BIN_EXE_otlp"))
                .env("ACTIVITY_STORE", store)
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
                .status()
        }
    });
    let mut spans: BTreeMap<String, Span> = BTreeMap::new();
    while spans.len() < 3 {
        assert!(!example.is_finished(), "only {:?} arrived", spans.keys());
        let body = take(&listener.accept().unwrap().0).unwrap();
        let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|one| one.scope_spans);
        let arrived = scopes.flat_map(|scope| scope.spans);
        spans.extend(arrived.map(|span| (span.name.clone(), span)));
    }
    assert!(example.join().unwrap().unwrap().success());

    let mut reader = ActivityReader::open(&store).unwrap();
    let rows = reader.page(&Filter::default(), None, 10).unwrap().records;
    assert_eq!(rows.len(), 3);
    let import = &spans["import"];
    for row in &rows {
        let span = &spans[row.name.as_str()];
        assert_eq!(span.trace_id, row.trace_id.as_bytes());
        assert_eq!(span.span_id, row.span_id.as_bytes());
        let parent = row.parent.map_or(&[][..], |_| &import.span_id);
        assert_eq!(span.parent_span_id, parent, "{}", row.name);
    }
    let status = spans["check"].status.as_ref().unwrap();
    assert_eq!(status.code(), StatusCode::Error);
    let denied = spans["check"]
        .attributes
        .iter()
        .find(|one| one.key == "error.type");
    assert!(format!("{denied:?}").contains("denied"), "{denied:?}");
}
