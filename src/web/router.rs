//! The router: everything over HTTP, under any prefix.

use std::{
    convert::Infallible,
    future,
    net::{IpAddr, SocketAddr},
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
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, request::Parts};
use tokio::sync::Semaphore;
use tower::Service;
use tower_http::compression::CompressionLayer;

use super::{
    access::Access,
    api, conditional,
    feed::Feed,
    guard::{self, Door, Guard, Token},
    openapi,
    problem::Problem,
    readers::{READ_TIMEOUT, Readers},
    state::{Shared, Writes},
};
#[cfg(feature = "webhook")]
use crate::notify::Webhooks;
use crate::{
    error::{Error, Result},
    log::ActivityLog,
    store::Store,
};

/// Others than this machine are let in by no shorter token.
const SHORTEST_TOKEN: usize = 16;
/// So many clients listen to what happens at once.
const LISTENERS: usize = 64;

/// What is on record over HTTP: a service that any axum application nests, and its settings.
///
/// `nest_service` takes it as it is, under any prefix; with `into()` it is an axum `Router`.
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
/// # Who is let in
///
/// This machine alone, unless [`token`](Self::token) or [`auth`](Self::auth) says otherwise. Where a request comes from is
/// known to a [`Server`](super::Server), and to an application that is served with
/// `into_make_service_with_connect_info::<SocketAddr>()`; where it is not known, nobody is let in.
#[derive(Debug, Clone)]
#[must_use]
pub struct ActivityRouter {
    /// The log whose own numbers are shown; `None` where a store is read that others write.
    log: Option<ActivityLog>,
    store: Option<Arc<dyn Store>>,
    door: Door,
    hosts: Vec<String>,
    writes: Writes,
    read_timeout: Duration,
    built: Arc<OnceLock<Router>>,
}

impl ActivityLog {
    /// Shows what is on record over HTTP: a router that any axum application nests under any prefix.
    pub fn router(&self) -> ActivityRouter {
        ActivityRouter::new(Some(self.clone()), self.store().cloned())
    }
}

impl ActivityRouter {
    /// Shows what is in a store, whoever writes it.
    pub fn from_store(store: Arc<dyn Store>) -> Self {
        ActivityRouter::new(None, Some(store))
    }

    fn new(log: Option<ActivityLog>, store: Option<Arc<dyn Store>>) -> Self {
        ActivityRouter {
            log,
            store,
            door: Door::default(),
            hosts: Vec::new(),
            writes: Writes::default(),
            read_timeout: READ_TIMEOUT,
            built: Arc::default(),
        }
    }

    /// Lets in whoever has this secret, wherever they are. It should have 16 characters or more, from a good source of
    /// chance.
    ///
    /// Programs send it as `Authorization: Bearer ..`. People open the address of the router with `?token=..` once: that
    /// puts it into a cookie (`HttpOnly`, `SameSite=Strict`) and goes on without it.
    pub fn token(mut self, secret: impl Into<String>) -> Self {
        self.door = Door::Token(Token::new(secret.into()));
        self.changed()
    }

    /// Asks the application who may see what, for every request and before any limit: from its headers, or from what a
    /// layer around the application left in its extensions.
    ///
    /// Where it may only see what a [filter](Access::Only) means, it sees no more by any address.
    pub fn auth(mut self, who: impl Fn(&Parts) -> Access + Send + Sync + 'static) -> Self {
        self.door = Door::Hook(Arc::new(who));
        self.changed()
    }

    /// Answers only who asks for one of these hosts, or for this machine (`localhost`), with any port.
    ///
    /// Without a token and without the application's authentication only this machine's names are answered anyway.
    pub fn hosts<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.hosts.extend(names.into_iter().map(Into::into));
        self.changed()
    }

    /// Takes events too, with `POST api/events`: from pages of its own origin, and from programs with a bearer token, that
    /// may see everything. A router that reads the store of others has no log to write to, and takes none.
    pub fn accept_events(mut self) -> Self {
        self.writes = Writes::Events;
        self.changed()
    }

    /// Stops what the store does not answer in this time; 10 seconds where nothing is said. An export and a live stream ask
    /// page by page, and each page has this time.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self.changed()
    }

    /// What was built with other settings is of no use.
    fn changed(mut self) -> Self {
        self.built = Arc::default();
        self
    }

    /// True where this build has the pages of the dashboard, and not only the API: the published package has them, a clone
    /// of the repository once `cargo xtask pages` has built them.
    #[cfg(feature = "dashboard")]
    pub const fn has_pages() -> bool {
        super::assets::are_there()
    }

    /// Refuses to be reached by others than this machine where nobody asks them who they are.
    pub(super) fn check(&self, addresses: &[SocketAddr]) -> Result<()> {
        let local = |ip: IpAddr| ip.to_canonical().is_loopback();
        let Some(address) = addresses.iter().find(|address| !local(address.ip())) else {
            return Ok(());
        };
        match &self.door {
            Door::Hook(_) => Ok(()),
            Door::Token(token) if token.len() >= SHORTEST_TOKEN => Ok(()),
            Door::Token(_) => Err(Error::invalid(format!(
                "refused to listen at {address}: others than this machine would reach it, and a token of fewer than \
                 {SHORTEST_TOKEN} characters can be guessed; give a longer one, or listen at 127.0.0.1"
            ))),
            Door::Loopback => Err(Error::invalid(format!(
                "refused to listen at {address}: others than this machine would reach it, and nobody would ask them who \
                 they are; give a token, or listen at 127.0.0.1"
            ))),
        }
    }
}

impl ActivityRouter {
    fn build(&self) -> Router {
        let app = Arc::new(Shared {
            log: self.log.clone(),
            readers: Readers::of(self.store.clone(), self.read_timeout),
            #[cfg(feature = "webhook")]
            webhooks: (self.store.as_ref()).and_then(|store| Webhooks::from_store(store.clone()).ok()),
            feed: Feed::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
        });
        let writes = self.writes;
        let description = move || future::ready(openapi::document(writes));
        let api = api::routes(writes).route("/openapi.json", get(description));
        let guard = Arc::new(Guard::new(self.door.clone(), self.hosts.clone()));
        Router::new()
            .route("/", get(index))
            .nest("/api", api)
            .fallback(page)
            .method_not_allowed_fallback(not_so)
            .layer(middleware::from_fn(conditional::conditional))
            .layer(CompressionLayer::new())
            .layer(middleware::from_fn_with_state(guard, guard::guard))
            .with_state(app)
    }

    /// The router, made where there is none yet. Copies share it, and with it its limits.
    fn built(&self) -> Router {
        self.built.get_or_init(|| self.build()).clone()
    }
}

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
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.built().call(request))
    }
}

/// The address of the router itself. What is relative to it only is where it ends with a slash.
async fn index(OriginalUri(asked): OriginalUri, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path = asked.path();
    if !path.ends_with('/') {
        let last = path.rsplit('/').next().unwrap_or_default();
        let query = asked.query().map(|query| format!("?{query}"));
        // A name with a colon would be a scheme where no dot comes before it.
        let address = format!("./{last}/{}", query.unwrap_or_default());
        return Redirect::permanent(&address).into_response();
    }
    page(uri, headers).await.into_response()
}

/// A page of the dashboard, or a file of it.
#[cfg(feature = "dashboard")]
async fn page(uri: Uri, headers: HeaderMap) -> Result<Response<Body>, Problem> {
    match uri.path().starts_with("/api/") {
        true => Err(nothing_at(&uri)),
        false => super::assets::file(uri, headers).await,
    }
}

/// Without a dashboard there is the API alone.
#[cfg(not(feature = "dashboard"))]
async fn page(uri: Uri, _: HeaderMap) -> Result<super::answer::Json, Problem> {
    match uri.path() {
        "/" => super::answer::Json::of(&serde_json::json!({"openapi": "api/openapi.json"})),
        _ => Err(nothing_at(&uri)),
    }
}

fn nothing_at(uri: &Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {:?}", uri.path()))
}

/// What is asked with another method. Which ones there are, the header `Allow` says.
async fn not_so(method: Method, uri: Uri) -> Response<Body> {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let what = format!("{:?} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", what).into_response()
}
