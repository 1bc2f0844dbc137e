//! For rmcp's tests: what they import to serve a server, with the wrapper around it.

use std::{
    error::Error,
    future::Future,
    io,
    sync::{Arc, OnceLock},
};

use rmcp::{
    ClientHandler, RoleClient, RoleServer, ServerHandler, Service,
    handler::server::router::Router,
    service::{RunningService, ServiceRole},
    transport::{
        IntoTransport,
        streamable_http_server::{
            SessionManager, StreamableHttpServerConfig, StreamableHttpService as Bare,
        },
    },
};
use tokio_util::sync::CancellationToken;
use tower_activity::{
    ActivityLog,
    mcp::{RouterWithActivity, ToolOptions, WithActivity, WithActivityExt},
    record::Capture,
};

/// Options of one log for all tests: everything is recorded.
fn tools() -> ToolOptions {
    static LOG: OnceLock<ActivityLog> = OnceLock::new();
    let log = LOG.get_or_init(|| ActivityLog::open(":memory:").expect("memory is no file"));
    log.tools().previews(Capture::Preview).prompts().resources()
}

/// Tells the impls for handlers and routers apart.
pub struct Handler;
pub struct Routed;

/// rmcp's `ServiceExt`, which wraps servers; clients are served as they are.
pub trait ServiceExt<R: ServiceRole, Form>: Sized {
    type Served: Service<R>;

    fn served(self) -> Self::Served;

    fn serve<T, E, A>(
        self,
        transport: T,
    ) -> impl Future<Output = Result<RunningService<R, Self::Served>, R::InitializeError>> + Send
    where
        T: IntoTransport<R, E, A>,
        E: Error + Send + Sync + 'static,
        Self: Send;

    fn serve_with_ct<T, E, A>(
        self,
        transport: T,
        token: CancellationToken,
    ) -> impl Future<Output = Result<RunningService<R, Self::Served>, R::InitializeError>> + Send
    where
        T: IntoTransport<R, E, A>,
        E: Error + Send + Sync + 'static,
        Self: Send;
}

/// The methods for one role.
macro_rules! serve {
    ($role:ty) => {
        fn serve<T, E, A>(
            self,
            transport: T,
        ) -> impl Future<
            Output = Result<
                RunningService<$role, Self::Served>,
                <$role as ServiceRole>::InitializeError,
            >,
        > + Send
        where
            T: IntoTransport<$role, E, A>,
            E: Error + Send + Sync + 'static,
            Self: Send,
        {
            rmcp::ServiceExt::<$role>::serve(self.served(), transport)
        }

        fn serve_with_ct<T, E, A>(
            self,
            transport: T,
            token: CancellationToken,
        ) -> impl Future<
            Output = Result<
                RunningService<$role, Self::Served>,
                <$role as ServiceRole>::InitializeError,
            >,
        > + Send
        where
            T: IntoTransport<$role, E, A>,
            E: Error + Send + Sync + 'static,
            Self: Send,
        {
            rmcp::ServiceExt::<$role>::serve_with_ct(self.served(), transport, token)
        }
    };
}

impl<H: ServerHandler> ServiceExt<RoleServer, Handler> for H {
    type Served = WithActivity<H>;

    fn served(self) -> WithActivity<H> {
        self.with_activity(tools())
    }

    serve!(RoleServer);
}

impl<H: ServerHandler> ServiceExt<RoleServer, Routed> for Router<H> {
    type Served = RouterWithActivity<H>;

    fn served(self) -> RouterWithActivity<H> {
        self.with_activity(tools())
    }

    serve!(RoleServer);
}

impl<H: ClientHandler> ServiceExt<RoleClient, Handler> for H {
    type Served = H;

    fn served(self) -> H {
        self
    }

    serve!(RoleClient);
}

pub type StreamableHttpService<S, M> = Bare<WithActivity<S>, M>;

/// `StreamableHttpService::new`.
pub fn streamable_http_service<S: ServerHandler, M: SessionManager>(
    factory: impl Fn() -> Result<S, io::Error> + Send + Sync + 'static,
    manager: Arc<M>,
    config: StreamableHttpServerConfig,
) -> StreamableHttpService<S, M> {
    Bare::new(
        move || Ok(factory()?.with_activity(tools())),
        manager,
        config,
    )
}
