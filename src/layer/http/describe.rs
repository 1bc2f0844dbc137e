//! The description of a request, from its head.

use http::{HeaderName, Method, Version, header};
use tracing::{Level, level_filters::LevelFilter};

use crate::{
    activity::{Activity, Describe},
    layer::{
        http::{RequestHead, grpc},
        service::since_arrival,
    },
    record::{Kind, Text, TraceContext},
};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Describes a request by its head.
pub(super) fn describe(head: &RequestHead<'_>) -> Describe {
    describe_at(head, head.uri.path())
}

/// Describes a request by its head, with this path.
pub(crate) fn describe_at(head: &RequestHead<'_>, path: impl AsRef<str>) -> Describe {
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
        describe = describe.timeout(since_arrival(timeout));
    }
    let (path, agent) = (path.as_ref(), head.known(&header::USER_AGENT));
    let attributes = describe.raw_mut();
    attributes.push_text(&Text::own("url.path"), path);
    if let Some(agent) = agent {
        attributes.push_text(&Text::own("user_agent.original"), agent);
    }
    if let Some(length) = content_length(head.headers) {
        attributes.push_number(&Text::own("http.request.body.size"), length);
    }
    #[cfg(feature = "axum")]
    if let Some(client) = head.extensions.get::<Client>() {
        let address = client.0.ip().to_string();
        attributes.push_text(&Text::own("client.address"), &address);
    }
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
    // Only here, so that calls without a subscriber do not pay for it.
    if LevelFilter::current() >= Level::INFO {
        describe = on_span(describe, head);
    }
    describe
}

/// Adds OpenTelemetry's fields to the span. In the record the method and the route are the name.
fn on_span(mut describe: Describe, head: &RequestHead<'_>) -> Describe {
    describe = describe
        .on_span("otel.kind", "server")
        .on_span("http.request.method", known(head.method));
    if let Some(version) = version(head.version) {
        describe = describe.on_span("network.protocol.version", version);
    }
    if let Some(route) = head.route() {
        describe = describe.on_span("http.route", route.to_owned());
    }
    // HTTP/1 requests to a server name no scheme.
    if let Some(scheme) = head.uri.scheme_str() {
        describe = describe.on_span("url.scheme", scheme.to_owned());
    }
    describe
}

/// The version of the protocol, as OpenTelemetry spells it.
fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
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
