//! Queues of calls that wait for the writer, each until it is answered or times out.

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::pipeline::receipt_sender::{cancel_guarded, send_guarded};

/// The longest timeout: a year, so that `Instant` arithmetic does not overflow.
pub(crate) const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A queue of calls that wait for a `T`, in order of their deadlines.
///
/// On timeout the sender is dropped. A timer thread does it while any call waits, because the writer may block in the
/// store, and calls may run under any runtime.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    queue: Mutex<Queue<T>>,
    /// Wakes the timer thread when the queue is closed.
    closing: Condvar,
    timeout: Duration,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<Waiter<T>>,
    /// The number of waiters so far, which is the last one's number.
    pushed: u64,
    /// Waiters that were dropped without an answer: after their timeout, or when the queue was closed.
    expired: u64,
    /// True while the timer thread runs.
    has_timer: bool,
    closed: bool,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    deadline: Instant,
    sender: oneshot::Sender<T>,
}

impl<T: Send + 'static> Waiters<T> {
    pub(crate) fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(Waiters {
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                pushed: 0,
                expired: 0,
                has_timer: false,
                closed: false,
            }),
            closing: Condvar::new(),
            timeout: timeout.min(FOREVER),
        })
    }

    /// Adds a waiter. Its receiver gets the answer, or an error after the timeout and when the log is shut down.
    pub(crate) fn wait(self: &Arc<Self>) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue.lock();
        if queue.closed {
            queue.expired += 1;
            return receiver;
        }
        if !queue.has_timer {
            let waiters = self.clone();
            let timer = thread::Builder::new().name("activity-timer".into());
            // Without a timer thread the wait would not be bounded.
            if timer.spawn(move || waiters.run_timer()).is_err() {
                queue.expired += 1;
                return receiver;
            }
            queue.has_timer = true;
        }
        let cancelled = queue.remove_cancelled();
        queue.pushed += 1;
        let number = queue.pushed;
        queue.waiting.push_back(Waiter {
            number,
            deadline: Instant::now() + self.timeout,
            sender,
        });
        drop(queue);
        drop(cancelled);
        receiver
    }

    /// Returns the number of waiters that were dropped without an answer.
    pub(crate) fn expired(&self) -> u64 {
        self.queue.lock().expired
    }

    /// Returns the number of the last waiter.
    pub(crate) fn last(&self) -> u64 {
        self.queue.lock().pushed
    }

    /// Answers all waiters up to the number `last`.
    pub(crate) fn answer_until(&self, last: u64, mut answer: impl FnMut() -> T) {
        let mut queue = self.queue.lock();
        let count = queue.waiting.partition_point(|one| one.number <= last);
        let served: Vec<_> = queue.waiting.drain(..count).collect();
        drop(queue);
        for waiter in served {
            // The call may have been cancelled.
            let _ = send_guarded(waiter.sender, answer());
        }
    }

    /// Answers one waiter after the other while `next` returns values. Calls `on_empty`, under the queue's lock, when none
    /// is left.
    pub(crate) fn serve(&self, mut next: impl FnMut() -> Option<T>, on_empty: impl FnOnce()) {
        let mut left = None;
        loop {
            let mut queue = self.queue.lock();
            if queue.waiting.is_empty() {
                on_empty();
                break;
            }
            let Some(answer) = left.take().or_else(&mut next) else {
                break;
            };
            let waiter = queue.waiting.pop_front();
            drop(queue);
            // If a waiter was cancelled, its value goes to the next.
            left = match waiter {
                Some(waiter) => send_guarded(waiter.sender, answer).err(),
                None => Some(answer),
            };
        }
    }

    /// Drops all waiters without an answer, and all later ones.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        let expired = mem::take(&mut queue.waiting);
        queue.expired += expired.iter().filter(|one| one.is_waiting()).count() as u64;
        drop(queue);
        self.closing.notify_all();
        expired
            .into_iter()
            .for_each(|one| cancel_guarded(one.sender));
    }

    /// Drops waiters at their deadlines. Returns after a timeout without any waiter.
    fn run_timer(&self) {
        let mut queue = self.queue.lock();
        while !queue.closed {
            let now = Instant::now();
            match queue.waiting.front().map(|first| first.deadline) {
                Some(deadline) if deadline <= now => {
                    let late = queue.waiting.pop_front();
                    queue.expired += u64::from(late.as_ref().is_some_and(Waiter::is_waiting));
                    // Wakes a task: not under the lock.
                    drop(queue);
                    late.into_iter().for_each(|one| cancel_guarded(one.sender));
                    queue = self.queue.lock();
                }
                Some(deadline) => drop(self.closing.wait_until(&mut queue, deadline)),
                None => {
                    let pushed = queue.pushed;
                    self.closing.wait_for(&mut queue, self.timeout);
                    if queue.pushed == pushed {
                        break;
                    }
                }
            }
        }
        queue.has_timer = false;
    }
}

impl<T> Queue<T> {
    /// Removes cancelled waiters when the queue would have to grow, so that its size follows the number of live ones.
    /// Returns them, to be dropped outside of the lock.
    fn remove_cancelled(&mut self) -> VecDeque<Waiter<T>> {
        if self.waiting.len() < self.waiting.capacity() {
            return VecDeque::new();
        }
        let all = mem::take(&mut self.waiting).into_iter();
        let (waiting, cancelled) = all.partition(Waiter::is_waiting);
        self.waiting = waiting;
        // Twice the size, so that the next scan is as many waiters away.
        self.waiting.reserve(self.waiting.len() + 1);
        cancelled
    }
}

impl<T> Waiter<T> {
    /// Returns false if the call was cancelled.
    fn is_waiting(&self) -> bool {
        !self.sender.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiters(timeout: Duration) -> Arc<Waiters<u32>> {
        Waiters::new(timeout)
    }

    #[test]
    fn waiters_up_to_a_number_are_answered_and_no_others() {
        let waiters = waiters(Duration::from_secs(3600));
        let mut first = waiters.wait();
        let last = waiters.last();
        let mut second = waiters.wait();
        waiters.answer_until(last, || 7);
        assert_eq!(first.try_recv(), Ok(7));
        assert!(second.try_recv().is_err());
        waiters.answer_until(last, || 8);
        assert!(second.try_recv().is_err(), "the number stays behind");
        waiters.close();
        assert!(second.blocking_recv().is_err());
    }

    #[test]
    fn the_value_of_a_cancelled_waiter_goes_to_the_next() {
        let waiters = waiters(Duration::from_secs(3600));
        drop(waiters.wait());
        let mut second = waiters.wait();
        let mut values = vec![7];
        let mut is_empty = false;
        waiters.serve(|| values.pop(), || is_empty = true);
        assert_eq!((second.try_recv(), is_empty), (Ok(7), true));
        waiters.close();
    }

    #[test]
    fn cancelled_waiters_take_no_memory() {
        let waiters = waiters(Duration::from_secs(3600));
        let mut first = waiters.wait();
        (0..10_000).for_each(|_| drop(waiters.wait()));
        let mut last = waiters.wait();
        assert!(waiters.queue.lock().waiting.capacity() < 100);
        waiters.answer_until(waiters.last() - 1, || 7);
        assert_eq!(first.try_recv(), Ok(7));
        assert!(last.try_recv().is_err());
        waiters.close();
        assert_eq!(waiters.expired(), 1);
    }

    #[test]
    fn no_waiter_waits_longer_than_the_timeout() {
        let waiters = waiters(Duration::from_millis(1));
        for _ in 0..3 {
            assert!(waiters.wait().blocking_recv().is_err());
        }
        assert_eq!(waiters.expired(), 3);
    }

    #[test]
    fn no_waiter_waits_in_a_closed_queue() {
        let waiters = waiters(FOREVER);
        let before = waiters.wait();
        waiters.close();
        assert!(before.blocking_recv().is_err());
        assert!(waiters.wait().blocking_recv().is_err());
    }
}
