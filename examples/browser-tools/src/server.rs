//! The tools as MCP shows them.

use rmcp::{
    ServerHandler,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig},
    schemars::{self, JsonSchema},
    tool, tool_handler, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_activity::Activity;

use crate::session::{Result, Session, Sessions};

#[derive(Clone)]
pub(crate) struct ShopTools {
    sessions: Sessions,
}

#[derive(Deserialize, JsonSchema)]
struct LogIn {
    /// The user name.
    user: String,
    /// The password, which is `tea-time` for every user.
    password: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// The text to search for in the names of the goods.
    text: String,
    /// A session that `log_in` opened; without it the search has one of its own.
    session: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct CheckOut {
    /// A session that `log_in` opened.
    session: String,
    /// The name of the article to buy.
    item: String,
    /// The number of the card that pays.
    card: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct LogOut {
    /// A session that `log_in` opened.
    session: String,
}

#[tool_router]
impl ShopTools {
    pub(crate) fn new(sessions: Sessions) -> Self {
        ShopTools { sessions }
    }

    /// Log in to the shop. Returns the name of a session for the other tools.
    #[tool]
    async fn log_in(
        &self,
        Parameters(LogIn { user, password }): Parameters<LogIn>,
    ) -> CallToolResult {
        Activity::current().set_actor(&user);
        answer(self.logged_in(&user, &password).await)
    }

    /// Look for goods. Returns their names and prices.
    #[tool]
    async fn search(
        &self,
        Parameters(Search { text, session }): Parameters<Search>,
    ) -> CallToolResult {
        let found = match session {
            Some(name) => self.search_again(&name, &text).await,
            None => self.search_once(&text).await,
        };
        answer(found)
    }

    /// Buy something. Returns the order number.
    #[tool]
    async fn check_out(&self, Parameters(order): Parameters<CheckOut>) -> CallToolResult {
        answer(self.checked_out(&order).await)
    }

    /// End a session.
    #[tool]
    async fn log_out(&self, Parameters(LogOut { session }): Parameters<LogOut>) -> CallToolResult {
        let ended = self.sessions.end_named(&session).await;
        answer(ended.map(|()| json!({"ended": session})))
    }

    async fn logged_in(&self, user: &str, password: &str) -> Result<Value> {
        let session = self.sessions.open("/login").await?;
        let shown = async {
            session.fill("user", user).await?;
            session.fill("password", password).await?;
            session.click("button", &["#welcome", "#error"]).await
        };
        match shown.await {
            Ok(0) => Ok(json!({"session": self.sessions.keep(session)})),
            Ok(_) => {
                self.sessions.end(&session).await;
                Err("the shop does not know this user and password".into())
            }
            Err(error) => {
                self.sessions.end(&session).await;
                Err(error)
            }
        }
    }

    async fn search_once(&self, text: &str) -> Result<Value> {
        let session = self.sessions.open("/").await?;
        let found = search(&session, text).await;
        self.sessions.end(&session).await;
        found
    }

    async fn search_again(&self, name: &str, text: &str) -> Result<Value> {
        let session = self.sessions.find(name)?;
        let session = session.lock().await;
        session.join();
        session.go("/").await?;
        search(&session, text).await
    }

    async fn checked_out(&self, order: &CheckOut) -> Result<Value> {
        let session = self.sessions.find(&order.session)?;
        let session = session.lock().await;
        session.join();
        session.go("/").await?;
        let goods = search(&session, &order.item).await?;
        let Some(price) = goods.get(&order.item) else {
            return Err(format!("the shop has no {:?}", order.item).into());
        };
        session
            .click("#goods li:not([hidden]) button", &["#pay"])
            .await?;
        session.fill("card", &order.card).await?;
        session.click("#pay button", &["#order"]).await?;
        let number = session.texts("#order").await?;
        Ok(json!({"order": number, "price": price}))
    }
}

/// Types into the search field, and reads the results from the page.
async fn search(session: &Session, text: &str) -> Result<Value> {
    session.wait(&["#goods"]).await?;
    session.fill("text", text).await?;
    let names = session.texts("#goods li:not([hidden]) .name").await?;
    let prices = session.texts("#goods li:not([hidden]) .price").await?;
    Activity::current().set("hits", names.len());
    let goods = names.into_iter().zip(prices.into_iter().map(Value::from));
    Ok(Value::Object(goods.collect()))
}

#[tool_handler]
impl ServerHandler for ShopTools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_instructions("Shops in a small shop, with a browser.")
    }
}

/// Converts a result for MCP: an error is content, so that the caller can read it.
fn answer(result: Result<Value>) -> CallToolResult {
    match result {
        Ok(value) => CallToolResult::success(vec![ContentBlock::text(value.to_string())]),
        Err(error) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
    }
}
