//! The tools as MCP shows them.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig},
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower_activity::{
    Activity, ActivityLog, Describe, Outcome,
    mcp::{WithActivity, WithActivityExt},
};

use crate::{root::Root, tools};

/// Records a server's calls: the line that this example is about.
pub(crate) fn recorded(server: ToolServer, log: &ActivityLog) -> WithActivity<ToolServer> {
    server.with_activity(log)
}

#[derive(Debug, Clone)]
pub(crate) struct ToolServer {
    root: Root,
    /// For the activities that a tool starts itself.
    log: ActivityLog,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// The text to look for; case sensitive.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Read {
    /// The file's path below the served folder.
    path: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Query {
    /// The database file's path below the served folder.
    database: String,
    /// One SQL statement that only reads.
    sql: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Count {
    /// How many milliseconds to pause before every file; 50 by default.
    #[serde(default = "default_pause")]
    pause_ms: u64,
}

fn default_pause() -> u64 {
    50
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Invoice {
    /// The invoice's number, from 1.
    number: u32,
}

#[tool_router]
impl ToolServer {
    pub(crate) fn new(log: &ActivityLog, root: &Root) -> Self {
        ToolServer {
            root: root.clone(),
            log: log.clone(),
        }
    }

    /// Search the served source tree for a text. Returns at most 100 lines, with path and line number.
    #[tool]
    async fn search_source(
        &self,
        Parameters(Search { text }): Parameters<Search>,
    ) -> CallToolResult {
        let root = self.root.clone();
        blocking(move || {
            let found = tools::search::search(&root, &text)?;
            Activity::current().set("hits", found.hits.len());
            Ok(found)
        })
        .await
    }

    /// Read a text file of the served folder, at most 64 KiB of it.
    #[tool]
    async fn read_file(&self, Parameters(Read { path }): Parameters<Read>) -> CallToolResult {
        let root = self.root.clone();
        blocking(move || tools::read::read(&root, &path)).await
    }

    /// Query a SQLite database file of the served folder with one statement that only reads.
    #[tool]
    async fn query_sqlite(
        &self,
        Parameters(Query { database, sql }): Parameters<Query>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let root = self.root.clone();
        blocking(move || {
            let cancelled = move || context.ct.is_cancelled();
            let rows = tools::query::query(&root, &database, &sql, cancelled)?;
            Activity::current().set("rows", rows.len());
            Ok(rows)
        })
        .await
    }

    /// Count the lines of the served source tree, slowly. Can be cancelled.
    #[tool]
    async fn slow_count(
        &self,
        Parameters(Count { pause_ms }): Parameters<Count>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let pause = Duration::from_millis(pause_ms);
        let count = tools::count::count(&self.root, pause, context.ct.cancelled()).await;
        Activity::current().set("files", count.files);
        answer(Ok(count))
    }

    /// Fetch an invoice by its number.
    #[tool]
    async fn fetch_invoice(
        &self,
        Parameters(Invoice { number }): Parameters<Invoice>,
    ) -> Result<CallToolResult, ErrorData> {
        if number == 0 {
            return Err(ErrorData::invalid_params(
                "invoice numbers start at 1",
                None,
            ));
        }
        let root = self.root.clone();
        Ok(blocking(move || tools::invoice::fetch(&root, number)).await)
    }

    /// Find the first occurrence of a text and read that file: two tools in one.
    #[tool]
    async fn find_and_read(
        &self,
        Parameters(Search { text }): Parameters<Search>,
    ) -> CallToolResult {
        let search = self.log.start(Describe::tool("search_source"));
        let root = self.root.clone();
        let found = search
            .observe(
                on_a_thread(move || tools::search::search(&root, &text)),
                outcome,
            )
            .await;
        let first = match found {
            Ok(found) => found.hits.into_iter().next(),
            Err(error) => return answer::<()>(Err(error)),
        };
        let Some(first) = first else {
            return answer::<()>(Err("the text was not found".into()));
        };
        let read = self.log.start(Describe::tool("read_file"));
        let (root, path) = (self.root.clone(), first.path.clone());
        let content = read
            .observe(
                on_a_thread(move || tools::read::read(&root, &path)),
                outcome,
            )
            .await;
        answer(
            content
                .map(|content| json!({"path": first.path, "line": first.line, "content": content})),
        )
    }
}

#[tool_handler]
impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_instructions("Searches, reads and queries the files of one folder.")
    }
}

/// The outcome of a step of a tool.
fn outcome<T>(result: &Result<T, String>) -> Outcome {
    match result {
        Ok(_) => Outcome::success(),
        Err(error) => Outcome::failed("tool_error").with_message(error),
    }
}

/// Runs blocking work inside the current activity, and returns its result as a tool result.
async fn blocking<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> CallToolResult {
    answer(on_a_thread(work).await)
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    Activity::current()
        .spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(format!("the task failed: {error}")))
}

/// Converts a result for MCP: an error is content, so that the caller can read it.
fn answer<T: Serialize>(result: Result<T, String>) -> CallToolResult {
    match result.and_then(|value| serde_json::to_string_pretty(&value).map_err(|e| e.to_string())) {
        Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error)]),
    }
}
