//! `activity serve`: what is on record over HTTP.

use std::sync::Arc;

use tower_activity::{
    ActivityLog, Error,
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
        None => ActivityRouter::from_store(Arc::new(SqliteStore::new(path)?)),
    };
    let mut router = router.hosts(&args.host);
    let token = args.token.as_deref().map(Token::of).transpose()?;
    if let Some(token) = &token {
        router = router.token(&token.secret);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::bind(&args.listen, router).await?;
        let asked = asked_to_end()?;
        let once = token.as_ref().map(Token::told).unwrap_or_default();
        anstream::eprintln!("listening at http://{}/{once}", server.address());
        if !ActivityRouter::has_pages() {
            anstream::eprintln!(
                "only the API is served (api/openapi.json): this build has no pages. Run `cargo xtask pages` in a clone \
                 and build again, or install the published package"
            );
        }
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

/// What lets others in.
struct Token {
    secret: String,
    /// Nobody else has said it: it is told here, once.
    is_new: bool,
}

impl Token {
    /// This one; where nothing is said, 128 bits of chance.
    fn of(given: &str) -> Result<Self, Failure> {
        if !given.is_empty() {
            let secret = given.to_owned();
            return Ok(Token {
                secret,
                is_new: false,
            });
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|cause| {
            Error::store("cannot make a token: the system gives no random numbers")
                .with_source(cause)
        })?;
        let secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Token {
            secret,
            is_new: true,
        })
    }

    /// What follows the address.
    fn told(&self) -> String {
        match self.is_new {
            true => format!(
                "?token={} lets in a browser: open it once, a cookie is left in its place; programs send the token as \
                 `Authorization: Bearer ..`",
                self.secret
            ),
            false => ", where `?token=..` lets in a browser".to_owned(),
        }
    }
}
