//! A rate limit per client.

use std::{collections::HashMap, time::Instant};

use parking_lot::Mutex;

use super::super::client::Client;

/// Clients to remember; the least recently seen is forgotten first.
const MAX_CLIENTS: usize = 4096;

/// Token buckets that refill with time, one per client.
#[derive(Debug)]
pub(super) struct RateLimiter {
    burst: f64,
    per_second: f64,
    buckets: Mutex<HashMap<Client, TokenBucket>>,
}

#[derive(Debug, Clone, Copy)]
struct TokenBucket {
    tokens: f64,
    updated: Instant,
}

impl RateLimiter {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        RateLimiter {
            burst: burst.into(),
            per_second: per_second.into(),
            buckets: Mutex::default(),
        }
    }

    /// Takes one token; false if there is none left.
    pub(super) fn try_acquire(&self, client: &Client) -> bool {
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        let mut bucket = buckets
            .get(client)
            .map_or(self.full(now), |bucket| self.refilled(*bucket, now));
        let acquired = bucket.tokens >= 1.0;
        if acquired {
            bucket.tokens -= 1.0;
        }
        if buckets.len() >= MAX_CLIENTS && !buckets.contains_key(client) {
            self.evict(&mut buckets, now);
        }
        buckets.insert(client.clone(), bucket);
        acquired
    }

    fn full(&self, now: Instant) -> TokenBucket {
        TokenBucket {
            tokens: self.burst,
            updated: now,
        }
    }

    fn refilled(&self, bucket: TokenBucket, now: Instant) -> TokenBucket {
        let more = now.duration_since(bucket.updated).as_secs_f64() * self.per_second;
        TokenBucket {
            tokens: (bucket.tokens + more).min(self.burst),
            updated: now,
        }
    }

    /// Removes full buckets, or else the least recently used one.
    fn evict(&self, buckets: &mut HashMap<Client, TokenBucket>, now: Instant) {
        buckets.retain(|_, bucket| self.refilled(*bucket, now).tokens < self.burst);
        if buckets.len() >= MAX_CLIENTS {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.updated);
            if let Some(oldest) = oldest.map(|(client, _)| client.clone()) {
                buckets.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::web::client::Credential;

    /// A client with a scope of its own.
    fn client(scope: u32) -> Client {
        let (parts, ()) = Request::new(()).into_parts();
        let scope = Some(scope.to_string().into());
        Client::new(Credential::Application(scope), &parts)
    }

    #[test]
    fn each_client_has_a_burst_of_its_own() {
        let limiter = RateLimiter::new(3, 0);
        assert_eq!(
            [0; 4].map(|_| limiter.try_acquire(&client(1))),
            [true, true, true, false]
        );
        assert!(limiter.try_acquire(&client(2)));
    }

    #[test]
    fn a_bucket_refills() {
        let limiter = RateLimiter::new(1, u32::MAX);
        assert!((0..100).all(|_| limiter.try_acquire(&client(1))));
    }

    #[test]
    fn the_number_of_remembered_clients_is_limited() {
        let limiter = RateLimiter::new(1, 0);
        for number in 0..2 * MAX_CLIENTS as u32 {
            assert!(limiter.try_acquire(&client(number)));
        }
        assert!(limiter.buckets.lock().len() <= MAX_CLIENTS);
    }
}
