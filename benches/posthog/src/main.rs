//! posthog-rs with its analytics of MCP servers, as a peer of the bench `peers`: each call is captured as a tool call.

#[path = "../../peers/child.rs"]
#[allow(dead_code)]
mod child;
#[path = "../../peers/plan.rs"]
mod plan;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::Request;
use posthog_rs::{
    Client, ClientOptionsBuilder, PostHogError,
    mcp::{McpAnalytics, McpOptions, ToolCallRequest},
};
use rmcp::model::{CallToolResult, ContentBlock};
use tokio::runtime::Runtime;
use tower::Service;

use crate::child::{Body, Call, Ended, Inner, Peer, Place};

/// An error that ends a run.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [word, _, fault, folder, sink] if word == "peer" => {
            child::run(fault, Path::new(folder), Path::new(sink), posthog)
        }
        _ => Err(
            "this program is started by the bench `peers`, with BENCH_POSTHOG set to its path"
                .into(),
        ),
    }
}

/// Builds the peer with its defaults. Failed batches are counted by the hook that it has for them.
fn posthog(place: Arc<Place>, runtime: &Runtime) -> Result<Box<dyn Peer>, Failure> {
    let failed = Arc::new(AtomicU64::new(0));
    let counter = failed.clone();
    let options = ClientOptionsBuilder::default()
        .api_key("phc_benches".to_owned())
        .host(fs::read_to_string(&place.sink)?)
        .on_error(move |error: &PostHogError<'_>| {
            if let PostHogError::Capture(failure) = error {
                counter.fetch_add(failure.event_count() as u64, Relaxed);
            }
        })
        .build()?;
    let client = Arc::new(runtime.block_on(posthog_rs::client(options)));
    Ok(Box::new(Captured {
        analytics: Arc::new(McpAnalytics::new(client.clone(), McpOptions::default())),
        client,
        failed,
        inner: place.service(),
    }))
}

struct Captured {
    analytics: Arc<McpAnalytics>,
    client: Arc<Client>,
    failed: Arc<AtomicU64>,
    inner: Inner,
}

impl Peer for Captured {
    fn call(&mut self) -> Call {
        let analytics = self.analytics.clone();
        let future = self.inner.call(Request::new(Body::new()));
        Box::pin(async move {
            let started = analytics.start_tool_call(ToolCallRequest::new("search", None));
            let answered = future.await.is_ok();
            started.complete(CallToolResult::success(vec![ContentBlock::text("found")]));
            answered
        })
    }

    fn end(self: Box<Self>, runtime: &Runtime) -> Ended {
        runtime.block_on(self.client.shutdown());
        Ended::new(Some(self.failed.load(Relaxed)), Ok::<_, Failure>(()))
    }
}
