//! The router: the API and the dashboard as one service, under any prefix.

use std::{
    convert::Infallible,
    future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    middleware,
    response::{IntoResponse, Redirect},
    routing::get,
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, request::Parts};
use tower_http::compression::CompressionLayer;
use tower_service::Service;

use super::{
    access::Access,
    api,
    body::ResponseBody,
    commits::CommitWatcher,
    conditional,
    described::StoreResponse,
    fair::FairSemaphore,
    guard::{self, AuthMode, Guard, StoredTokens, Token},
    openapi,
    openmetrics::{
        self,
        counters::{self, Metrics},
    },
    problem::Problem,
    readers::{READ_TIMEOUT, ReaderPool},
    state::{Shared, Writes},
};
#[cfg(feature = "webhook")]
use crate::notify::Webhooks;
use crate::{error::Result, log::ActivityLog, store::Store};

/// Streams of `api/live` at once, at most half of them for one client.
const MAX_LISTENERS: usize = 64;

/// The API and the dashboard: a service to nest in an axum application.
///
/// Pass it to `nest_service` under any prefix, or, with the feature `axum`, convert it to an axum `Router` with `into()`.
///
/// # Examples
///
/// ```no_run
/// use axum::Router;
/// use tower_activity::ActivityLog;
///
/// # fn app() -> tower_activity::Result<Router> {
/// let log = ActivityLog::open("activity.db")?;
/// let app: Router = Router::new().nest_service("/ops/activity", log.router());
/// # Ok(app)
/// # }
/// ```
///
/// # Access
///
/// By default only clients on this machine have access; [`token`](Self::token) and [`auth`](Self::auth) open it to others. The
/// client's address is known to a [`Server`](super::Server), and in an application that is served with
/// `into_make_service_with_connect_info::<SocketAddr>()`. If it is unknown, every request is rejected.
#[derive(Debug, Clone)]
#[must_use]
pub struct ActivityRouter {
    /// The log whose accounting is shown; `None` for a store that other processes write.
    log: Option<ActivityLog>,
    store: Option<Arc<dyn Store>>,
    auth: AuthMode,
    stored_tokens: bool,
    hosts: Vec<String>,
    writes: Writes,
    read_timeout: Duration,
    metrics_limit: usize,
    built: Arc<OnceLock<Router>>,
}

impl ActivityLog {
    /// Returns a router with the API and the dashboard, to nest in an axum application under any prefix.
    pub fn router(&self) -> ActivityRouter {
        ActivityRouter::new(Some(self.clone()), self.store().cloned())
    }
}

impl ActivityRouter {
    /// Creates a router for the log in this file, or for all logs that are forwarded to this PostgreSQL database
    /// (`postgres://user@host/database`).
    ///
    /// # Errors
    ///
    /// As for [`store::open`](crate::store::open). What cannot be read is an error of each request.
    pub fn open(location: impl AsRef<std::path::Path>) -> Result<Self> {
        Ok(ActivityRouter::from_store(crate::store::open(location)?))
    }

    /// Creates a router for a store that other processes write.
    pub fn from_store(store: Arc<dyn Store>) -> Self {
        ActivityRouter::new(None, Some(store))
    }

    fn new(log: Option<ActivityLog>, store: Option<Arc<dyn Store>>) -> Self {
        ActivityRouter {
            log,
            store,
            auth: AuthMode::default(),
            stored_tokens: false,
            hosts: Vec::new(),
            writes: Writes::default(),
            read_timeout: READ_TIMEOUT,
            metrics_limit: counters::DEFAULT_LIMIT,
            built: Arc::default(),
        }
    }

    /// Requires this token, from any address. It should be random, and have 16 characters or more.
    ///
    /// Programs send it as `Authorization: Bearer …`. In a browser, open the router's address with `?token=…` once: it is
    /// stored in a cookie (`HttpOnly`, `SameSite=Strict`), and the browser is redirected to the address without it.
    pub fn token(mut self, secret: impl Into<String>) -> Self {
        self.auth = AuthMode::Token(Token::new(secret.into()));
        self.reset()
    }

    /// Also accepts the tokens in the store, each limited to its filter. `activity token create` makes them, or
    /// [`Maintenance::create_token`](crate::store::Maintenance::create_token); a token that is revoked, by any process, is
    /// rejected at once, also in open streams.
    ///
    /// They only grant reading. Requests without such a token are authorized as without this setting.
    pub fn stored_tokens(mut self) -> Self {
        self.stored_tokens = true;
        self.reset()
    }

    /// Authorizes every request with a function of the application, before any rate limit. It can read the request's headers,
    /// and extensions that a layer around the application has set.
    ///
    /// Access limited by a [filter](Access::Only) is limited on every endpoint.
    pub fn auth(mut self, authorize: impl Fn(&Parts) -> Access + Send + Sync + 'static) -> Self {
        self.auth = AuthMode::Hook(Arc::new(authorize));
        self.reset()
    }

    /// Accepts these values of the `Host` header besides `localhost`, with any port, and rejects others.
    ///
    /// Without a token or [`auth`](Self::auth) only the names of this machine are accepted by default.
    pub fn hosts<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.hosts.extend(names.into_iter().map(Into::into));
        self.reset()
    }

    /// Enables `POST api/events`, for callers that may see everything: pages of the same origin, and programs with a bearer
    /// token. It fails with 404 for a router [from a store](Self::from_store), which has no log to write to.
    pub fn accept_events(mut self) -> Self {
        self.writes = Writes::Events;
        self.reset()
    }

    /// Sets the timeout of a query, 10 seconds by default. An export and a live stream read page by page, and the timeout is
    /// that of a page.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self.reset()
    }

    /// Sets how many names, projects, pairs of both, and error types have series of their own in `metrics` [default: 100].
    ///
    /// All others are counted together, as `other`. The first ones get a series, of one scrape the most frequent, and keep it.
    pub fn metrics_limit(mut self, limit: usize) -> Self {
        self.metrics_limit = limit;
        self.reset()
    }

    /// Drops the router that was built with the settings before a change.
    fn reset(mut self) -> Self {
        self.built = Arc::default();
        self
    }

    /// Returns whether this build contains the pages of the dashboard: the published package does, a clone of the repository
    /// once `cargo xtask pages` has built them.
    #[cfg(feature = "dashboard")]
    pub const fn has_pages() -> bool {
        super::assets::has_pages()
    }

    /// Fails if an address is reachable from other machines and access does not require a token or the application's
    /// authentication.
    pub(super) fn check_addresses(&self, addresses: &[SocketAddr]) -> Result<()> {
        self.auth.check_addresses(addresses, "read the log")
    }
}

impl ActivityRouter {
    fn build(&self) -> Router {
        let readers = ReaderPool::new(self.store.clone(), self.read_timeout);
        let stored = (self.stored_tokens).then(|| StoredTokens::new(readers.clone()));
        let app = Arc::new(Shared {
            log: self.log.clone(),
            store: self.store.as_deref().map(StoreResponse::new),
            readers,
            #[cfg(feature = "webhook")]
            webhooks: (self.store.as_ref())
                .and_then(|store| Webhooks::from_store(store.clone()).ok()),
            commits: CommitWatcher::default(),
            listeners: FairSemaphore::new(MAX_LISTENERS),
            metrics: Metrics::new(self.metrics_limit),
        });
        let writes = self.writes;
        let description = move || future::ready(openapi::document(writes));
        let api = api::routes(writes).route("/openapi.json", get(description));
        let guard = Guard::new(self.auth.clone(), stored, self.hosts.clone(), writes);
        let guard = Arc::new(guard);
        Router::new()
            .route("/", get(index))
            .route("/metrics", get(openmetrics::metrics))
            .nest("/api", api)
            .fallback(page)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(middleware::from_fn(conditional::conditional))
            .layer(CompressionLayer::new())
            .layer(middleware::from_fn_with_state(guard, guard::guard))
            .with_state(app)
    }

    /// Returns the router, built on first use. Clones share it, and its limits.
    pub(super) fn built(&self) -> Router {
        self.built.get_or_init(|| self.build()).clone()
    }
}

#[cfg(feature = "axum")]
impl<S: Clone + Send + Sync + 'static> From<ActivityRouter> for Router<S> {
    fn from(settings: ActivityRouter) -> Self {
        settings.built().with_state(())
    }
}

impl<B> Service<Request<B>> for ActivityRouter
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let response = self.built().call(request);
        Box::pin(async move { Ok(response.await?.map(ResponseBody::new)) })
    }
}

/// The router's own address. Without a trailing slash it redirects, because links in the page are relative.
async fn index(OriginalUri(original): OriginalUri, request: Parts) -> Response<Body> {
    let path = original.path();
    if !path.ends_with('/') {
        let last = path.rsplit('/').next().unwrap_or_default();
        let query = original.query().map(|query| format!("?{query}"));
        // Without the `./` a name with a colon would be parsed as a scheme.
        let address = format!("./{last}/{}", query.unwrap_or_default());
        return Redirect::permanent(&address).into_response();
    }
    page(request).await.into_response()
}

/// A page or a file of the dashboard.
#[cfg(feature = "dashboard")]
async fn page(request: Parts) -> Result<Response<Body>, Problem> {
    match request.uri.path().starts_with("/api/") {
        true => Err(not_found(&request.uri)),
        false => super::assets::file(request).await,
    }
}

/// Without the dashboard the index names the API's description.
#[cfg(not(feature = "dashboard"))]
async fn page(request: Parts) -> Result<super::json::Json, Problem> {
    match request.uri.path() {
        "/" => super::json::Json::new(&serde_json::json!({"openapi": "api/openapi.json"})),
        _ => Err(not_found(&request.uri)),
    }
}

fn not_found(uri: &Uri) -> Problem {
    Problem::not_found(format!("nothing at {:?}", uri.path()))
}

/// The response to a method that the route does not have. The header `Allow` lists those it has.
async fn method_not_allowed(method: Method, uri: Uri) -> Response<Body> {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let what = format!("{:?} does not support {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", what).into_response()
}
