//! `GET metrics`: counters, gauges and histograms for Prometheus and other scrapers.

mod calls;
pub(super) mod counters;
mod exposition;

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};

use self::exposition::{Exposition, Format, Type};
use super::{access::Grant, problem::Problem, state::App};
use crate::store::{Accounting, Vitals};

/// How long a scrape waits for another one with the same restriction: both hold a reader.
const MOST_WAIT: Duration = Duration::from_secs(1);

/// Answers a scrape, in the format that the client prefers.
pub(super) async fn metrics(
    State(app): State<App>,
    grant: Grant,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = Format::accepted_by(&headers);
    let calls = app.metrics.calls_of(&grant)?;
    let sees_all = grant.is_everything();
    let shared = app.clone();
    let read = app.readers.read(&grant, move |reader| {
        let mut out = Exposition::new(format);
        let uncounted = {
            let calls = calls.try_lock_for(MOST_WAIT);
            let mut calls = calls.ok_or_else(|| Problem::busy("another scrape takes long"))?;
            let uncounted = calls.follow(reader)?;
            calls.write(&mut out);
            uncounted
        };
        // About the whole store, as `api/health`.
        if sees_all {
            let vitals = reader.vitals()?;
            write_vitals(&mut out, &vitals, uncounted);
            let records = &mut *shared.metrics.records.lock();
            match shared.log.as_ref().map(|log| log.accounting()) {
                Some(own) => {
                    records.write(&mut out, &own);
                    write_in_hand(&mut out, &own);
                }
                // What other processes have in hand is not known.
                None => records.write(&mut out, &vitals.accounting),
            }
        }
        out.family("activity_build", Type::Info, "The program that answers.");
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        out.sample("_info", &labels, 1);
        Ok(out.finish())
    });
    let text = read.await?;
    let mut response = text.into_response();
    let fixed = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept"),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn write_vitals(out: &mut Exposition, vitals: &Vitals, uncounted: u64) {
    let gauges = [
        (
            "activity_running",
            "Activities that are running, of all processes.",
            vitals.running,
        ),
        (
            "activity_store_bytes",
            "The size of the store.",
            vitals.bytes,
        ),
        (
            "activity_unindexed_records",
            "Activities and events that are not in the search index yet.",
            vitals.unindexed,
        ),
        (
            "activity_uncounted_commits",
            "Activities that are not in these counters yet: the next scrape continues from there.",
            uncounted,
        ),
    ];
    for (name, help, value) in gauges {
        out.family(name, Type::Gauge, help);
        out.sample("", &[], value);
    }
}

/// Writes what this process has in hand.
fn write_in_hand(out: &mut Exposition, of: &Accounting) {
    for (name, field, help) in [
        (
            "activity_records_open",
            "open",
            "Records of this process that have not ended.",
        ),
        (
            "activity_records_waiting",
            "waiting",
            "Records of this process that wait to be committed.",
        ),
    ] {
        out.family(name, Type::Gauge, help);
        for (kind, _, count) in of.fields().filter(|(_, one, _)| *one == field) {
            out.sample("", &[("kind", kind)], count);
        }
    }
}
