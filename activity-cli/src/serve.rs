//! `activity serve`: serves the dashboard and the HTTP API.

use std::{
    future, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    thread,
};

use anstream::{AutoStream, ColorChoice};
use tokio::sync::oneshot;
use tower_activity::{
    ActivityLog,
    web::{ActivityRouter, Server},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    args::Serve, browser, failure::Failure, outage::Outage, print, secrets::Token, signal, source,
};

pub(crate) fn run(store: &str, args: &Serve) -> Result<(), Failure> {
    // Fails now if the store cannot be read, instead of on every request. A database that is away may come back.
    let mut outage = Outage::new(store);
    let named = store.to_owned();
    let open = move || {
        let mut reader = source::open(&named)?;
        if source::is_address(&named) {
            reader.vitals()?;
        }
        Ok::<_, Failure>(())
    };
    let is_away = outage.try_open(&open)?.is_none();
    let log = match args.accept_events {
        true => Some(ActivityLog::open(source::path(store)?)?),
        false => None,
    };
    let router = match &log {
        Some(log) => log.router().accept_events(),
        None => ActivityRouter::from_store(source::at(store)?),
    };
    let mut router = router.hosts(&args.host).stored_tokens();
    let token = Token::of_args(args.token.as_deref(), args.token_file.as_deref())?;
    if let Some(token) = &token {
        router = router.token(token.reveal());
    }
    let (failed, failure) = oneshot::channel();
    if is_away {
        thread::spawn(move || {
            if let Err(failure) = outage.open(open) {
                // Without a receiver the server has ended.
                let _ = failed.send(failure);
            }
        });
    }
    let failure = async {
        match failure.await {
            Ok(failure) => failure,
            Err(_) => future::pending().await,
        }
    };
    until_signal(&args.listen, router, failure, |address| {
        let label = match ActivityRouter::has_pages() {
            true => "Dashboard:",
            false => "Listening on",
        };
        match token.as_ref().map(Token::shown) {
            None => print::note(&format!("{label} http://{address}/")),
            Some(token) => {
                print::note(&format!("{label} http://{address}/?token={token}"));
                print::note(&format!("API: send `Authorization: Bearer {token}`"));
            }
        }
        if !ActivityRouter::has_pages() {
            print::note(&format!("note: {WITHOUT_PAGES}"));
        } else if args.open {
            browser::open(&format!("http://{}/", reachable(address)));
        }
    })?;
    if let Some(log) = log {
        log.shutdown().wait()?;
    }
    Ok(())
}

const WITHOUT_PAGES: &str = "this build has no dashboard and serves the API only (api/openapi.json). Run `cargo xtask pages` in a \
    clone and rebuild, or install the published package";

/// Serves a page of the dashboard to this machine and opens it in a browser, until ctrl-c.
pub(crate) fn page(store: &str, page: &str) -> Result<(), Failure> {
    if !ActivityRouter::has_pages() {
        return Err(Failure::Usage(WITHOUT_PAGES.to_owned()));
    }
    let router = ActivityRouter::from_store(source::at(store)?);
    until_signal("127.0.0.1:0", router, future::pending(), |address| {
        let address = format!("http://{address}/{page}");
        print::note(&format!("Dashboard: {address} (until ctrl-c)"));
        browser::open(&address);
    })
}

/// Logs the causes of failed requests, whose answers have only an id of each.
fn log_to_stderr() {
    let log = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        // It would panic if stderr cannot be written.
        .log_internal_errors(false);
    let of_library = Targets::new().with_target("tower_activity", LevelFilter::WARN);
    tracing_subscriber::registry()
        .with(log)
        .with(of_library)
        .init();
}

/// Serves until ctrl-c or SIGTERM.
fn until_signal(
    listen: &str,
    router: ActivityRouter,
    failure: impl Future<Output = Failure>,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::bind(listen, router).await?;
        let shutdown = signal::shutdown()?;
        on_ready(server.address());
        tokio::select! {
            () = server.run() => Ok(()),
            signal = shutdown => Ok::<_, Failure>(signal?),
            failure = failure => Err(failure),
        }
    })
}

/// Returns the address at which a browser on this machine reaches a server that listens on all addresses.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
