//! One web server. It sends itself the requests that its users would send.

use std::{io, thread, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Path,
    http::{Request, StatusCode},
    routing::get,
};
use tokio::{sync::oneshot, time::sleep};
use tower::ServiceExt;
use tower_activity::{Activity, ActivityLayer, ActivityLog};

const USERS: [&str; 4] = ["ann", "bob", "cem", "dai"];
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(150);

/// Answers requests until ctrl-c, or until standard input is closed.
pub(crate) async fn run(name: &str, log: &ActivityLog) -> io::Result<()> {
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .layer(ActivityLayer::http(log));
    let requests = async {
        loop {
            let uri = format!("http://{name}.internal/orders/{}", fastrand::u32(1..1_000));
            if let Ok(request) = Request::get(uri).body(Body::empty()) {
                // A router always answers. A request ends with the last byte of its response.
                let Ok(response) = app.clone().oneshot(request).await;
                let _ = to_bytes(response.into_body(), usize::MAX).await;
            }
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = requests => Ok(()),
        stopped = tokio::signal::ctrl_c() => stopped,
        _ = closed_input() => Ok(()),
    }
}

/// Waits on a thread of its own: one of the runtime's would keep the process from ending.
async fn closed_input() -> Result<(), oneshot::error::RecvError> {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        // The process may be ending.
        let _ = ended.send(());
    });
    end.await
}

/// Finds an order. Every tenth is gone, every fiftieth cannot be read.
async fn order(Path(id): Path<u32>) -> Result<String, StatusCode> {
    Activity::current().set_actor(USERS[id as usize % USERS.len()]);
    sleep(Duration::from_millis(u64::from(id % 40))).await;
    match id {
        id if id.is_multiple_of(50) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        id if id.is_multiple_of(10) => Err(StatusCode::NOT_FOUND),
        id => Ok(format!("order {id}\n")),
    }
}
