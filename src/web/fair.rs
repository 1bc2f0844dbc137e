//! A semaphore that no client can exhaust.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::client::Client;

/// A semaphore whose permits are shared fairly among clients.
///
/// A client may hold at most as many permits as are free: alone half of them, beside another half of the rest, and so on. So
/// there is one left for the next client, however many one client asks for. Waiting clients take turns, whatever the number of
/// their requests.
#[derive(Debug, Clone)]
pub(super) struct FairSemaphore(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    held: HashMap<Client, usize>,
    /// Clients with waiting requests, the next turn first.
    queue: VecDeque<(Client, VecDeque<oneshot::Sender<FairPermit>>)>,
}

/// A permit of a client. Dropping it passes it on.
#[derive(Debug)]
pub(super) struct FairPermit {
    semaphore: FairSemaphore,
    client: Client,
}

impl FairSemaphore {
    pub(super) fn new(permits: usize) -> Self {
        FairSemaphore(Arc::new(Mutex::new(State {
            free: permits,
            held: HashMap::new(),
            queue: VecDeque::new(),
        })))
    }

    /// Takes a permit, if the client may hold one more.
    pub(super) fn try_acquire(&self, client: &Client) -> Option<FairPermit> {
        (self.0.lock().take(client)).then(|| self.permit(client.clone()))
    }

    /// Waits for a permit.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the queue.
    pub(super) async fn acquire(&self, client: &Client) -> FairPermit {
        let permit = {
            let mut state = self.0.lock();
            // A client with a queue could not take one, or is waiting for its turn.
            let first = !state.queue.iter().any(|(waiting, _)| waiting == client);
            match first && state.take(client) {
                true => return self.permit(client.clone()),
                false => state.enqueue(client),
            }
        };
        // The sender is in the queue, which this semaphore keeps alive, until it sends.
        permit.await.expect("the sender sends before it is dropped")
    }

    fn permit(&self, client: Client) -> FairPermit {
        FairPermit {
            semaphore: self.clone(),
            client,
        }
    }

    /// Returns a client's permit, and gives free ones to those who wait.
    fn release(&self, client: &Client) {
        let granted = {
            let mut state = self.0.lock();
            state.put_back(client);
            state.grant_waiting()
        };
        // Without the lock: a permit that is not received is dropped here, and released again.
        for (client, waiter) in granted {
            let _ = waiter.send(self.permit(client));
        }
    }
}

impl State {
    /// Takes a permit, if the client may hold one more.
    fn take(&mut self, client: &Client) -> bool {
        let held = self.held.get(client).copied().unwrap_or(0);
        let may = held < self.free;
        if may {
            self.free -= 1;
            self.held.insert(client.clone(), held + 1);
        }
        may
    }

    fn put_back(&mut self, client: &Client) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(client) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(client);
            }
        }
    }

    fn enqueue(&mut self, client: &Client) -> oneshot::Receiver<FairPermit> {
        let (sender, receiver) = oneshot::channel();
        match self.queue.iter_mut().find(|(one, _)| one == client) {
            Some((_, waiters)) => waiters.push_back(sender),
            None => self.queue.push_back((client.clone(), [sender].into())),
        }
        receiver
    }

    /// Takes permits for waiting requests, one of each client in turn.
    fn grant_waiting(&mut self) -> Vec<(Client, oneshot::Sender<FairPermit>)> {
        let mut granted = Vec::new();
        let mut passed = 0;
        while passed < self.queue.len() {
            let Some((client, mut waiters)) = self.queue.pop_front() else {
                break;
            };
            waiters.retain(|waiter| !waiter.is_closed());
            match waiters.is_empty() || !self.take(&client) {
                // Those it has passed keep their turns.
                true => passed += usize::from(!waiters.is_empty()),
                false => {
                    granted.extend(waiters.pop_front().map(|waiter| (client.clone(), waiter)));
                    passed = 0;
                }
            }
            if !waiters.is_empty() {
                self.queue.push_back((client, waiters));
            }
        }
        granted
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        self.semaphore.release(&self.client);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, future::Future, pin::Pin, task};

    use http::Request;
    use proptest::prelude::*;

    use super::*;
    use crate::web::client::Credential;

    fn client(name: usize) -> Client {
        let (parts, ()) = Request::new(()).into_parts();
        let scope = Some(name.to_string().into());
        Client::new(Credential::Application(scope), &parts)
    }

    type Acquire = Pin<Box<dyn Future<Output = FairPermit>>>;

    /// Begins to wait; returns the permit if there is one at once.
    fn acquire(semaphore: &FairSemaphore, name: usize) -> Result<FairPermit, Acquire> {
        let semaphore = semaphore.clone();
        let mut waiting: Acquire = Box::pin(async move { semaphore.acquire(&client(name)).await });
        poll(&mut waiting).ok_or(waiting)
    }

    fn poll(waiting: &mut Acquire) -> Option<FairPermit> {
        let mut context = task::Context::from_waker(task::Waker::noop());
        match waiting.as_mut().poll(&mut context) {
            task::Poll::Ready(permit) => Some(permit),
            task::Poll::Pending => None,
        }
    }

    #[test]
    fn a_client_takes_half_of_the_permits_and_leaves_the_rest_to_others() {
        let semaphore = FairSemaphore::new(64);
        let taken = |name| {
            let all = std::iter::from_fn(|| semaphore.try_acquire(&client(name)));
            std::mem::ManuallyDrop::new(all.collect::<Vec<_>>()).len()
        };
        assert_eq!([1, 2, 3, 4, 5, 6].map(taken), [32, 16, 8, 4, 2, 1]);
    }

    #[test]
    fn waiting_clients_take_turns() {
        let semaphore = FairSemaphore::new(2);
        let held = semaphore.try_acquire(&client(1)).unwrap();
        let mut waiting = Vec::new();
        for name in [1, 1, 1, 2, 3] {
            match acquire(&semaphore, name) {
                Ok(permit) => drop(permit),
                Err(future) => waiting.push((name, future)),
            }
        }
        // The second permit is not for the client that holds the first.
        assert_eq!(
            waiting.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            [1, 1, 1]
        );
        let other = semaphore.try_acquire(&client(2)).unwrap();
        let (last, future) = (3, acquire(&semaphore, 3).unwrap_err());
        waiting.push((last, future));
        drop(held);
        let mut order = Vec::new();
        while let Some(place) = waiting.iter_mut().position(|(_, future)| {
            // Dropped at once: the next one's turn.
            poll(future).is_some()
        }) {
            order.push(waiting.remove(place).0);
        }
        assert_eq!(order, [1, 3, 1, 1]);
        drop(other);
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Acquire(usize),
        Release(usize),
        GiveUp(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..4usize).prop_map(Act::Acquire),
            (0..16usize).prop_map(Act::Release),
            (0..16usize).prop_map(Act::GiveUp),
        ]
    }

    proptest! {
        #[test]
        fn no_permit_is_lost_and_no_client_is_starved(
            total in 1..9usize,
            acts in prop::collection::vec(act(), 0..80),
        ) {
            let semaphore = FairSemaphore::new(total);
            let (mut held, mut waiting) = (Vec::new(), Vec::new());
            for act in acts {
                match act {
                    Act::Acquire(name) => match acquire(&semaphore, name) {
                        Ok(permit) => held.push((name, permit)),
                        Err(future) => waiting.push((name, future)),
                    },
                    Act::Release(place) if place < held.len() => drop(held.remove(place)),
                    Act::GiveUp(place) if place < waiting.len() => drop(waiting.remove(place)),
                    Act::Release(_) | Act::GiveUp(_) => {}
                }
                waiting.retain_mut(|(name, future)| match poll(future) {
                    Some(permit) => {
                        held.push((*name, permit));
                        false
                    }
                    None => true,
                });
                let free = semaphore.0.lock().free;
                prop_assert_eq!(free + held.len(), total);
                // While a permit is free, only clients that hold as many wait.
                for name in waiting.iter().map(|(name, _)| *name).collect::<HashSet<_>>() {
                    let own = held.iter().filter(|(one, _)| *one == name).count();
                    prop_assert!(own >= free, "{name} holds {own} and waits, {free} are free");
                }
            }
            held.clear();
            while !waiting.is_empty() {
                let before = waiting.len();
                waiting.retain_mut(|(_, future)| poll(future).is_none());
                prop_assert!(waiting.len() < before, "{before} wait forever");
            }
            let state = semaphore.0.lock();
            prop_assert_eq!(state.free, total);
            prop_assert!(state.held.is_empty() && state.queue.is_empty());
        }
    }
}
