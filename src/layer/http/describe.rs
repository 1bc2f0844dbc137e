//! What a request is called, and what its head says about it.

use http::{HeaderName, Method, header};

use crate::{
    activity::{Activity, Describe},
    layer::http::{RequestHead, grpc},
    record::{Kind, Text, TraceContext},
};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Describes a request by its head.
pub(super) fn describe(head: &RequestHead<'_>) -> Describe {
    let mut describe = match grpc::method(head) {
        Some(method) => Describe::new(Kind::Grpc, method.to_owned()),
        None => Describe::new(Kind::Http, name(head)),
    };
    // Where something between two layers took the request to another task. Within one, what is current is nearer.
    if let Some(outer) = head.extensions.get::<Activity>()
        && Activity::current().id().is_none()
    {
        describe = describe.parent(outer);
    }
    if let Some(timeout) = grpc::timeout(head) {
        describe = describe.deadline(timeout);
    }
    describe = describe.attribute(Text::own("url.path"), head.uri.path());
    if let Some(id) = head.known(&REQUEST_ID) {
        describe = describe.request(id.to_owned());
    }
    // The tool calls that it brings inherit it.
    if let Some(id) = head.known(&SESSION) {
        describe = describe.session(id.to_owned());
    }
    let remote = head
        .known(&TRACEPARENT)
        .and_then(|parent| TraceContext::parse(parent, head.known(&TRACESTATE)));
    if let Some(remote) = remote {
        describe = describe.remote(remote);
    }
    if let Some(agent) = head.known(&header::USER_AGENT) {
        describe = describe.attribute(Text::own("user_agent.original"), agent);
    }
    if let Some(length) = content_length(head.headers) {
        describe = describe.attribute(Text::own("http.request.body.size"), length);
    }
    #[cfg(feature = "axum")]
    if let Some(client) = head.extensions.get::<Client>() {
        describe = describe.attribute(Text::own("client.address"), client.0.ip().to_string());
    }
    describe
}

/// Who is at the other end, for applications that serve `into_make_service_with_connect_info`.
#[cfg(feature = "axum")]
type Client = axum::extract::ConnectInfo<std::net::SocketAddr>;

fn name(head: &RequestHead<'_>) -> Text {
    let method = known(head.method);
    match head.route() {
        Some(route) => Text::from([method, " ", route].concat()),
        None => Text::from_static(method),
    }
}

/// The name of a method of the standards. Any other is the client's invention, and there is no end to those.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// How long a body is, as its head says.
pub(super) fn content_length(headers: &http::HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
