//! What a request is called, and what its head says about it.

use http::{Method, header};

use crate::{
    activity::{Activity, Describe},
    layer::http::{RequestHead, grpc},
    record::{Kind, Text, TraceContext},
};

const REQUEST_ID: &str = "x-request-id";

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
    describe = describe.attribute("url.path", head.uri.path());
    if let Some(id) = head.header(REQUEST_ID) {
        describe = describe.request(id.to_owned());
    }
    let remote = head
        .header("traceparent")
        .and_then(|parent| TraceContext::parse(parent, head.header("tracestate")));
    if let Some(remote) = remote {
        describe = describe.remote(remote);
    }
    if let Some(agent) = head.header(header::USER_AGENT.as_str()) {
        describe = describe.attribute("user_agent.original", agent);
    }
    if let Some(length) = content_length(head.headers) {
        describe = describe.attribute("http.request.body.size", length);
    }
    #[cfg(feature = "axum")]
    if let Some(client) = head.extensions.get::<Client>() {
        describe = describe.attribute("client.address", client.0.ip().to_string());
    }
    describe
}

/// Who is at the other end, for applications that serve `into_make_service_with_connect_info`.
#[cfg(feature = "axum")]
type Client = axum::extract::ConnectInfo<std::net::SocketAddr>;

fn name(head: &RequestHead<'_>) -> Text {
    let method = known(head.method);
    match head.route() {
        Some(route) => Text::from(format!("{method} {route}")),
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
