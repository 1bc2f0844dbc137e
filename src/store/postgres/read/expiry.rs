//! Ends a query at its deadline, or when its caller cancels it.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use tokio_postgres::error::SqlState;

use crate::{
    error::Result,
    store::{
        ReadOptions,
        postgres::connection::{self, Failed},
        timed_out,
    },
};

/// The time between two checks whether the caller has cancelled a query.
const INTERVAL: Duration = Duration::from_millis(20);
const ATTEMPT: &str = "read the store";

/// Waits for a query, until it has expired.
pub(super) async fn before_expiry<T>(
    options: &ReadOptions,
    query: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failed> {
    if !options.can_expire() {
        return Ok(query.await?);
    }
    options.check(ATTEMPT)?;
    let mut query = pin!(query);
    loop {
        let left = options.deadline.map(|deadline| {
            // The server's own limit ends it a little earlier.
            deadline.saturating_duration_since(Instant::now()) + INTERVAL
        });
        let mut tick = pin!(connection::sleep(left.unwrap_or(INTERVAL).min(INTERVAL)));
        let done = poll_fn(|context| match query.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => tick.as_mut().poll(context).map(|()| None),
        });
        match done.await {
            Some(Ok(done)) => return Ok(done),
            Some(Err(cause)) if cause.code() == Some(&SqlState::QUERY_CANCELED) => {
                return Err(timed_out(ATTEMPT).with_source(cause).into());
            }
            Some(Err(cause)) => return Err(cause.into()),
            None if options.is_expired() => {
                return Err(timed_out(ATTEMPT).into());
            }
            None => {}
        }
    }
}
