//! `activity token`: manages the named tokens of the HTTP API.

mod args;

use std::io;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;
use tower_activity::{
    Error, ErrorKind,
    record::Filter,
    store::AccessToken,
    web::{Access, TokenSecret},
};

pub(crate) use args::Command;

use crate::{
    failure::Failure,
    print::{
        self, human, json,
        status::BOLD,
        table::{Align, Cell, Column, Shrink, Table},
    },
    source,
};

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    /// Empty: everything.
    filter: &'a str,
    created_at: DateTime<Utc>,
    /// `null`: never.
    expires_at: Option<DateTime<Utc>>,
}

pub(crate) fn run(store: &str, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(store, args),
        Command::List(args) => list(&source::open(store)?.tokens()?, args),
        Command::Revoke(args) => revoke(store, args),
    }
}

fn create(store: &str, args: &args::Create) -> Result<(), Failure> {
    let now = Utc::now();
    let filter = args.filter.as_deref().unwrap_or_default();
    if args.filter.is_some() {
        Access::only(Filter::parse(filter, now)?).check()?;
    }
    let secret = TokenSecret::random()?;
    let mut token = AccessToken::new(&args.name, secret.hash(), filter, now);
    token.expires_at = args.expires;
    if !source::maintenance(store)?.create_token(&token)? {
        let what = format!(
            "there is a token {:?}: revoke it first, or choose another name",
            args.name
        );
        return Err(Error::new(ErrorKind::Invalid, what).into());
    }
    if args.json {
        return Ok(json::print(&json!({
            "name": token.name,
            "token": secret.reveal(),
            "filter": token.filter,
            "expires_at": token.expires_at,
        }))?);
    }
    Ok(print::text(&format!("{}\n", secret.reveal()))?)
}

fn list(tokens: &[AccessToken], args: &args::List) -> Result<(), Failure> {
    if args.json {
        let mut out = io::stdout().lock();
        for token in tokens {
            let line = Line {
                name: &token.name,
                filter: &token.filter,
                created_at: token.created_at,
                expires_at: token.expires_at,
            };
            json::line(&mut out, &line)?;
        }
        return Ok(());
    }
    if tokens.is_empty() {
        print::note("no tokens: create one with `activity token create NAME`");
        return Ok(());
    }
    let now = Utc::now();
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left, Shrink::Truncate(8)),
        Column::new("FILTER", Align::Left, Shrink::Truncate(8)),
        Column::new("CREATED", Align::Left, Shrink::Never),
        Column::new("EXPIRES", Align::Left, Shrink::Never),
    ]);
    for token in tokens {
        let expires = match token.expires_at {
            None => "never".to_owned(),
            Some(_) if !token.is_valid_at(now) => "expired".to_owned(),
            Some(at) => at.to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        table.row(vec![
            Cell::new(&token.name).style(BOLD),
            Cell::new(match token.filter.as_str() {
                "" => "everything",
                filter => filter,
            }),
            Cell::new(&human::ago(token.created_at, now)),
            Cell::new(&expires),
        ]);
    }
    Ok(print::text(&table.render(print::width()))?)
}

fn revoke(store: &str, args: &args::Revoke) -> Result<(), Failure> {
    match source::maintenance(store)?.revoke_token(&args.name)? {
        true => Ok(()),
        false => {
            let what = format!("no token {:?}", args.name);
            Err(Error::new(ErrorKind::NotFound, what).into())
        }
    }
}
