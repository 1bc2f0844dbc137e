//! Tool servers with line-based transports: through a pipe in memory, and over stdio of a child process.

use std::{path::Path, process::Stdio};

use rmcp::{
    RoleServer, ServerHandler, ServiceExt,
    model::{CallToolResult, ContentBlock},
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, duplex, split},
    process::Command,
};
use tower_activity::{ActivityLog, mcp::WithActivityExt};
use tower_mcp::{
    CallToolResult as Answer, McpRouter, StdioTransport, ToolBuilder,
    extract::{Context, RawArgs},
};

use crate::outcomes::{
    Case, Ran, arrived,
    lines::{CALL, Client, call, cancel},
};

pub(crate) const WHOLE: &str = "a response is one message";
pub(crate) const NO_DEADLINE: &str = "a client that times out sends a cancellation";

/// Returns the tool of a case.
pub(crate) fn tool(case: Case) -> &'static str {
    match case {
        Case::Success => "success",
        Case::Error => "error",
        Case::Panic => "panics",
        _ => "waits",
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Server;

#[tool_router]
impl Server {
    #[tool]
    async fn success(&self) -> String {
        "well".into()
    }

    #[tool]
    async fn error(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("no such invoice")])
    }

    #[tool]
    async fn panics(&self) -> String {
        panic!("in the tool")
    }

    #[tool]
    async fn waits(&self, context: RequestContext<RoleServer>) -> String {
        context.ct.cancelled().await;
        "thrown away".into()
    }
}

#[tool_handler]
impl ServerHandler for Server {}

/// The same tools of a server built with `tower-mcp`.
pub(crate) fn router() -> McpRouter {
    let success = ToolBuilder::new("success")
        .extractor_handler((), |RawArgs(_): RawArgs| async { Ok(Answer::text("well")) });
    let error = ToolBuilder::new("error").extractor_handler((), |RawArgs(_): RawArgs| async {
        Ok(Answer::error("no such invoice"))
    });
    let panics = ToolBuilder::new("panics")
        .extractor_handler((), |RawArgs(_): RawArgs| async { panic!("in the tool") });
    let waits = ToolBuilder::new("waits").extractor_handler(
        (),
        |context: Context, RawArgs(_): RawArgs| async move {
            context.cancelled().await;
            Ok(Answer::text("thrown away"))
        },
    );
    McpRouter::new()
        .server_info("table", "1.0.0")
        .tool(success.build())
        .tool(error.build())
        .tool(panics.build())
        .tool(waits.build())
}

/// Runs a case. The returned client has to live as long as the call.
async fn run<R, W>(case: Case, store: &Path, mut client: Client<R, W>) -> Client<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    client.send(call(tool(case))).await;
    match case {
        Case::Success | Case::Error => client.answer(CALL).await,
        Case::CancelledBefore => {
            arrived(store);
            client.send(cancel()).await;
        }
        _ => arrived(store),
    }
    client
}

/// Returns why a case does not apply to responses of one message.
pub(crate) fn not(case: Case) -> Option<&'static str> {
    match case {
        Case::CancelledWithin => Some(WHOLE),
        Case::Deadline => Some(NO_DEADLINE),
        _ => None,
    }
}

pub(crate) async fn in_memory(case: Case, store: &Path) -> Ran {
    if let Some(why) = not(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let (near, far) = duplex(64 << 10);
    let server = Server.with_activity(&log);
    tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await });
    let (reader, writer) = split(near);
    let client = Client::new(reader, writer).await;
    Ok(Box::new((log, run(case, store, client).await)))
}

pub(crate) async fn tower_mcp(case: Case, store: &Path) -> Ran {
    if let Some(why) = not(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let (near, far) = duplex(64 << 10);
    let layer = log.tools().layer().detect_cancellation();
    tokio::spawn(async move {
        let (reader, writer) = split(far);
        let mut server = StdioTransport::new(router()).layer(layer);
        server.run_with_streams(reader, writer).await
    });
    let (reader, writer) = split(near);
    let client = Client::new(reader, writer).await;
    Ok(Box::new((log, run(case, store, client).await)))
}

/// The environment variable with the store of the child process.
const STORE: &str = "ACTIVITY_TEST_SERVER";

pub(crate) async fn stdio(case: Case, store: &Path) -> Ran {
    if let Some(why) = not(case) {
        return Err(why);
    }
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outcomes::mcp::server", "--nocapture"])
        .env(STORE, store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (input, output) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
    let client = run(case, store, Client::new(output, input).await).await;
    if case == Case::Shutdown {
        // The server stops at the end of its input.
        client.end().await;
        assert!(server.wait().await.unwrap().success());
        return Ok(Box::new(()));
    }
    Ok(Box::new((client, server)))
}

/// Not a test by itself: the server on stdio, started as a child process.
#[test]
fn server() {
    let Ok(store) = std::env::var(STORE) else {
        return;
    };
    let log = ActivityLog::open(store).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = Server.with_activity(&log);
        let running = server.serve(rmcp::transport::stdio()).await.unwrap();
        running.waiting().await.unwrap();
    });
    runtime.shutdown_background();
    log.shutdown().wait().unwrap();
}
