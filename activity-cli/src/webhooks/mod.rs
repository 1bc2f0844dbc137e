//! `activity webhooks`: manages webhooks and delivers to them.

mod args;

use std::{
    fs,
    io::{self, BufWriter, Write},
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use tower_activity::{
    Error, ErrorKind,
    notify::{DeadLetter, Reach, RecordKind, Webhook, WebhookStatus, Webhooks},
    query::Zone,
};

pub(crate) use args::Command;

use crate::{
    failure::{Failure, print_error},
    outage,
    print::{
        self, human, json,
        status::BOLD,
        table::{Align, Cell, Column, Shrink, Table},
    },
    secrets, short_id, signal, source,
};

pub(crate) fn run(store: &str, command: &Command) -> Result<(), Failure> {
    // Fails with a hint if there is no store, instead of reporting no webhooks. Those of a database need another right than reading it.
    if !source::is_address(store) {
        drop(source::open(store)?);
    }
    let webhooks = Webhooks::open(store)?;
    match command {
        Command::Add(args) => add(&webhooks, args),
        Command::List(args) => list(&webhooks.list()?, args),
        Command::Run => deliver(webhooks, store),
        Command::Dead(args) => dead(&webhooks.dead_letters()?, args),
        Command::Retry(args) => retry(&webhooks, args),
        Command::Remove(args) => Ok(webhooks.remove(&args.name)?),
    }
}

fn add(webhooks: &Webhooks, args: &args::Add) -> Result<(), Failure> {
    let url = match args.url.as_str() {
        "-" => secrets::read("-")?,
        url => {
            if has_password(url) {
                print::note(&format!(
                    "warning: every user of this machine can see the password in the list of processes: give the URL on stdin, \
                     as `activity webhooks add {} -`",
                    args.name
                ));
            }
            url.to_owned()
        }
    };
    let mut webhook = match args.events {
        true => Webhook::events(&args.name, &url)?,
        false => Webhook::activities(&args.name, &url)?,
    };
    // A webhook may be delivered from elsewhere: its filter does not depend on a time zone.
    webhook = webhook.filter(source::filter(&args.filter, Some(Zone::default()))?);
    if args.allow_private {
        webhook = webhook.allow_private();
    }
    if let Some(seq) = args.after {
        webhook = webhook.after(seq);
    }
    if let Some(path) = &args.secret_file {
        let text = fs::read_to_string(path).map_err(|cause| {
            let what = format!("cannot read the secret from {}", path.display());
            Error::new(ErrorKind::Invalid, what).with_source(cause)
        })?;
        webhook = webhook.secret(text.parse()?);
    }
    let secret = webhooks.add(&webhook)?;
    if args.json {
        let added = json!({"name": args.name, "secret": secret.reveal()});
        return Ok(json::print(&added)?);
    }
    Ok(print::text(&format!("{}\n", secret.reveal()))?)
}

/// Whether a URL has a user, who may have a password.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.contains('@')
}

fn list(webhooks: &[WebhookStatus], args: &args::Json) -> Result<(), Failure> {
    use Shrink::{Drop, Hide, Never, Truncate};

    if args.json {
        return lines(webhooks);
    }
    if webhooks.is_empty() {
        print::note("no webhooks: add one with `activity webhooks add NAME URL`");
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left, Truncate(8)),
        Column::new("RECORDS", Align::Left, Never),
        Column::new("FILTER", Align::Left, Truncate(8)),
        Column::new("URL", Align::Left, Truncate(12)),
        Column::new("", Align::Left, Hide(7)),
        Column::new("SENT", Align::Right, Never),
        Column::new("BEHIND", Align::Right, Drop),
        Column::new("DEAD LETTERS", Align::Right, Never),
        Column::new("FAILURE", Align::Left, Truncate(16)),
    ]);
    for one in webhooks {
        table.row(vec![
            Cell::new(&one.name).style(BOLD),
            Cell::new(match one.what {
                RecordKind::Events => "events",
                _ => "activities",
            }),
            Cell::new(&one.filter),
            Cell::new(&one.url),
            Cell::new(if one.reach == Reach::Private {
                "private"
            } else {
                ""
            }),
            Cell::new(&human::count(one.delivered)),
            Cell::new(&human::count(one.behind)),
            Cell::new(&human::count(one.dead_letters)),
            Cell::new(&failure(one, Utc::now()).unwrap_or_default()),
        ]);
    }
    Ok(print::text(&table.render(print::width()))?)
}

/// Formats the current failure of a webhook, its age, and the next attempt.
pub(crate) fn failure(webhook: &WebhookStatus, now: DateTime<Utc>) -> Option<String> {
    let (what, since) = webhook.trouble.as_ref().zip(webhook.trouble_since)?;
    let next = match (webhook.stopped_at, webhook.again_at) {
        (Some(_), _) => "; stopped until added again".to_owned(),
        (None, Some(at)) if at > now => format!("; next attempt {}", human::ago(at, now)),
        _ => String::new(),
    };
    Some(format!("{what} ({}){next}", human::ago(since, now)))
}

fn deliver(webhooks: Webhooks, store: &str) -> Result<(), Failure> {
    let what = match webhooks.list() {
        Ok(all) => human::many(all.len() as u64, "webhook", "webhooks"),
        // The delivery says that it is away.
        Err(error) if source::is_address(store) && outage::may_come_back(&error) => {
            "webhooks".to_owned()
        }
        Err(error) => return Err(error.into()),
    };
    let ready = format!("delivering to {what} until ctrl-c");
    let what = format!("delivering webhooks of {}", source::shown(store));
    let webhooks = webhooks.on_outage(move |one| outage::report(&what, &one));
    let delivery = webhooks.deliver();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = signal::shutdown()?;
        print::on_stderr(&ready);
        shutdown.await
    })?;
    delivery.stop();
    Ok(())
}

fn dead(letters: &[DeadLetter], args: &args::Json) -> Result<(), Failure> {
    use Shrink::{Never, Truncate};

    if args.json {
        return lines(letters);
    }
    if letters.is_empty() {
        print::note("no dead letters");
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::new("WEBHOOK", Align::Left, Truncate(8)),
        Column::new("SEQ", Align::Right, Never),
        Column::new("ID", Align::Left, Never),
        Column::new("WHEN", Align::Right, Never),
        Column::new("ATTEMPTS", Align::Right, Never),
        Column::new("ERROR", Align::Left, Truncate(16)),
    ]);
    let width = short_id::width_among(letters.iter().map(|one| &one.id));
    for one in letters {
        table.row(vec![
            Cell::new(&one.webhook).style(BOLD),
            Cell::new(&one.seq.to_string()),
            Cell::new(one.id.get(..width).unwrap_or(&one.id)),
            Cell::new(&human::ago(one.at, Utc::now())),
            Cell::new(&one.attempts.to_string()),
            Cell::new(&one.error),
        ]);
    }
    Ok(print::text(&table.render(print::width()))?)
}

fn retry(webhooks: &Webhooks, args: &args::Retry) -> Result<(), Failure> {
    let mut letters = webhooks.dead_letters()?;
    letters.retain(|one| one.webhook == args.name);
    if !args.seqs.is_empty() {
        letters.retain(|one| args.seqs.contains(&one.seq));
    }
    if letters.is_empty() {
        let what = match args.seqs.is_empty() {
            true => format!("no dead letters of webhook {:?}", args.name),
            false => format!("no such dead letter of webhook {:?}", args.name),
        };
        return Err(Error::new(ErrorKind::NotFound, what).into());
    }
    let mut delivered = 0;
    for letter in &letters {
        match webhooks.retry(letter) {
            Ok(()) => delivered += 1,
            Err(error) => print_error(&error),
        }
    }
    let failed = letters.len() as u64 - delivered;
    let count = human::many(delivered, "record", "records");
    match args.json {
        true => json::print(&json!({"delivered": delivered, "failed": failed}))?,
        false => print::text(&format!("delivered {count}\n"))?,
    }
    match failed == 0 {
        true => Ok(()),
        false => Err(Failure::Reported),
    }
}

fn lines(objects: &[impl Serialize]) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    for object in objects {
        json::line(&mut out, object)?;
    }
    Ok(out.flush()?)
}
