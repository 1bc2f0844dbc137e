//! A tool server built with the official SDK, and a client of it.

mod served;

use std::error::Error;

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientRequest, ContentBlock,
        CustomRequest, CustomResult, ServerCapabilities, ServerConfig, ServerResult,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tower_activity::{Kind, mcp::WithActivityExt};

#[derive(Clone)]
struct Shop;

impl ServerHandler for Shop {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let said = request.name.to_string();
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Ok(CustomResult::new(request.method.into()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = served::open()?;
    // Both transports accept the wrapped server: HTTP here, a pipe below.
    let http = log.clone();
    let _http: StreamableHttpService<_, LocalSessionManager> = StreamableHttpService::new(
        move || Ok(Shop.with_activity(&http)),
        Default::default(),
        Default::default(),
    );

    let (near, far) = tokio::io::duplex(64 << 10);
    let server = Shop.with_activity(&log);
    let server = tokio::spawn(async move {
        server
            .serve(far)
            .await?
            .waiting()
            .await
            .map_err(Box::<dyn Error + Send + Sync>::from)
    });
    let client = ().serve(near).await?;
    let answer = client
        .call_tool(CallToolRequestParams::new("add_to_cart"))
        .await?;
    assert_eq!(answer.is_error, Some(false));
    let custom = CustomRequest::new("shop/opening", None);
    let answer = client
        .send_request(ClientRequest::CustomRequest(custom))
        .await?;
    assert!(
        matches!(answer, ServerResult::CustomResult(_)),
        "{answer:?}"
    );
    client.cancel().await?;
    let _ = server.await?;
    served::check(log, Kind::Tool, "add_to_cart").await
}
