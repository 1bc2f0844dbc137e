//! `activity erase`: erases the content recorded about a user; statistics stay.

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
    let mut maintenance = source::maintenance(store)?;
    let erasable = maintenance.erasable(&args.actor)?;
    if args.dry_run {
        return Ok(print::text(&summary("would erase", &erasable))?);
    }
    let total = (erasable.activities + erasable.events).max(1) as f64;
    let mut progress = Progress::new("erasing");
    let erased = maintenance.erase(&args.actor, &mut |erased| {
        progress.set((erased.activities + erased.events) as f64 / total);
    })?;
    drop(progress);
    print::text(&summary("erased", &erased))?;
    // Webhooks are settings, which erasing does not touch.
    let webhooks = Webhooks::open(source::path(store)?)?.list()?;
    let names_actor = |one: &&WebhookStatus| {
        one.filter
            .to_lowercase()
            .contains(&args.actor.to_lowercase())
    };
    for webhook in webhooks.iter().filter(names_actor) {
        let name = safe::line(&webhook.name);
        anstream::eprintln!(
            "note: the filter of webhook {name} names the actor: `activity webhooks remove {name}` removes it"
        );
    }
    Ok(())
}

fn summary(verb: &str, erased: &EraseCounts) -> String {
    format!(
        "{verb} the content of {}, {}, {}\n",
        human::many(erased.activities, "activity", "activities"),
        human::many(erased.events, "event", "events"),
        human::many(erased.recordings, "recording", "recordings"),
    )
}
