//! Targets: central stores, or their addresses.

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    store::{self, CentralStore},
};

/// What a log can be forwarded to: a [`CentralStore`], or an address such as `postgres://user@host/database` (feature
/// `postgres`) or `clickhouse://user@host/database` (feature `clickhouse`).
pub trait ForwardTarget {
    /// Returns the store. Does not connect.
    ///
    /// # Errors
    ///
    /// If an address is malformed, or of a kind of store that this build does not support.
    fn into_store(self) -> Result<Arc<dyn CentralStore>>;
}

impl<S: CentralStore> ForwardTarget for S {
    fn into_store(self) -> Result<Arc<dyn CentralStore>> {
        Ok(Arc::new(self))
    }
}

impl ForwardTarget for Arc<dyn CentralStore> {
    fn into_store(self) -> Result<Arc<dyn CentralStore>> {
        Ok(self)
    }
}

impl ForwardTarget for String {
    fn into_store(self) -> Result<Arc<dyn CentralStore>> {
        self.as_str().into_store()
    }
}

impl ForwardTarget for &str {
    fn into_store(self) -> Result<Arc<dyn CentralStore>> {
        match (store::central_at(self), self.split_once("://")) {
            (Some(store), _) => store,
            // The rest may contain a password.
            (None, Some((scheme, _))) => Err(Error::invalid(format!(
                "cannot forward to a {scheme:?} address: only postgres:// and clickhouse:// are supported"
            ))),
            (None, None) => Err(Error::invalid(
                "cannot forward to this target: it is not an address such as postgres://user@host/database",
            )),
        }
    }
}
