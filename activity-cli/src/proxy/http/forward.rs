//! The service that passes requests on.

use std::{
    convert::Infallible,
    env,
    error::Error,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::Service;
use tower_activity::mcp::HttpTapRequestBody;

use super::target::Target;
use crate::failure::Failure;

/// How long a connection to the server may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Headers of one connection, which are not passed on (RFC 9110, 7.6.1).
static OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

type RequestBody = HttpTapRequestBody<Body>;

/// The body of a request, on its way to the server.
struct ClientBody {
    inner: Pin<Box<RequestBody>>,
    /// Why the client has not sent all of it.
    broken: Arc<OnceLock<String>>,
}

impl hyper::body::Body for ClientBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(self.inner.as_mut().poll_frame(cx));
        if let Some(Err(error)) = &frame {
            // The first one counts.
            let _ = self.broken.set(root_cause(error));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Passes requests on to a server.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    target: Target,
    host: HeaderValue,
    client: Client<HttpsConnector<HttpConnector>, ClientBody>,
}

impl Forward {
    pub(super) fn new(target: Target) -> Result<Self, Failure> {
        let host = HeaderValue::from_str(target.authority().as_str());
        let host = host.map_err(|_| Failure::Usage(format!("--to: {target} has no valid host")))?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = match HttpsConnectorBuilder::new().with_native_roots() {
            Ok(connector) => connector,
            Err(_) => match named_certificates().filter(|_| target.is_https()) {
                Some(named) => {
                    let what = format!("{named} cannot be read, or has no certificate in PEM");
                    return Err(Failure::Usage(what));
                }
                // A container may have no certificates of its own.
                None => HttpsConnectorBuilder::new().with_webpki_roots(),
            },
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Forward {
            target,
            host,
            client,
        })
    }
}

impl Service<Request<RequestBody>> for Forward {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let Some(uri) = self.target.uri(request.uri()) else {
            let what = "the path of the request is not valid";
            return Box::pin(async move { Ok(refuse(StatusCode::BAD_REQUEST, what.to_owned())) });
        };
        *request.uri_mut() = uri;
        *request.version_mut() = hyper::Version::HTTP_11;
        let headers = request.headers_mut();
        remove_of_connection(headers);
        headers.insert(header::HOST, self.host.clone());
        // A compressed body cannot be read as it passes, and without the header a server may choose.
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let broken = Arc::new(OnceLock::new());
        let request = request.map(|body| ClientBody {
            inner: Box::pin(body),
            broken: broken.clone(),
        });
        let response = self.client.request(request);
        let target = self.target.clone();
        Box::pin(async move {
            Ok(match response.await {
                Ok(mut response) => {
                    let headers = response.headers_mut();
                    remove_of_connection(headers);
                    // Otherwise its client would leave the proxy, or refuse to follow.
                    let location = headers.get(header::LOCATION);
                    if let Some(path) = location
                        .and_then(|location| target.redirection(location.to_str().ok()?))
                        .and_then(|path| HeaderValue::from_str(path).ok())
                    {
                        headers.insert(header::LOCATION, path);
                    }
                    response.map(Body::new)
                }
                Err(error) => match broken.get() {
                    Some(cause) => refuse(StatusCode::BAD_REQUEST, broken_off(cause)),
                    None => refuse(StatusCode::BAD_GATEWAY, unreachable(&target, &error)),
                },
            })
        })
    }
}

/// Says why there is no response, and what to do.
fn unreachable(target: &Target, error: &legacy::Error) -> String {
    let cause = root_cause(error);
    if !error.is_connect() {
        return format!(
            "activity proxy: no response from {target}: {cause} · call again; if it stays, the server's own log says why\n"
        );
    }
    let fix = match cause.contains("certificate") {
        true => "name the certificate that signed its own, in PEM, with SSL_CERT_FILE",
        false => "start the server, or start the proxy with its address: --to URL",
    };
    format!("activity proxy: cannot reach {target}: {cause} · {fix}\n")
}

/// Says why a request was not passed on as a whole: its client has failed, not the server.
fn broken_off(cause: &str) -> String {
    format!(
        "activity proxy: the body of the request is incomplete: {cause} · send as much as its headers say\n"
    )
}

fn refuse(status: StatusCode, what: String) -> Response<Body> {
    let mut response = Response::new(Body::from(what));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// Removes the headers of one connection, and those that it names.
fn remove_of_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
}

/// The certificates that the environment names.
fn named_certificates() -> Option<String> {
    let named = |name: &&str| env::var_os(name).map(|path| format!("{name}: {path:?}"));
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().find_map(named)
}

/// The innermost cause of an error.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_connection_are_not_passed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Mine"),
            ("keep-alive", "timeout=5"),
            ("x-mine", "1"),
            ("upgrade", "websocket"),
            ("authorization", "Bearer a"),
            ("mcp-session-id", "s"),
        ] {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        remove_of_connection(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "mcp-session-id"]);
    }
}
