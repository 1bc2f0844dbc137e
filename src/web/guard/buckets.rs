//! How often somebody may do something.

use std::{collections::HashMap, time::Instant};

use parking_lot::Mutex;

use super::peer::Peer;

/// So many peers are remembered; who has not been seen for longest is forgotten first.
const PEERS: usize = 4096;

/// Buckets that fill up again with time, one for each peer.
#[derive(Debug)]
pub(super) struct Buckets {
    full: f64,
    per_second: f64,
    of: Mutex<HashMap<Peer, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Buckets {
    pub(super) fn new(full: u32, per_second: u32) -> Self {
        Buckets {
            full: full.into(),
            per_second: per_second.into(),
            of: Mutex::default(),
        }
    }

    /// Takes one out; false where there is none left.
    pub(super) fn take(&self, peer: &Peer) -> bool {
        let now = Instant::now();
        let mut buckets = self.of.lock();
        let mut bucket = buckets
            .get(peer)
            .map_or(self.new_one(now), |bucket| self.filled(*bucket, now));
        let takes = bucket.left >= 1.0;
        if takes {
            bucket.left -= 1.0;
        }
        if buckets.len() >= PEERS && !buckets.contains_key(peer) {
            self.forget(&mut buckets, now);
        }
        buckets.insert(peer.clone(), bucket);
        takes
    }

    fn new_one(&self, at: Instant) -> Bucket {
        Bucket {
            left: self.full,
            at,
        }
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> Bucket {
        let more = now.duration_since(bucket.at).as_secs_f64() * self.per_second;
        Bucket {
            left: (bucket.left + more).min(self.full),
            at: now,
        }
    }

    /// Forgets whose bucket is full, and where that is nobody's, who was seen first.
    fn forget(&self, buckets: &mut HashMap<Peer, Bucket>, now: Instant) {
        buckets.retain(|_, bucket| self.filled(*bucket, now).left < self.full);
        if buckets.len() >= PEERS {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.at);
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
    fn a_bucket_holds_so_many_and_is_one_peers_own() {
        let buckets = Buckets::new(3, 0);
        let ann = Peer::at(Some([192, 0, 2, 1].into()));
        let bob = Peer::at(Some([192, 0, 2, 2].into()));
        assert_eq!(
            [0; 4].map(|_| buckets.take(&ann)),
            [true, true, true, false]
        );
        assert!(buckets.take(&bob));
    }

    #[test]
    fn a_bucket_fills_up_again() {
        let buckets = Buckets::new(1, u32::MAX);
        let peer = Peer::at(None);
        assert!((0..100).all(|_| buckets.take(&peer)));
    }

    #[test]
    fn so_many_peers_are_remembered_and_no_more() {
        let buckets = Buckets::new(1, 0);
        for ip in 0..2 * PEERS as u32 {
            assert!(buckets.take(&Peer::at(Some(std::net::Ipv4Addr::from(ip).into()))));
        }
        assert!(buckets.of.lock().len() <= PEERS);
    }
}
