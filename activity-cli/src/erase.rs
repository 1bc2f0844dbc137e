//! `activity erase`: what is known of a user goes, what was counted stays.

use tower_activity::{
    notify::{WebhookStatus, Webhooks},
    store::EraseCounts,
};

use crate::{
    args::Erase,
    failure::Failure,
    print::{self, human, progress::Progress, safe},
    source,
};

pub(crate) fn run(store: &str, args: &Erase) -> Result<(), Failure> {
    let mut upkeep = source::upkeep(store)?;
    let all = upkeep.erasable(&args.actor)?;
    if args.dry_run {
        return Ok(print::text(&said("would erase", &all))?);
    }
    let total = (all.activities + all.events).max(1) as f64;
    let mut progress = Progress::begin("erasing");
    let erased = upkeep.erase(&args.actor, &mut |erased| {
        progress.at((erased.activities + erased.events) as f64 / total);
    })?;
    drop(progress);
    print::text(&said("erased", &erased))?;
    // They are settings, and stay as they are.
    let webhooks = Webhooks::open(source::path(store)?)?.list()?;
    let names = |one: &&WebhookStatus| {
        one.filter
            .to_lowercase()
            .contains(&args.actor.to_lowercase())
    };
    for webhook in webhooks.iter().filter(names) {
        let name = safe::line(&webhook.name);
        anstream::eprintln!(
            "note: the filter of webhook {name} names the actor: `activity webhooks remove {name}` removes it"
        );
    }
    Ok(())
}

fn said(what: &str, erased: &EraseCounts) -> String {
    format!(
        "{what} the content of {}, {}, {}\n",
        human::many(erased.activities, "activity", "activities"),
        human::many(erased.events, "event", "events"),
        human::many(erased.recordings, "recording", "recordings"),
    )
}
