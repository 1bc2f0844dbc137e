//! `activity forward`: forwards a store to a central one.

use chrono::Utc;
use serde_json::json;
use tower_activity::{
    Error, ErrorKind,
    forward::{ForwardTarget, Forwarder},
};

use crate::{
    args,
    failure::Failure,
    outage,
    print::{self, human, json, progress::Progress},
    signal, source,
};

/// Time to forward the rest after a signal.
const REST: std::time::Duration = std::time::Duration::from_secs(5);

pub(crate) fn run(store: &str, args: &args::Forward) -> Result<(), Failure> {
    let path = source::path_or(store, "files are forwarded to it, with `--store FILE`")?;
    // Fails with a hint if there is no store.
    drop(source::open(store)?);
    source::warn_of_password(&args.to);
    let target = args.to.as_str().into_store()?;
    let name = target.name();
    let mut forwarder = Forwarder::open(path, target)?;
    if args.forget {
        return match forwarder.forget()? {
            true => Ok(print::text(&format!("forgot {name}\n"))?),
            false => {
                let what = format!(
                    "{store} was never forwarded to {name}: `activity doctor` lists its targets"
                );
                Err(Error::new(ErrorKind::NotFound, what).into())
            }
        };
    }
    if args.again {
        let since = args.since.as_deref().unwrap_or("1970-01-01");
        forwarder = forwarder.again_since(source::instant("--since", since, Utc::now())?);
    }
    let mut progress = Progress::new("forwarding");
    let done = forwarder.forward_all(|done| {
        progress.set(done.forwarded as f64 / done.records.max(1) as f64);
    });
    drop(progress);
    let done = match done {
        Ok(_) if !args.once => return follow(forwarder, &name),
        Err(error) if !args.once && outage::may_come_back(&error) => {
            return follow(forwarder, &name);
        }
        done => done?,
    };
    let mut progress = Progress::new("verifying");
    let verified = forwarder.verify(|done| progress.set(done))?;
    drop(progress);
    match args.json {
        true => json::print(&json!({
            "target": name,
            "forwarded": done.forwarded,
            "activities": verified.activities,
            "missing": verified.missing,
            "deleted": verified.deleted,
        }))?,
        false => print::text(&format!(
            "forwarded {} to {name}; it has {} of {}\n",
            human::many(done.forwarded, "record", "records"),
            human::count(verified.activities - verified.missing - verified.deleted),
            human::many(verified.activities, "activity", "activities"),
        ))?,
    }
    if verified.deleted > 0 {
        print::note(&format!(
            "note: {} of days of which {name} has deleted some, by its retention or `prune`",
            human::many(verified.deleted, "activity is", "activities are")
        ));
    }
    if verified.missing == 0 {
        return Ok(());
    }
    let missing = human::many(verified.missing, "activity", "activities");
    let hint = match args.since {
        Some(_) => "forward all of it with --again without --since",
        None => "forward them again with --again",
    };
    let what = format!("{name} does not have {missing} of this file: {hint}");
    Err(Error::new(ErrorKind::Store, what).into())
}

fn follow(forwarder: Forwarder, name: &str) -> Result<(), Failure> {
    let what = format!("forwarding to {name}");
    let forwarder = forwarder.on_outage(move |one| outage::report(&what, &one));
    let forwarding = forwarder.follow()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = signal::shutdown()?;
        print::on_stderr(&format!("forwarding to {name} until ctrl-c"));
        shutdown.await
    })?;
    match forwarding.finish(std::time::Instant::now() + REST)? {
        0 => {}
        rest => print::on_stderr(&format!(
            "{} not forwarded yet: the next `activity forward` continues",
            human::many(rest, "record is", "records are")
        )),
    }
    Ok(())
}
