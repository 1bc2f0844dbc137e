//! The description of a request, from its head.

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
    // Another task runs the request, after an outer layer. In the same task the current activity is nearer.
    if let Some(outer) = head.extensions.get::<Activity>()
        && Activity::current().id().is_none()
    {
        describe = describe.parent(outer);
    }
    if let Some(timeout) = grpc::timeout(head) {
        describe = describe.timeout(timeout);
    }
    describe = describe.attribute(Text::own("url.path"), head.uri.path());
    if let Some(id) = head.known(&REQUEST_ID) {
        describe = describe.request(id.to_owned());
    }
    // Tool calls in this request inherit it.
    if let Some(id) = head.known(&SESSION) {
        describe = describe.session(id.to_owned());
    }
    let remote = head
        .known(&TRACEPARENT)
        .and_then(|parent| TraceContext::parse(parent, head.known(&TRACESTATE)));
    if let Some(remote) = remote {
        describe = describe.remote_parent(remote);
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

/// The client's address, for applications that serve `into_make_service_with_connect_info`.
#[cfg(feature = "axum")]
type Client = axum::extract::ConnectInfo<std::net::SocketAddr>;

fn name(head: &RequestHead<'_>) -> Text {
    let method = known(head.method);
    match head.route() {
        Some(route) => Text::from([method, " ", route].concat()),
        None => Text::from_static(method),
    }
}

/// The name of a standard method. Others are invented by clients, with unbounded cardinality.
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

/// The length of the body, from `content-length`.
pub(super) fn content_length(headers: &http::HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
