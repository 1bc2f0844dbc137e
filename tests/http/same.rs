//! Every byte that a client sees is the same with the layer and without it.

use tokio::io::AsyncWriteExt;
use tower_activity::{ActivityLayer, ActivityLog, Mode};

use crate::app::{ask, read_until, routes, send, serve};

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
async fn an_application_answers_byte_for_byte_as_without_the_layer() {
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
        assert_eq!(counts.started, 4 * PATHS.len() as u64);
        assert_eq!((counts.open, counts.not_durable), (0, 0), "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_says_the_same() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut said = Vec::new();
    for app in [routes(), routes().layer(ActivityLayer::http(&log))] {
        let upgrade = "connection: upgrade\r\nupgrade: echo\r\n";
        let mut connection = send(serve(app).await, "GET", "/echo", upgrade).await;
        let head = read_until(&mut connection, "\r\n\r\n").await;
        connection.write_all(b"hello").await.unwrap();
        let echo = read_until(&mut connection, "hello").await;
        let lines = head.lines().filter(|line| !line.starts_with("date: "));
        said.push((lines.map(str::to_owned).collect::<Vec<_>>(), echo));
    }
    assert!(said[0].0[0].contains("101"));
    assert_eq!(said[0], said[1]);
}
