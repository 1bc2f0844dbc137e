//! Opens addresses in a browser.

use crate::print;

/// Opens an address in the user's browser, by the program that the platform has for it.
///
/// Its arguments are in the list of processes, which other users can read: the address must not have a secret.
pub(crate) fn open(address: &str) {
    if let Err(error) = open::that_detached(address) {
        print::note(&format!("note: no browser could be opened: {error}"));
    }
}
