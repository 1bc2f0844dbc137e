//! A rate limit per peer.

use std::{collections::HashMap, time::Instant};

use parking_lot::Mutex;

use super::peer::Peer;

/// Peers to remember; the least recently seen is forgotten first.
const MAX_PEERS: usize = 4096;

/// Token buckets that refill with time, one per peer.
#[derive(Debug)]
pub(super) struct RateLimiter {
    burst: f64,
    per_second: f64,
    buckets: Mutex<HashMap<Peer, TokenBucket>>,
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
    pub(super) fn try_acquire(&self, peer: &Peer) -> bool {
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        let mut bucket = buckets
            .get(peer)
            .map_or(self.full(now), |bucket| self.refilled(*bucket, now));
        let acquired = bucket.tokens >= 1.0;
        if acquired {
            bucket.tokens -= 1.0;
        }
        if buckets.len() >= MAX_PEERS && !buckets.contains_key(peer) {
            self.evict(&mut buckets, now);
        }
        buckets.insert(peer.clone(), bucket);
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
    fn evict(&self, buckets: &mut HashMap<Peer, TokenBucket>, now: Instant) {
        buckets.retain(|_, bucket| self.refilled(*bucket, now).tokens < self.burst);
        if buckets.len() >= MAX_PEERS {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.updated);
            if let Some(oldest) = oldest.map(|(peer, _)| peer.clone()) {
                buckets.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_a_burst_of_its_own() {
        let limiter = RateLimiter::new(3, 0);
        let ann = Peer::from_ip(Some([192, 0, 2, 1].into()));
        let bob = Peer::from_ip(Some([192, 0, 2, 2].into()));
        assert_eq!(
            [0; 4].map(|_| limiter.try_acquire(&ann)),
            [true, true, true, false]
        );
        assert!(limiter.try_acquire(&bob));
    }

    #[test]
    fn a_bucket_refills() {
        let limiter = RateLimiter::new(1, u32::MAX);
        let peer = Peer::from_ip(None);
        assert!((0..100).all(|_| limiter.try_acquire(&peer)));
    }

    #[test]
    fn the_number_of_remembered_peers_is_limited() {
        let limiter = RateLimiter::new(1, 0);
        for ip in 0..2 * MAX_PEERS as u32 {
            let ip = std::net::Ipv4Addr::from(ip);
            assert!(limiter.try_acquire(&Peer::from_ip(Some(ip.into()))));
        }
        assert!(limiter.buckets.lock().len() <= MAX_PEERS);
    }
}
