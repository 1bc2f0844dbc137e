//! Calls that wait for the writer, each until it is answered or its time is up.

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

/// The longest that anything waits: for ever, and still a point in time.
pub(crate) const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A queue of calls that wait for a `T`, in order of their deadlines.
///
/// Whose time is up gets nothing: its sender is dropped. A thread of its own sees to that while anybody waits,
/// because the writer may be stuck in the store, and a call may run under any runtime.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    queue: Mutex<Queue<T>>,
    /// Tells the timer that the queue was closed.
    closing: Condvar,
    timeout: Duration,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<Waiter<T>>,
    /// How many have ever waited: the last one's number.
    pushed: u64,
    /// How many were there until their time was up, or the queue was closed.
    expired: u64,
    timed: bool,
    closed: bool,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    deadline: Instant,
    answer: oneshot::Sender<T>,
}

impl<T: Send + 'static> Waiters<T> {
    pub(crate) fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(Waiters {
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                pushed: 0,
                expired: 0,
                timed: false,
                closed: false,
            }),
            closing: Condvar::new(),
            timeout: timeout.min(FOREVER),
        })
    }

    /// Queues up. What is received is the answer, or nothing when the time is up or the log was shut down.
    pub(crate) fn wait(self: &Arc<Self>) -> oneshot::Receiver<T> {
        let (answer, answered) = oneshot::channel();
        let mut queue = self.queue.lock();
        if queue.closed {
            queue.expired += 1;
            return answered;
        }
        if !queue.timed {
            let waiters = self.clone();
            let timer = thread::Builder::new().name("activity-timer".into());
            // Without a timer nobody may wait.
            if timer.spawn(move || waiters.run_timer()).is_err() {
                queue.expired += 1;
                return answered;
            }
            queue.timed = true;
        }
        let gone = queue.make_room();
        queue.pushed += 1;
        let number = queue.pushed;
        queue.waiting.push_back(Waiter {
            number,
            deadline: Instant::now() + self.timeout,
            answer,
        });
        drop(queue);
        drop(gone);
        answered
    }

    /// How many were still there when they got nothing.
    pub(crate) fn expired(&self) -> u64 {
        self.queue.lock().expired
    }

    /// The number of the last one who waits.
    pub(crate) fn last(&self) -> u64 {
        self.queue.lock().pushed
    }

    /// Answers all up to this number.
    pub(crate) fn answer_until(&self, last: u64, mut answer: impl FnMut() -> T) {
        let mut queue = self.queue.lock();
        let count = queue.waiting.partition_point(|one| one.number <= last);
        let served: Vec<_> = queue.waiting.drain(..count).collect();
        drop(queue);
        for waiter in served {
            // Whoever waited may have given up.
            let _ = send_guarded(waiter.answer, answer());
        }
    }

    /// Answers one after the other for as long as there is something to give. `nobody` is told, under the queue's
    /// lock, that none is left.
    pub(crate) fn serve(&self, mut next: impl FnMut() -> Option<T>, nobody: impl FnOnce()) {
        let mut left = None;
        loop {
            let mut queue = self.queue.lock();
            if queue.waiting.is_empty() {
                nobody();
                break;
            }
            let Some(answer) = left.take().or_else(&mut next) else {
                break;
            };
            let waiter = queue.waiting.pop_front();
            drop(queue);
            // What one who has given up does not take is the next one's.
            left = match waiter {
                Some(waiter) => send_guarded(waiter.answer, answer).err(),
                None => Some(answer),
            };
        }
    }

    /// Sends away all who wait, and whoever comes.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        let expired = mem::take(&mut queue.waiting);
        queue.expired += expired.iter().filter(|one| one.is_there()).count() as u64;
        drop(queue);
        self.closing.notify_all();
        expired
            .into_iter()
            .for_each(|one| cancel_guarded(one.answer));
    }

    /// Sends away whose time is up, until nobody has come for as long as one may wait.
    fn run_timer(&self) {
        let mut queue = self.queue.lock();
        while !queue.closed {
            let now = Instant::now();
            match queue.waiting.front().map(|first| first.deadline) {
                Some(deadline) if deadline <= now => {
                    let late = queue.waiting.pop_front();
                    queue.expired += u64::from(late.as_ref().is_some_and(Waiter::is_there));
                    // Wakes a task: not under the lock.
                    drop(queue);
                    late.into_iter().for_each(|one| cancel_guarded(one.answer));
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
        queue.timed = false;
    }
}

impl<T> Queue<T> {
    /// Takes out who has given up where the queue would have to grow, so that it never takes much more than those
    /// who are there.
    fn make_room(&mut self) -> VecDeque<Waiter<T>> {
        if self.waiting.len() < self.waiting.capacity() {
            return VecDeque::new();
        }
        let all = mem::take(&mut self.waiting).into_iter();
        let (waiting, gone) = all.partition(Waiter::is_there);
        self.waiting = waiting;
        // As many again, so that it is not looked through for each who comes.
        self.waiting.reserve(self.waiting.len() + 1);
        gone
    }
}

impl<T> Waiter<T> {
    /// Has not given up.
    fn is_there(&self) -> bool {
        !self.answer.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiters(timeout: Duration) -> Arc<Waiters<u32>> {
        Waiters::new(timeout)
    }

    #[test]
    fn those_up_to_a_number_are_answered_and_no_others() {
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
    fn what_one_who_gave_up_does_not_take_is_the_next_ones() {
        let waiters = waiters(Duration::from_secs(3600));
        drop(waiters.wait());
        let mut patient = waiters.wait();
        let mut gifts = vec![7];
        let mut nobody_left = false;
        waiters.serve(|| gifts.pop(), || nobody_left = true);
        assert_eq!((patient.try_recv(), nobody_left), (Ok(7), true));
        waiters.close();
    }

    #[test]
    fn those_who_give_up_take_no_room() {
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
    fn nobody_waits_longer_than_the_timeout() {
        let waiters = waiters(Duration::from_millis(1));
        for _ in 0..3 {
            assert!(waiters.wait().blocking_recv().is_err());
        }
        assert_eq!(waiters.expired(), 3);
    }

    #[test]
    fn nobody_waits_in_a_closed_queue() {
        let waiters = waiters(FOREVER);
        let before = waiters.wait();
        waiters.close();
        assert!(before.blocking_recv().is_err());
        assert!(waiters.wait().blocking_recv().is_err());
    }
}
