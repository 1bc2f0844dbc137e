//! A server's own timeout, by where its layer stands.

use std::{future::pending, net::SocketAddr, path::Path, time::Duration};

use axum::{BoxError, Router, body::Body, error_handling::HandleErrorLayer, routing::get};
use http::StatusCode;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt, service_fn, timeout::TimeoutLayer};
use tower_activity::{ActivityLayer, ActivityLog, Describe};
use tower_http::timeout::{ResponseBodyTimeoutLayer, TimeoutLayer as HttpTimeoutLayer};

use crate::outcomes::{Case, Ran, Running, check, grpc, http::Endless, lines::Http, measured};

const TIMEOUT: Duration = Duration::from_millis(60);

/// Where a timeout layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    Inside,
    Outside,
    /// Outside, and its timeout is set on the layer that records.
    Known,
}

impl Stands {
    /// Sets the timeout, if it is known.
    pub(crate) fn set<D, C>(self, layer: ActivityLayer<D, C>) -> ActivityLayer<D, C> {
        match self {
            Stands::Known => layer.timeout(TIMEOUT),
            Stands::Inside | Stands::Outside => layer,
        }
    }
}

type Kind = (&'static str, fn(Stands, &Path) -> Running<'_>);

const KINDS: [Kind; 5] = [
    ("tower `TimeoutLayer`", |stands, store| {
        Box::pin(plain(stands, store))
    }),
    (
        "tower `TimeoutLayer`, `HandleErrorLayer`, axum",
        |stands, store| Box::pin(handled(stands, store)),
    ),
    ("tower-http `TimeoutLayer`, axum", |stands, store| {
        Box::pin(status(stands, store))
    }),
    (
        "tower-http `ResponseBodyTimeoutLayer`, axum",
        |stands, store| Box::pin(body(stands, store)),
    ),
    ("tonic `Server::timeout`", |stands, store| {
        Box::pin(grpc::timeout(stands, store, TIMEOUT))
    }),
];

async fn plain(stands: Stands, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let layer = stands.set(ActivityLayer::new(&log).describe(|_: &()| Describe::job("call")));
    let never = service_fn(async |()| pending::<Result<(), BoxError>>().await);
    let timeout = TimeoutLayer::new(TIMEOUT);
    let error = match stands {
        Stands::Inside => {
            let service = ServiceBuilder::new().layer(layer).layer(timeout);
            service.service(never).oneshot(()).await
        }
        Stands::Outside | Stands::Known => {
            let service = ServiceBuilder::new().layer(timeout).layer(layer);
            service.service(never).oneshot(()).await
        }
    };
    assert!(error.unwrap_err().is::<tower::timeout::error::Elapsed>());
    Ok(Box::new(log))
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn routes() -> Router {
    Router::new()
        .route("/never", get(pending::<()>))
        .route("/endless", get(async || Body::new(Endless::default())))
}

/// The routes, with a timeout layer where it stands.
fn app(log: &ActivityLog, stands: Stands, timeout: impl FnOnce(Router) -> Router) -> Router {
    let layer = stands.set(ActivityLayer::http(log));
    match stands {
        Stands::Inside => timeout(routes()).layer(layer),
        Stands::Outside | Stands::Known => timeout(routes().layer(layer)),
    }
}

async fn handled(stands: Stands, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let handle = HandleErrorLayer::new(async |_: BoxError| StatusCode::REQUEST_TIMEOUT);
    let timeout = ServiceBuilder::new()
        .layer(handle)
        .layer(TimeoutLayer::new(TIMEOUT));
    let app = app(&log, stands, |routes| routes.layer(timeout));
    Http::get(serve(app).await, "/never")
        .await
        .answer("408")
        .await;
    Ok(Box::new(log))
}

async fn status(stands: Stands, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let timeout = HttpTimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT);
    let app = app(&log, stands, |routes| routes.layer(timeout));
    Http::get(serve(app).await, "/never")
        .await
        .answer("408")
        .await;
    Ok(Box::new(log))
}

async fn body(stands: Stands, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let timeout = ResponseBodyTimeoutLayer::new(TIMEOUT);
    let app = app(&log, stands, |routes| routes.layer(timeout));
    Http::get(serve(app).await, "/endless").await.closed().await;
    Ok(Box::new(log))
}

#[test]
fn a_servers_own_timeout_ends_as_the_table_says_wherever_its_layer_stands() {
    let rows = KINDS.map(|(name, call)| {
        let cells = [Stands::Inside, Stands::Outside, Stands::Known]
            .map(|stands| measured(Case::Deadline, |store| call(stands, store)));
        format!("| {name} | {} |", cells.join(" | "))
    });
    check(&["inside", "outside", "outside, with `.timeout(…)`"], &rows);
}
