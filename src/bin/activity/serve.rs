//! `activity serve`: what is on record over HTTP.

use std::sync::Arc;

use tower_activity::{
    ActivityLog,
    store::sqlite::SqliteStore,
    web::{ActivityRouter, Server},
};

use crate::{args::Serve, ending::asked_to_end, failure::Failure, source};

pub(crate) fn run(store: &str, args: &Serve) -> Result<(), Failure> {
    // What cannot be read is said at once, instead of to each who asks.
    drop(source::open(store)?);
    let path = source::path(store)?;
    let log = match args.accept_events {
        true => Some(ActivityLog::open(path)?),
        false => None,
    };
    let router = match &log {
        Some(log) => log.router().accept_events(),
        None => ActivityRouter::of(Arc::new(SqliteStore::at(path)?)),
    };
    let mut router = router.hosts(&args.host);
    if let Some(token) = &args.token {
        router = router.token(token);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::bind(&args.listen, router).await?;
        let asked = asked_to_end()?;
        let once = args
            .token
            .as_ref()
            .map_or("", |_| ", where `?token=..` lets in a browser");
        anstream::eprintln!("listening at http://{}/{once}", server.address());
        tokio::select! {
            () = server.run() => Ok(()),
            asked = asked => Ok::<_, Failure>(asked?),
        }
    })?;
    if let Some(log) = log {
        log.shutdown().wait()?;
    }
    Ok(())
}
