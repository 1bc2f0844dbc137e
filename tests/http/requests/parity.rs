//! Clients receive the same bytes with and without the layer.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_activity::{ActivityLayer, ActivityLog, Mode};

use crate::requests::{
    app::{ask, read_until, routes, send, serve},
    upgrade::{ECHO, HELLO, SOCKET},
};

const PATHS: &[&str] = &[
    "/users/7",
    "/stream",
    "/trailers",
    "/exact",
    "/empty",
    "/fresh",
    "/moved",
    "/denied",
    "/down",
    "/idle",
    "/torn",
    "/panic",
    "/panic/body",
    "/nowhere",
];

#[tokio::test(flavor = "multi_thread")]
async fn responses_are_byte_for_byte_the_same_as_without_the_layer() {
    let bare = serve(routes()).await;
    for mode in [Mode::Fast, Mode::Durable] {
        let log = ActivityLog::builder().mode(mode).open(":memory:").unwrap();
        let wrapped = serve(routes().layer(ActivityLayer::http(&log))).await;
        for path in PATHS {
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                let expected = ask(bare, method, path).await;
                let answer = ask(wrapped, method, path).await;
                assert_eq!(answer, expected, "{mode:?} {method} {path}");
            }
        }
        let counts = log.accounting();
        assert_eq!(counts.activities.recorded, 4 * PATHS.len() as u64);
        assert_eq!(
            (counts.activities.open, counts.not_durable),
            (0, 0),
            "{counts:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_is_byte_for_byte_the_same() {
    let log = ActivityLog::open(":memory:").unwrap();
    let bare = serve(routes()).await;
    let wrapped = serve(routes().layer(ActivityLayer::http(&log))).await;
    for (path, ask, said, answer) in [
        ("/echo", ECHO, "hello".as_bytes(), "hello".as_bytes()),
        ("/echo/kept", ECHO, b"hello", b"hello"),
        ("/socket", SOCKET, HELLO, b"\x81\x05hello"),
    ] {
        let mut heads = Vec::new();
        for address in [bare, wrapped] {
            let mut connection = send(address, "GET", path, ask).await;
            let head = read_until(&mut connection, "\r\n\r\n").await;
            connection.write_all(said).await.unwrap();
            let mut echo = vec![0; answer.len()];
            connection.read_exact(&mut echo).await.unwrap();
            assert_eq!(echo, answer, "{path}");
            connection.shutdown().await.unwrap();
            // Output of the server after the client has closed.
            let mut rest = Vec::new();
            connection.read_to_end(&mut rest).await.unwrap();
            let lines = head.lines().filter(|line| !line.starts_with("date: "));
            heads.push((lines.map(str::to_owned).collect::<Vec<_>>(), rest));
        }
        assert!(heads[0].0[0].contains("101"), "{path}: {heads:?}");
        assert_eq!(heads[0], heads[1], "{path}");
    }
}
