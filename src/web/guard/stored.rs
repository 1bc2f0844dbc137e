//! The named tokens in the store.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::sync::Mutex;

use super::super::{access::Grant, problem::Problem, readers::ReaderPool};
use crate::store::AccessToken;

/// How long the tokens are known without reading the store. Every query checks its token again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The named tokens in the store, by hash. Reading them once serves all requests that wait for it, so guesses cost no more.
#[derive(Debug)]
pub(in crate::web) struct StoredTokens {
    readers: ReaderPool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    read_at: Option<Instant>,
    tokens: HashMap<[u8; 32], AccessToken>,
}

impl StoredTokens {
    pub(in crate::web) fn new(readers: ReaderPool) -> Self {
        StoredTokens {
            readers,
            known: Mutex::default(),
        }
    }

    /// Returns the valid token with this hash. An unknown one may be new: the store is read after its request has arrived.
    pub(super) async fn get(&self, hash: &[u8; 32]) -> Result<Option<AccessToken>, Problem> {
        let arrived = Instant::now();
        let mut known = self.known.lock().await;
        let is_fresh = |at: Instant| at >= arrived || at.elapsed() < MAX_AGE;
        let is_known = known.tokens.contains_key(hash) && known.read_at.is_some_and(is_fresh);
        if !is_known && known.read_at.is_none_or(|at| at < arrived) {
            let read_at = Instant::now();
            let read = |reader: &mut crate::query::ActivityReader| Ok(reader.tokens()?);
            let tokens = self.readers.read(&Grant::server(), read).await?;
            *known = Known {
                read_at: Some(read_at),
                tokens: (tokens.into_iter())
                    .map(|token| (token.hash, token))
                    .collect(),
            };
        }
        let token = known.tokens.get(hash);
        Ok(token.filter(|token| token.is_valid_at(Utc::now())).cloned())
    }
}
