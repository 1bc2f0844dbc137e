//! Sends the activities through the intakes of all logs, and counts them in the sums.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use benches::{
    Failure,
    central::{self, BATCH, Log, Rows, Server},
    milliseconds, quantile, setting,
};
use chrono::{TimeDelta, Utc};
use tower_activity::store::{Store, postgres::PostgresStore};

/// Sends those that the store does not have yet.
pub(crate) fn load(
    server: &Server,
    url: &str,
    rows: usize,
    logs: usize,
    span: TimeDelta,
) -> Result<(), Failure> {
    let store = PostgresStore::new(url)?;
    count(&mut Log::connect(&store, 0)?)?;
    // Dates stay the same when a load is continued.
    central::run(
        server,
        &format!(
            "CREATE TABLE IF NOT EXISTS bench_end AS SELECT {}::bigint AS us",
            Utc::now().timestamp_micros()
        ),
    )?;
    let end: i64 = central::run(server, "SELECT us FROM bench_end")?.parse()?;
    let all = Rows {
        rows,
        logs,
        span,
        end: chrono::DateTime::from_timestamp_micros(end).unwrap_or_default(),
    };
    let writers = setting("BENCH_WRITERS", 3);
    let (sent, start) = (AtomicUsize::new(0), Instant::now());
    let took = thread::scope(|scope| -> Result<Vec<Duration>, Failure> {
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let (store, sent) = (&store, &sent);
                let of_writer = (writer..logs).step_by(writers);
                scope.spawn(move || write(store, all, of_writer.collect(), sent, start))
            })
            .collect();
        let mut took = Vec::new();
        for thread in threads {
            took.extend(thread.join().map_err(|_| "a writer panicked")??);
        }
        Ok(took)
    })?;
    let (sent, seconds) = (sent.into_inner(), start.elapsed().as_secs_f64());
    if sent == 0 {
        return Ok(());
    }
    print_sizes(server, url, rows)?;
    let mut took = took;
    took.sort_unstable();
    println!(
        "{sent} activities by {writers} writers in {seconds:.0} s: {:.0} rows/s with indexes and sums; a batch was accepted in {:.0} ms (p50), {:.0} ms (p99), {:.0} ms at most",
        sent as f64 / seconds,
        milliseconds(quantile(&took, 0.5)),
        milliseconds(quantile(&took, 0.99)),
        milliseconds(quantile(&took, 1.0)),
    );
    // As autovacuum does after a while.
    central::run(server, "VACUUM (ANALYZE)")?;
    Ok(())
}

/// Counts what an interrupted run has sent.
fn count(log: &mut Log) -> Result<(), Failure> {
    let (start, mut batches) = (Instant::now(), 0);
    loop {
        match log.intake.fold()? {
            0 => break,
            more => batches += more,
        }
    }
    if batches > 0 {
        let (rows, seconds) = (batches as f64 * BATCH as f64, start.elapsed().as_secs_f64());
        println!(
            "{rows} activities counted in the sums in {seconds:.0} s: {:.0} rows/s",
            rows / seconds
        );
    }
    log.intake.disconnect()?;
    Ok(())
}

/// Sends the batches of some logs in turn. Returns how long each took to be accepted.
fn write(
    store: &PostgresStore,
    all: Rows,
    of_writer: Vec<usize>,
    sent: &AtomicUsize,
    start: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut logs = Vec::new();
    for number in of_writer {
        logs.push((number, Log::connect(store, number)?));
    }
    let (mut took, mut next) = (Vec::new(), 0);
    while next < all.of_log() {
        let end = (next + BATCH).min(all.of_log());
        let mut last = None;
        for (number, log) in &mut logs {
            if log.places.activity as usize > next {
                continue;
            }
            let batch = log.cut(all.batch(*number, next..end));
            let began = Instant::now();
            log.intake.accept(&batch)?;
            took.push(began.elapsed());
            let count = sent.fetch_add(batch.activities.len(), Relaxed) + batch.activities.len();
            if count / 500_000 > (count - batch.activities.len()) / 500_000 {
                let rate = count as f64 / start.elapsed().as_secs_f64();
                println!("{count} activities, {rate:.0} rows/s");
            }
            last = Some(log);
        }
        if let Some(log) = last {
            while log.intake.fold()? > 0 {}
        }
        next = end;
    }
    for (_, log) in &mut logs {
        while log.intake.fold()? > 0 {}
        log.intake.disconnect()?;
    }
    Ok(took)
}

/// Prints the bytes of a row, by index.
fn print_sizes(server: &Server, url: &str, rows: usize) -> Result<(), Failure> {
    let health = PostgresStore::new(url)?.reader()?.health()?;
    println!(
        "{:.0} bytes per activity, of sums {:.0} more",
        health.sizes.activities as f64 / rows as f64,
        health.sizes.sums as f64 / rows as f64
    );
    let of = "SELECT coalesce(regexp_replace(i.relname, '_[0-9]+_', '_'), 'rows') || ' ' || sum(pg_table_size(coalesce(i.oid, c.oid))) / $ROWS \
         FROM pg_class AS c CROSS JOIN LATERAL (SELECT indexrelid FROM pg_index WHERE indrelid = c.oid UNION ALL SELECT NULL) AS x \
           LEFT JOIN pg_class AS i ON i.oid = x.indexrelid \
         WHERE c.relname ~ '^activity_[0-9]+$' GROUP BY coalesce(regexp_replace(i.relname, '_[0-9]+_', '_'), 'rows') ORDER BY sum(pg_table_size(coalesce(i.oid, c.oid))) DESC";
    let sizes = central::run(server, &of.replace("$ROWS", &rows.to_string()))?;
    println!("{}", sizes.replace('\n', ", "));
    Ok(())
}
