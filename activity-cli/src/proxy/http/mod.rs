//! The proxy of a server over HTTP.

mod forward;
mod target;

use tower::Layer;
use tower_activity::{
    Outcome,
    mcp::HttpTapLayer,
    web::{Server, ServiceAccess},
};

use self::forward::Forward;
pub(super) use self::target::Target;
use super::Proxy;
use crate::{
    failure::Failure,
    print::{self, safe},
    secrets::Token,
    serve, signal,
};

/// Passes requests on until ctrl-c or SIGTERM.
pub(super) fn serve(
    target: &Target,
    token: Option<&Token>,
    tap: &HttpTapLayer,
    args: &Proxy,
) -> Result<(), Failure> {
    let mut access = ServiceAccess::new().hosts(&args.host);
    if let Some(token) = token {
        access = access.token(token.reveal());
    }
    let shown = safe::line(&target.to_string()).to_string();
    let service = tap.layer(Forward::new(target.clone())?);
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let server = Server::bind_service(&args.listen, &access, service).await?;
        if target.is_at(server.address()) {
            return Err(Failure::Usage(format!(
                "--to: {shown} is where this proxy listens: name the server there, or another address for --listen"
            )));
        }
        let shutdown = signal::shutdown()?;
        let address = serve::reachable(server.address());
        print::note(&format!("Server: {shown}"));
        print::note(&format!("Proxy:  http://{address}{}", target.path()));
        if let Some(token) = token.map(Token::shown) {
            print::note(&format!("Clients send `Authorization: Bearer {token}`"));
        }
        tokio::select! {
            () = server.run() => Ok(()),
            signal = shutdown => Ok::<_, Failure>(signal?),
        }
    });
    // Before connections are dropped: the one to the server may be first, and would be a failure of the call.
    tap.close(&Outcome::cancelled());
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    ended
}

/// Allows as many open files as the system lets a process have: each request that runs has two connections.
fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Some systems have a lower limit than they say: then the first one stays.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
