//! The store that a router reads, as the header of every page names it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{LogCounts, Store, hostname};

/// The store whose records the API returns.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(in crate::web) struct StoreResponse {
    /// Its name: that of a file, or the address of a database without user and password; `null` for clients with limited access.
    pub(super) name: Option<String>,
    /// The host whose file it is; `null` for a central store, and for clients with limited access.
    pub(super) host: Option<String>,
    /// The numbers of logs of a central store; `null` for a file, which has the records of one machine, and for clients with
    /// limited access.
    pub(super) logs: Option<LogCounts>,
}

impl StoreResponse {
    /// Describes a store, without its logs.
    pub(in crate::web) fn new(store: &dyn Store) -> Self {
        // Without its folder: pages may be seen by people who have no account on this machine.
        let file = store
            .file()
            .map(|file| file.file_name().unwrap_or_default());
        StoreResponse {
            name: Some(match file {
                Some(name) => name.to_string_lossy().into_owned(),
                None => store.name(),
            }),
            host: file.map(|_| hostname()),
            logs: None,
        }
    }
}
