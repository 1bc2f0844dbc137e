//! A client that leaves, or ends its session, cancels the calls that run.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{
    Status,
    mcp::{HttpTapBody, HttpTapRequestBody},
};

use super::{
    EVENTS, Frames, JSON, Last, SESSION, Server, answer, call, event, frames, post, request,
    response,
};

/// Opens the stream of a session in the transport of 2024-11-05.
async fn open(server: &Server, endpoint: &str, last: Last) -> Response<HttpTapBody<Frames>> {
    let first = format!("event: endpoint\ndata: {endpoint}\n\n");
    let body = Frames {
        frames: vec![first.into()],
        last,
    };
    let accept = ("accept", "text/event-stream");
    let open = request(Method::GET, &[accept], Frames::default());
    let mut stream = server.begin(open, response(200, &[EVENTS], body)).await;
    stream.body_mut().frame().await.unwrap().unwrap();
    stream
}

fn to(endpoint: &str, message: &Value) -> Request<Frames> {
    let mut request = request(Method::POST, &[JSON], frames(message.to_string()));
    *request.uri_mut() = endpoint.parse().unwrap();
    request
}

fn accepted() -> Response<Frames> {
    response(202, &[], frames("Accepted"))
}

#[tokio::test]
async fn with_sse_of_2024_a_client_that_leaves_cancels_its_calls() {
    let server = Server::new();
    let endpoint = "/messages/?session_id=abc";
    let stream = open(&server, endpoint, Last::Pending).await;
    server
        .send(to(endpoint, &call(1, "slow")), accepted())
        .await;
    server.contents().one("slow").running().session("abc");
    drop(stream);
    server.contents().one("slow").cancelled().session("abc");
    // It arrives at the server with the end of the stream.
    let stream = open(&server, endpoint, Last::Pending).await;
    let late = server
        .begin(to(endpoint, &call(2, "late")), accepted())
        .await;
    drop(stream);
    late.into_body().collect().await.unwrap();
    server.contents().one("late").cancelled();
}

#[tokio::test]
async fn with_sse_of_2024_a_stream_that_the_server_ends_or_breaks_fails_the_calls() {
    for (last, expected) in [(Last::End, "unanswered"), (Last::Error, "connection_reset")] {
        let server = Server::new();
        let stream = open(&server, "/messages/7", last).await;
        server
            .send(to("/messages/7", &call(1, "slow")), accepted())
            .await;
        // Fails with the stream.
        let _ = stream.into_body().collect().await;
        let contents = server.contents();
        contents.one("slow").failed(expected);
        // This endpoint names no session.
        let session = contents.one("slow").record().scope.session.clone();
        assert!(session.is_some_and(|id| id.as_str() != "7" && !id.is_empty()));
    }
}

/// A response with the answer still to come, on a stream that can be resumed or not.
fn answering(first: &str, last: Last) -> Response<Frames> {
    let mut body = frames(first);
    body.last = last;
    response(200, &[EVENTS], body)
}

/// In every order in which a server can end the stream of a call, and respond to the client that deletes the session.
#[tokio::test]
async fn a_call_of_a_session_that_its_client_deletes_is_cancelled() {
    for first in ["id: 1\ndata:\n\n", ": hello\n\n"] {
        for last in [Last::End, Last::Error, Last::Pending] {
            for stream_ends_first in [true, false] {
                let case = format!("{first:?} {last:?} {stream_ends_first}");
                let server = Server::new();
                let slow = answering(first, last);
                let stream = server.begin(post(&call(1, "slow")), slow).await;
                let end = async || match last {
                    Last::Pending => drop(stream),
                    // Fails, or not, with the stream.
                    _ => drop(stream.into_body().collect().await),
                };
                let (respond, responds) = oneshot::channel();
                let responds = Arc::new(Mutex::new(Some(responds)));
                let service = service_fn(move |_: Request<HttpTapRequestBody<Frames>>| {
                    let responds = responds.lock().unwrap().take().unwrap();
                    async move { Ok::<_, Infallible>(responds.await.unwrap()) }
                });
                let delete = request(Method::DELETE, &[SESSION], Frames::default());
                let mut delete = pin!(server.layer.layer(service).oneshot(delete));
                // The server has got the request, and does not respond yet.
                assert!(poll_once(delete.as_mut()).await.is_none(), "{case}");
                if stream_ends_first {
                    end().await;
                    respond.send(response(200, &[], Frames::default())).unwrap();
                    delete.await.unwrap().into_body().collect().await.unwrap();
                } else {
                    respond.send(response(200, &[], Frames::default())).unwrap();
                    delete.await.unwrap().into_body().collect().await.unwrap();
                    end().await;
                }
                let row = server.contents().count(1).one("slow").record().clone();
                assert_eq!(row.status, Status::Cancelled, "{case}: {row:?}");
            }
        }
    }
}

/// Polls a future once.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_session_that_is_not_deleted_ends_as_otherwise() {
    let server = Server::new();
    let delete = request(Method::DELETE, &[SESSION], Frames::default());
    server
        .send(delete, response(405, &[], Frames::default()))
        .await;
    server
        .send(
            post(&call(1, "silent")),
            answering(": hello\n\n", Last::End),
        )
        .await;
    server.contents().one("silent").failed("unanswered");
    let last = answer(2, json!({}));
    let stream = event("2", &last);
    server
        .send(post(&call(2, "answered")), answering(&stream, Last::End))
        .await;
    server.contents().one("answered").succeeded();
}
