//! axum, served by hyper over TCP.

use std::{
    future::pending,
    io,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use tokio::net::TcpListener;
use tower_activity::{ActivityLayer, ActivityLog};

use crate::outcomes::{Case, Ran, arrived, lines::Http};

/// A body with one frame that never ends.
#[derive(Default)]
pub(crate) struct Endless {
    begun: bool,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if std::mem::replace(&mut self.begun, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"begun")))))
    }
}

pub(crate) async fn call(case: Case, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let timeout = match case {
        Case::Deadline => Duration::ZERO,
        _ => Duration::MAX,
    };
    let layer = ActivityLayer::http(&log).describe(move |_, call| call.timeout(timeout));
    let app = Router::new()
        .route("/success", get(async || "well"))
        .route("/error", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/panic", get(async || -> () { panic!("in the handler") }))
        .route("/never", get(pending::<()>))
        .route("/endless", get(async || Body::new(Endless::default())))
        .layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let path = match case {
        Case::Success => "/success",
        Case::Error => "/error",
        Case::Panic => "/panic",
        Case::CancelledWithin => "/endless",
        Case::CancelledBefore | Case::Deadline | Case::Shutdown => "/never",
    };
    let mut client = Http::get(address, path).await;
    match case {
        Case::Success | Case::Error | Case::Panic => client.closed().await,
        Case::CancelledWithin => drop(client.answer("begun").await),
        Case::CancelledBefore | Case::Deadline | Case::Shutdown => arrived(store),
    }
    let kept = (case == Case::Shutdown).then_some(client);
    Ok(Box::new((log, kept)))
}
