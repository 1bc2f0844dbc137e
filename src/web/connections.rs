//! The connections of a server, limited so that no client keeps others out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    client::{Client, Peer},
    fair::{FairPermit, FairSemaphore},
    problem::Problem,
};

/// Connections that have sent an authorized request.
const MAX_AUTHORIZED: usize = 512;
/// Connections that have not, such as those that are still sending the head of their first request. So many that some hundred of
/// one address leave the others of that address the time to send a request; with the authorized ones fewer than the 1,024
/// descriptors that a process usually may open.
const MAX_UNAUTHORIZED: usize = 400;

/// The open connections. Clones share them.
///
/// A connection begins as unauthorized. These never keep a new one out: when there are too many, the address with the most of
/// them loses its oldest. Its first authorized request makes a connection one of its client, and those are shared fairly, or not
/// limited.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    /// `None` if they are not limited.
    authorized: Option<FairSemaphore>,
    /// The oldest first.
    unauthorized: Arc<Mutex<Vec<Unauthorized>>>,
    next: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Unauthorized {
    number: u64,
    peer: Peer,
    close: Arc<Notify>,
}

/// An open connection, and an extension of each of its requests.
#[derive(Debug, Clone)]
pub(super) struct Connection(Arc<State>);

#[derive(Debug)]
struct State {
    number: u64,
    close: Arc<Notify>,
    connections: Connections,
    authorization: Mutex<Authorization>,
}

#[derive(Debug, Default)]
enum Authorization {
    #[default]
    None,
    Fair {
        _permit: FairPermit,
    },
    Unlimited,
}

impl Connections {
    /// Those with authorized requests are limited, and shared fairly by their clients.
    pub(super) fn shared_fairly() -> Self {
        Connections::new(Some(FairSemaphore::new(MAX_AUTHORIZED)))
    }

    /// Those with authorized requests are not limited.
    pub(super) fn unlimited() -> Self {
        Connections::new(None)
    }

    fn new(authorized: Option<FairSemaphore>) -> Self {
        Connections {
            authorized,
            unauthorized: Arc::default(),
            next: Arc::default(),
        }
    }

    /// Adds a connection that was accepted.
    pub(super) fn add(&self, peer: Peer) -> Connection {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let close = Arc::new(Notify::new());
        let mut unauthorized = self.unauthorized.lock();
        if unauthorized.len() >= MAX_UNAUTHORIZED {
            close_one(&mut unauthorized);
        }
        unauthorized.push(Unauthorized {
            number,
            peer,
            close: close.clone(),
        });
        Connection(Arc::new(State {
            number,
            close,
            connections: self.clone(),
            authorization: Mutex::default(),
        }))
    }

    /// Removes a connection from the unauthorized ones, if it is one of them.
    fn remove(&self, number: u64) {
        let mut unauthorized = self.unauthorized.lock();
        unauthorized.retain(|one| one.number != number);
    }
}

/// Closes the oldest connection of the address that has the most.
fn close_one(unauthorized: &mut Vec<Unauthorized>) {
    let count = |peer: Peer| unauthorized.iter().filter(|one| one.peer == peer).count();
    // Of equal numbers the last is taken: in reverse, the oldest.
    let most = (0..unauthorized.len())
        .rev()
        .max_by_key(|place| count(unauthorized[*place].peer));
    if let Some(place) = most {
        unauthorized.remove(place).close.notify_one();
    }
}

impl Connection {
    /// Makes this a connection of the client that has sent an authorized request.
    ///
    /// # Errors
    ///
    /// If the client has too many connections.
    pub(super) fn authorize(&self, client: &Client) -> Result<(), Problem> {
        let mut authorization = self.0.authorization.lock();
        if matches!(*authorization, Authorization::None) {
            *authorization = match &self.0.connections.authorized {
                None => Authorization::Unlimited,
                Some(authorized) => match authorized.try_acquire(client) {
                    Some(permit) => Authorization::Fair { _permit: permit },
                    None => return Err(Problem::busy("too many connections of this client")),
                },
            };
            // Also if it was chosen to be closed meanwhile: its request came before it was.
            self.0.connections.remove(self.0.number);
        }
        Ok(())
    }

    /// Waits until it has to make room for another connection, which it does only until it is authorized.
    pub(super) async fn closed(&self) {
        loop {
            self.0.close.notified().await;
            if matches!(*self.0.authorization.lock(), Authorization::None) {
                return;
            }
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.connections.remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Context};

    use super::*;

    #[test]
    fn a_connection_that_is_authorized_when_it_is_chosen_to_be_closed_stays_open() {
        let is_closed = |one: &Connection| {
            let mut context = Context::from_waker(std::task::Waker::noop());
            pin!(one.closed()).poll(&mut context).is_ready()
        };
        let connections = Connections::shared_fairly();
        let peer = Peer::from_ip(None);
        let [first, second] = [connections.add(peer), connections.add(peer)];
        let others: Vec<_> = (0..MAX_UNAUTHORIZED)
            .map(|_| connections.add(peer))
            .collect();
        first.authorize(&Client::SERVER).unwrap();
        assert!(!is_closed(&first));
        assert!(is_closed(&second));
        assert!(others.iter().all(|one| !is_closed(one)));
    }
}
