//! The bytes before and behind a proxy.

use std::{fs, path::Path, process::Command};

use super::text;
use crate::run::{Result, root};

/// Returns the command of a server behind a proxy, whose store and bytes are in a folder.
pub(crate) fn proxied(activity: &Path, folder: &Path, server: &[String]) -> Vec<String> {
    let script = root().join("xtask/servers/wire.sh");
    let wire = [
        String::from("sh"),
        text(&script),
        text(&folder.join("wire")),
    ];
    let store = text(&folder.join("activity.db"));
    let proxy = [&text(activity), "--store", &store, "proxy", "--"].map(str::to_owned);
    [&wire[..], &proxy, &wire, server].concat()
}

/// Returns the command of an HTTP server behind a proxy over HTTP, whose store and bytes are in a folder: each exchange is a
/// connection.
pub(crate) fn relayed(activity: &Path, folder: &Path, server: &Command) -> Command {
    let mut relay = Command::new("node");
    relay.arg(root().join("xtask/servers/relay.mjs"));
    relay.args([folder, activity]);
    relay.arg(server.get_program()).args(server.get_args());
    relay
}

/// Checks that each connection in a folder passed the same bytes before and behind the proxy. Waits for the end of its
/// processes. Returns the number of bytes.
///
/// # Errors
///
/// If bytes differ, or there is no connection.
pub(crate) fn compare(folder: &Path) -> Result<u64> {
    let mut all = 0;
    for connection in fs::read_dir(folder)? {
        let connection = connection?.path();
        // Held by all its processes.
        let waited = Command::new("flock")
            .arg(connection.join("lock"))
            .arg("true")
            .status()?;
        if !waited.success() {
            return Err(format!("flock: {waited}").into());
        }
        for side in ["client", "server"] {
            let read = |at: &str| fs::read(connection.join(format!("{side}-{at}")));
            let (before, behind) = (read("before")?, read("behind")?);
            if before != behind {
                let at = before
                    .iter()
                    .zip(&behind)
                    .position(|(one, other)| one != other);
                return Err(format!(
                    "bytes of the {side} differ at {at:?}: {} before and {} behind the proxy, in {}",
                    before.len(),
                    behind.len(),
                    connection.display()
                )
                .into());
            }
            if before.is_empty() {
                return Err(format!("the {side} sent nothing").into());
            }
            all += before.len() as u64;
        }
    }
    match all {
        0 => Err("no bytes passed the proxy".into()),
        all => Ok(all),
    }
}
