//! The recorded ends of gRPC calls, over real HTTP/2.
#![allow(clippy::unwrap_used)]

use std::{
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{mpsc, oneshot},
};
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_greeter::{
    Polite, Replies,
    proto::{HelloReply, HelloRequest, greeter_client::GreeterClient, greeter_server::Greeter},
    serve,
};
use tower_activity::{
    Activity, ActivityLog, Kind, Status as End,
    record::{ActivityRecord, Filter},
};

/// A service whose behavior is the name in the request.
struct Scripted {
    /// Notified when a call arrives.
    arrived: mpsc::UnboundedSender<()>,
}

#[tonic::async_trait]
impl Greeter for Scripted {
    type SayHellosStream = Replies;

    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        self.arrived.send(()).unwrap();
        match request.into_inner().name.as_str() {
            "greet" => Ok(Response::new(HelloReply::default())),
            "missing" => Err(Status::not_found("no \"ann\" here: 100 %")),
            "forbidden" => Err(Status::permission_denied("not you")),
            "late" => Err(Status::deadline_exceeded("upstream")),
            "given up" => Err(Status::cancelled("upstream")),
            "panic" => panic!("in the method"),
            _ => pending().await,
        }
    }

    async fn say_hellos(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<Replies>, Status> {
        let script = request.into_inner().name;
        Ok(Response::new(Box::pin(Spoken {
            script,
            said: false,
        })))
    }
}

/// A stream of one reply, then an end as requested.
struct Spoken {
    script: String,
    said: bool,
}

impl Stream for Spoken {
    type Item = Result<HelloReply, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !std::mem::replace(&mut self.said, true) {
            Activity::current().set("streamed", true);
            return Poll::Ready(Some(Ok(HelloReply::default())));
        }
        match self.script.as_str() {
            "greet" => Poll::Ready(None),
            "missing" => Poll::Ready(Some(Err(Status::not_found("no such person")))),
            "panic" => panic!("in the stream"),
            _ => Poll::Pending,
        }
    }
}

/// A client, and the log of its server.
struct Site {
    log: ActivityLog,
    url: String,
    client: GreeterClient<Channel>,
    arrived: mpsc::UnboundedReceiver<()>,
}

impl Site {
    async fn open() -> Site {
        let log = ActivityLog::open(":memory:").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (arrives, arrived) = mpsc::unbounded_channel();
        let recorded = log.clone();
        tokio::spawn(async move {
            let greeter = Scripted { arrived: arrives };
            serve(greeter, listener, &recorded, pending())
                .await
                .unwrap();
        });
        let client = GreeterClient::connect(url.clone()).await.unwrap();
        Site {
            log,
            url,
            client,
            arrived,
        }
    }

    async fn hello(&mut self, name: &str) -> Result<Response<HelloReply>, Status> {
        self.client.say_hello(asking(name)).await
    }

    /// Reads a stream to its end; gives the status that it ended with.
    async fn hellos(&mut self, name: &str) -> Code {
        let mut replies = self
            .client
            .say_hellos(asking(name))
            .await
            .unwrap()
            .into_inner();
        loop {
            match replies.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Code::Ok,
                Err(status) => return status.code(),
            }
        }
    }
}

fn asking(name: &str) -> Request<HelloRequest> {
    Request::new(HelloRequest { name: name.into() })
}

/// The only recorded call, once it has ended.
fn ended(log: &ActivityLog, method: &str) -> ActivityRecord {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        log.flush().wait().unwrap();
        let rows = log
            .reader()
            .unwrap()
            .page(&Filter::default(), None, 10)
            .unwrap()
            .records;
        if let [row] = &rows[..]
            && row.status != End::Running
        {
            assert_eq!((row.kind, row.name.as_str()), (Kind::Grpc, method));
            return row.clone();
        }
        assert!(Instant::now() < deadline, "not in time: {rows:#?}");
        std::thread::yield_now();
    }
}

#[track_caller]
fn check(row: &ActivityRecord, status: End, error_type: Option<&str>, code: Option<&str>) {
    assert_eq!(
        (row.status, row.error_type.as_deref()),
        (status, error_type),
        "{row:?}"
    );
    let recorded = row.attributes.get("rpc.response.status_code");
    assert_eq!(recorded.and_then(|code| code.as_str()), code, "{row:?}");
}

const ONE: &str = "greeter.Greeter/SayHello";
const MANY: &str = "greeter.Greeter/SayHellos";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_with_its_status() {
    for (name, code, status, error_type, recorded) in [
        ("greet", Code::Ok, End::Success, None, "OK"),
        (
            "missing",
            Code::NotFound,
            End::Failed,
            Some("not_found"),
            "NOT_FOUND",
        ),
        (
            "forbidden",
            Code::PermissionDenied,
            End::Failed,
            Some("denied"),
            "PERMISSION_DENIED",
        ),
        (
            "late",
            Code::DeadlineExceeded,
            End::Failed,
            Some("timeout"),
            "DEADLINE_EXCEEDED",
        ),
        (
            "given up",
            Code::Cancelled,
            End::Cancelled,
            None,
            "CANCELLED",
        ),
    ] {
        let mut site = Site::open().await;
        let answer = site.hello(name).await;
        assert_eq!(
            answer.map_or_else(|status| status.code(), |_| Code::Ok),
            code
        );
        check(&ended(&site.log, ONE), status, error_type, Some(recorded));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_that_of_the_status() {
    let mut site = Site::open().await;
    site.hello("missing").await.unwrap_err();
    let row = ended(&site.log, ONE);
    assert_eq!(row.message.as_deref(), Some("no \"ann\" here: 100 %"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_trailers() {
    for (name, code, status, error_type, recorded) in [
        ("greet", Code::Ok, End::Success, None, "OK"),
        (
            "missing",
            Code::NotFound,
            End::Failed,
            Some("not_found"),
            "NOT_FOUND",
        ),
    ] {
        let mut site = Site::open().await;
        assert_eq!(site.hellos(name).await, code);
        let row = ended(&site.log, MANY);
        check(&row, status, error_type, Some(recorded));
        assert_eq!(row.attributes["streamed"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_in_methods_and_streams_are_recorded() {
    let mut site = Site::open().await;
    site.hello("panic").await.unwrap_err();
    let row = ended(&site.log, ONE);
    check(&row, End::Failed, Some("panic"), None);
    assert_eq!(row.message.as_deref(), Some("in the method"));

    let mut site = Site::open().await;
    assert_ne!(site.hellos("panic").await, Code::Ok);
    check(&ended(&site.log, MANY), End::Failed, Some("panic"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_cancels_the_call() {
    let mut site = Site::open().await;
    tokio::select! {
        _ = site.client.say_hello(asking("wait")) => panic!("the call was answered"),
        arrived = site.arrived.recv() => arrived.unwrap(),
    }
    check(&ended(&site.log, ONE), End::Cancelled, None, None);

    let mut site = Site::open().await;
    let mut replies = site
        .client
        .say_hellos(asking("wait"))
        .await
        .unwrap()
        .into_inner();
    replies.message().await.unwrap().unwrap();
    drop(replies);
    check(&ended(&site.log, MANY), End::Cancelled, None, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_exceeds_its_deadline_is_a_timeout() {
    let site = Site::open().await;
    // The client has no timer of its own, so the server's expires.
    let patient = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let mut client = GreeterClient::with_origin(patient, site.url.parse().unwrap());
    let mut request = asking("wait");
    request.set_timeout(Duration::from_millis(100));
    client.say_hello(request).await.unwrap_err();
    check(&ended(&site.log, ONE), End::Failed, Some("timeout"), None);
}

#[test]
fn a_call_that_outlives_the_runtime_is_cancelled() {
    let log = Runtime::new().unwrap().block_on(async {
        let mut site = Site::open().await;
        let mut client = site.client.clone();
        tokio::spawn(async move { client.say_hello(asking("wait")).await });
        site.arrived.recv().await.unwrap();
        site.log
    });
    check(&ended(&log, ONE), End::Cancelled, None, None);
}

#[tokio::test]
async fn the_example_greets_and_records_the_name() {
    let (log, _clock) = ActivityLog::test();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let recorded = log.clone();
    let server = tokio::spawn(async move {
        let stopped = async { stopped.await.unwrap() };
        serve(Polite::default(), listener, &recorded, stopped).await
    });
    let mut client = GreeterClient::connect(url).await.unwrap();
    let reply = client.say_hello(asking("ann")).await.unwrap();
    assert_eq!(reply.into_inner().message, "hello ann");
    let mut replies = client
        .say_hellos(asking("bob, eve"))
        .await
        .unwrap()
        .into_inner();
    for expected in ["hello bob", "hello eve"] {
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.message, expected);
    }
    assert_eq!(replies.message().await.unwrap(), None);
    drop((client, replies));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();

    let recorded = log.assert().await;
    recorded.one(ONE).succeeded().actor("ann");
    assert_eq!(
        recorded.one(MANY).succeeded().record().attributes["names"],
        2
    );
}
