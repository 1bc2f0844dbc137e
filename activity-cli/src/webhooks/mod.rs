//! `activity webhooks`: other programs are told.

mod args;

use std::{
    fs,
    io::{self, BufWriter, Write},
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tower_activity::{
    Error, ErrorKind,
    notify::{DeadLetter, Reach, RecordKind, Webhook, WebhookStatus, Webhooks},
};

pub(crate) use args::Command;

use crate::{
    ending::asked_to_end,
    failure::{Failure, complain},
    print::{
        self, human, json,
        status::BOLD,
        table::{Align, Cell, Column, Narrow, Table},
    },
    source,
};

pub(crate) fn run(store: &str, command: &Command) -> Result<(), Failure> {
    let path = source::path(store)?;
    // Of a log that is not there it is not said that it has none.
    drop(source::open(store)?);
    let webhooks = Webhooks::open(path)?;
    match command {
        Command::Add(args) => add(&webhooks, args),
        Command::List(args) => list(&webhooks.list()?, args),
        Command::Run => deliver(&webhooks),
        Command::Dead(args) => dead(&webhooks.dead_letters()?, args),
        Command::Retry(args) => retry(&webhooks, args),
        Command::Remove(args) => Ok(webhooks.remove(&args.name)?),
    }
}

fn add(webhooks: &Webhooks, args: &args::Add) -> Result<(), Failure> {
    let mut webhook = match args.events {
        true => Webhook::events(&args.name, &args.url)?,
        false => Webhook::activities(&args.name, &args.url)?,
    };
    webhook = webhook.filter(source::filter(&args.filter)?);
    if args.allow_private {
        webhook = webhook.allow_private();
    }
    if let Some(seq) = args.after {
        webhook = webhook.after(seq);
    }
    if let Some(path) = &args.secret_file {
        let text = fs::read_to_string(path).map_err(|cause| {
            let what = format!("cannot read the secret in {}", path.display());
            Error::new(ErrorKind::Invalid, what).with_source(cause)
        })?;
        webhook = webhook.secret(text.parse()?);
    }
    let secret = webhooks.add(&webhook)?;
    Ok(print::text(&format!("{}\n", secret.reveal()))?)
}

fn list(webhooks: &[WebhookStatus], args: &args::Json) -> Result<(), Failure> {
    use Narrow::{Cut, Leaves, Stays};

    if args.json {
        return lines(webhooks);
    }
    if webhooks.is_empty() {
        anstream::eprintln!("there are no webhooks: `activity webhooks add NAME URL` adds one");
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left, Cut(8)),
        Column::new("OF", Align::Left, Stays),
        Column::new("FILTER", Align::Left, Cut(8)),
        Column::new("URL", Align::Left, Cut(12)),
        Column::new("", Align::Left, Leaves(7)),
        Column::new("SENT", Align::Right, Stays),
        Column::new("BEHIND", Align::Right, Leaves(6)),
        Column::new("SET ASIDE", Align::Right, Stays),
        Column::new("TROUBLE", Align::Left, Cut(16)),
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
            Cell::new(&trouble(one, Utc::now()).unwrap_or_default()),
        ]);
    }
    Ok(print::text(&table.render(print::width()))?)
}

/// What is wrong with a webhook, since when, and what becomes of it.
pub(crate) fn trouble(webhook: &WebhookStatus, now: DateTime<Utc>) -> Option<String> {
    let (what, since) = webhook.trouble.as_ref().zip(webhook.trouble_since)?;
    let next = match (webhook.stopped_at, webhook.again_at) {
        (Some(_), _) => "; stopped, until it is added again".to_owned(),
        (None, Some(at)) if at > now => format!("; again {}", human::ago(at, now)),
        _ => String::new(),
    };
    Some(format!("{what} ({}){next}", human::ago(since, now)))
}

fn deliver(webhooks: &Webhooks) -> Result<(), Failure> {
    let known = webhooks.list()?;
    let count = human::many(known.len() as u64, "webhook", "webhooks");
    let delivery = webhooks.deliver();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let asked = asked_to_end()?;
        anstream::eprintln!("delivering to {count}, until ctrl-c");
        asked.await
    })?;
    delivery.stop();
    Ok(())
}

fn dead(letters: &[DeadLetter], args: &args::Json) -> Result<(), Failure> {
    use Narrow::{Cut, Stays};

    if args.json {
        return lines(letters);
    }
    if letters.is_empty() {
        anstream::eprintln!("nothing was set aside");
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::new("WEBHOOK", Align::Left, Cut(8)),
        Column::new("SEQ", Align::Right, Stays),
        Column::new("ID", Align::Left, Stays),
        Column::new("WHEN", Align::Right, Stays),
        Column::new("ATTEMPTS", Align::Right, Stays),
        Column::new("ERROR", Align::Left, Cut(16)),
    ]);
    for one in letters {
        table.row(vec![
            Cell::new(&one.webhook).style(BOLD),
            Cell::new(&one.seq.to_string()),
            Cell::new(&one.id),
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
        let what = format!("nothing of that was set aside for {:?}", args.name);
        return Err(Error::new(ErrorKind::NotFound, what).into());
    }
    let mut taken = 0;
    for letter in &letters {
        match webhooks.retry(letter) {
            Ok(()) => taken += 1,
            Err(error) => complain(&error),
        }
    }
    let count = human::many(taken, "record was taken", "records were taken");
    print::text(&format!("{count}\n"))?;
    match taken == letters.len() as u64 {
        true => Ok(()),
        false => Err(Failure::Found),
    }
}

fn lines(objects: &[impl Serialize]) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    for object in objects {
        json::line(&mut out, object)?;
    }
    Ok(out.flush()?)
}
