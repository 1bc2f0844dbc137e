//! `activity digest`: recent events as Markdown, for a prompt.

use tower_activity::query::{self, DigestQuery};

use crate::{
    args,
    failure::Failure,
    print::{self, json},
    source,
};

pub(crate) fn run(store: &str, args: &args::Digest) -> Result<(), Failure> {
    if args.json {
        return Ok(json::print(&read(store, args)?)?);
    }
    let digest = markdown(store, args);
    if let Err(failure) = &digest
        && !failure.is_usage()
    {
        // A prompt made of the output must not present an outage as "no activity".
        print::text(query::Digest::UNAVAILABLE)?;
    }
    Ok(print::text(&digest?)?)
}

fn markdown(store: &str, args: &args::Digest) -> Result<String, Failure> {
    let digest = read(store, args)?;
    Ok(match args.grouped {
        true => digest.grouped(args.tokens)?,
        false => digest.list(args.tokens)?,
    })
}

fn read(store: &str, args: &args::Digest) -> Result<query::Digest, Failure> {
    let mut reader = source::open(store)?;
    let query = DigestQuery::new(reader.present()?)
        .filter(source::filter(&args.filter, args.tz)?)
        .limit(args.limit.get())
        .zone(source::zone(args.tz));
    let query = match args.today {
        true => query.today(),
        false => query.days(args.days),
    };
    let query = match &args.actor {
        Some(actor) => query.actor(actor),
        None => query,
    };
    Ok(reader.digest(&query)?)
}
