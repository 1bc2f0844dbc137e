//! `activity erase`: erases the content recorded about a user; statistics stay.

use serde_json::json;
use tower_activity::{
    notify::{WebhookStatus, Webhooks},
    store::EraseCounts,
};

use crate::{
    args::Erase,
    failure::Failure,
    print::{self, human, json, progress::Progress, safe},
    source,
};

pub(crate) fn run(store: &str, args: &Erase) -> Result<(), Failure> {
    let mut maintenance = source::maintenance(store)?;
    let erasable = maintenance.erasable(&args.actor)?;
    if args.dry_run {
        return report(args, &erasable);
    }
    let total = (erasable.activities + erasable.events).max(1) as f64;
    let mut progress = Progress::new("erasing");
    let erased = maintenance.erase(&args.actor, &mut |erased| {
        progress.set((erased.activities + erased.events) as f64 / total);
    })?;
    drop(progress);
    report(args, &erased)?;
    // Webhooks are settings, which erasing does not touch. Of a central store not every role may read them.
    let webhooks = Webhooks::open(store)?.list();
    let webhooks = match source::is_address(store) {
        true => webhooks.unwrap_or_default(),
        false => webhooks?,
    };
    let names_actor = |one: &&WebhookStatus| {
        one.filter
            .to_lowercase()
            .contains(&args.actor.to_lowercase())
    };
    for webhook in webhooks.iter().filter(names_actor) {
        let name = safe::line(&webhook.name);
        print::note(&format!(
            "note: the filter of webhook {name} names the actor: `activity webhooks remove {name}` removes it"
        ));
    }
    Ok(())
}

/// Prints what was erased, or would be.
fn report(args: &Erase, erased: &EraseCounts) -> Result<(), Failure> {
    if args.json {
        return Ok(json::print(&json!({
            "dry_run": args.dry_run,
            "activities": erased.activities,
            "events": erased.events,
            "recordings": erased.recordings,
        }))?);
    }
    let verb = if args.dry_run {
        "would erase"
    } else {
        "erased"
    };
    Ok(print::text(&summary(verb, erased))?)
}

fn summary(verb: &str, erased: &EraseCounts) -> String {
    format!(
        "{verb} the content of {}, {}, {}\n",
        human::many(erased.activities, "activity", "activities"),
        human::many(erased.events, "event", "events"),
        human::many(erased.recordings, "recording", "recordings"),
    )
}
