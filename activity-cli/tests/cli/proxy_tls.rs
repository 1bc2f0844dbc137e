//! `activity proxy --to https://…`: the server's certificate is checked, against that of the environment if it names one.

use std::{net::SocketAddr, path::Path, process::Command, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tower_activity::Status;

use crate::{
    fixture::Fixture,
    proxy_http::{Proxy, call, post, rows},
};

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// Writes `cert.pem` and `key.pem`, of a server that signs its own certificate.
fn certify(folder: &Path) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(' '),
        )
        .args("-keyout key.pem -out cert.pem -subj /CN=proxied -addext".split(' '))
        .args("subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE".split(' '))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// A server that answers each request on a connection of its own.
async fn server(folder: &Path) -> SocketAddr {
    let chain = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![chain], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate leaves here.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"}}") {
                stream.read_buf(&mut request).await.unwrap();
            }
            let response = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{ANSWER}",
                ANSWER.len()
            );
            stream.write_all(response.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let port = server(folder.path()).await.port();
    let to = format!("https://localhost:{port}/mcp");
    let fixture = Fixture::new();
    let request = post("/mcp", &call(1, "read"), "");

    let mut trusting = Proxy::command(&fixture, &to);
    trusting.env("SSL_CERT_FILE", folder.path().join("cert.pem"));
    let trusting = Proxy::spawn(trusting);
    let response = trusting.send(&request);
    assert!(response.ends_with(ANSWER), "{response}");
    trusting.terminate();
    let [row] = &rows(&fixture)[..] else {
        panic!("no call, or several")
    };
    assert_eq!((row.name.as_str(), row.status), ("read", Status::Success));

    let mut other = Proxy::command(&fixture, &to);
    other.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    let other = Proxy::spawn(other);
    let response = other.send(&request);
    let expected = format!("activity proxy: cannot reach {to}: invalid peer certificate");
    assert!(response.starts_with("HTTP/1.1 502"), "{response}");
    assert!(response.contains(&expected), "{response}");
    assert!(response.ends_with("with SSL_CERT_FILE\n"), "{response}");
    other.terminate();
}

#[test]
fn certificates_that_cannot_be_read_are_an_error() {
    let fixture = Fixture::new();
    let mut command = Proxy::command(&fixture, "https://localhost:1/");
    command
        .env("SSL_CERT_FILE", "/nowhere/ca.pem")
        .env_remove("SSL_CERT_DIR");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expected =
        r#"SSL_CERT_FILE: "/nowhere/ca.pem" cannot be read, or has no certificate in PEM"#;
    assert!(said.contains(expected), "{said}");
}
