//! The server: fixed answers, and a few tools that do something first.

// The suite asks for parts that newer versions of the protocol have deprecated.
#![allow(deprecated)]

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
        CompleteResult, ElicitRequestParams, GetPromptRequestParams, GetPromptResponse,
        GetPromptResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        ListToolsResult, LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams,
        ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ServerCapabilities, ServerConfig, SetLevelRequestParams,
        SubscribeRequestParams, UnsubscribeRequestParams,
    },
    service::RequestContext,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::answers;

/// The delay that the suite requires.
const PAUSE: Duration = Duration::from_millis(50);

type Context = RequestContext<RoleServer>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Server;

/// Converts JSON to the SDK's type.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

impl Server {
    async fn call(
        &self,
        request: &CallToolRequestParams,
        context: &Context,
    ) -> Result<Value, ErrorData> {
        let name = &*request.name;
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref();
            arguments
                .and_then(|all| all.get(name)?.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        if let Some(content) = answers::content(name) {
            return Ok(json!({"content": content}));
        }
        if let Some(schema) = answers::question(name) {
            let message = Some(argument("message")).filter(|text| !text.is_empty());
            let message = message.unwrap_or_else(|| "Please say.".into());
            let question: ElicitRequestParams =
                typed(json!({"mode": "form", "message": message, "requestedSchema": schema}))?;
            let answer = context
                .peer
                .create_elicitation(question)
                .await
                .map_err(failed)?;
            let answer = serde_json::to_value(answer).map_err(failed)?;
            let said = format!(
                "Elicitation completed: action={}, content={}",
                answer["action"].as_str().unwrap_or_default(),
                answer["content"]
            );
            return Ok(json!({"content": [answers::text(&said)]}));
        }
        match name {
            "test_tool_with_logging" => {
                for said in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    let line =
                        LoggingMessageNotificationParam::new(LoggingLevel::Info, said.into());
                    context
                        .peer
                        .notify_logging_message(line)
                        .await
                        .map_err(failed)?;
                    sleep(PAUSE).await;
                }
            }
            "test_tool_with_progress" => {
                for progress in [0, 50, 100] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let note: ProgressNotificationParam = typed(
                            json!({"progressToken": token, "progress": progress, "total": 100}),
                        )?;
                        context.peer.notify_progress(note).await.map_err(failed)?;
                    }
                    sleep(PAUSE).await;
                }
            }
            "test_sampling" => {
                let message =
                    json!({"role": "user", "content": answers::text(&argument("prompt"))});
                let asked = typed(json!({"messages": [message], "maxTokens": 100}))?;
                let answer = context.peer.create_message(asked).await.map_err(failed)?;
                let answer = serde_json::to_value(answer).map_err(failed)?;
                let said = answer["content"]["text"].as_str().unwrap_or_default();
                let said = format!("LLM response: {said}");
                return Ok(json!({"content": [answers::text(&said)]}));
            }
            "test_error_handling" => {
                let said = "This tool intentionally returns an error for testing";
                return Ok(json!({"isError": true, "content": [answers::text(said)]}));
            }
            "test_reconnection" => sleep(PAUSE).await,
            _ => {
                return Err(ErrorData::invalid_params(
                    format!("no such tool: {name}"),
                    None,
                ));
            }
        }
        Ok(json!({"content": [answers::text("Done.")]}))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let all = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .enable_logging();
        ServerConfig::new(all.build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        eprintln!("{}", request.name);
        let result: CallToolResult = typed(self.call(&request, &context).await?)?;
        Ok(result.into())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        typed(answers::tools())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        typed(answers::prompts())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref();
            arguments
                .and_then(|all| all.get(name)?.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let messages = answers::messages(&request.name, argument)
            .ok_or_else(|| ErrorData::invalid_params("no such prompt", None))?;
        Ok(typed::<GetPromptResult>(messages)?.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        typed(answers::resources())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        typed(answers::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = answers::contents(&request.uri)
            .ok_or_else(|| ErrorData::resource_not_found("no such resource", None))?;
        Ok(typed::<ReadResourceResult>(contents)?.into())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        typed(
            json!({"completion": {"values": ["paris", "park", "party"], "total": 3, "hasMore": false}}),
        )
    }
}
