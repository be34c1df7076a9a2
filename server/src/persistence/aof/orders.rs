//! What the loop wants of the thread, in order.
//!
//! ```text
//! loop    give, give_block --> [ block | rotate | block ] --> wait, take    thread
//!                          <-- [ spare buffers          ] <-- give_back
//! ```
//! Blocks come every turn of the loop. The last one grows as long as nobody has taken it, buffers go round, and the thread is
//! woken only if it sleeps: a turn costs the loop a copy, and no system call while the thread is busy.
//!
//! Invariants: orders are taken as they were given; what was given before the end is taken before it.

use super::thread::{Block, Order};
use crate::propagation::Propagation;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A block grows to about so many bytes.
const BLOCK_LEN: usize = 256 * 1024;
/// Buffers that are kept, each of at most twice the length of a block.
const SPARES_MAX: usize = 3;

/// The loop's end. Dropping it says that nothing will come any more.
pub struct Giver(Arc<Orders>);

/// The thread's end.
pub struct Taker(Arc<Orders>);

/// See the file head.
pub fn orders() -> (Giver, Taker) {
    let orders = Arc::new(Orders::default());
    (Giver(orders.clone()), Taker(orders))
}

#[derive(Default)]
struct Orders {
    queue: Mutex<Queue>,
    comes: Condvar,
}

#[derive(Default)]
struct Queue {
    orders: VecDeque<Order>,
    spares: Vec<Vec<u8>>,
    /// Clients that wait for the blocks in the queue.
    waiting: usize,
    /// The thread sleeps until so many clients wait, or another order comes.
    sleeps_until: Option<usize>,
    /// The loop gives no more.
    is_ended: bool,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// Nothing came in time.
    Yet,
    /// Nothing will come.
    Any,
}

impl Orders {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Giver {
    /// Gives an order that is no block.
    pub fn give(&self, order: Order) {
        let mut queue = self.0.queue();
        queue.orders.push_back(order);
        if queue.sleeps_until.take().is_some() {
            self.0.comes.notify_one();
        }
    }

    /// Gives the finished units of the stream, for which `waiting` clients wait. `timestamp_s`: see [`Block`].
    pub fn give_block(&self, writes: &mut Propagation, timestamp_s: Option<i64>, waiting: usize) {
        let mut queue = self.0.queue();
        let len = writes.finished().len();
        match queue.orders.back_mut() {
            Some(Order::Block(block)) if timestamp_s.is_none() && block.bytes.len() + len <= BLOCK_LEN => {
                writes.drain(&mut block.bytes);
                block.end = writes.offset();
                block.waiting += waiting;
            }
            _ => {
                let mut bytes = queue.spares.pop().unwrap_or_default();
                writes.drain(&mut bytes);
                let end = writes.offset();
                queue.orders.push_back(Order::Block(Block { timestamp_s, bytes, end, waiting }));
            }
        }
        queue.waiting += waiting;
        if queue.sleeps_until.is_some_and(|wanted| queue.waiting >= wanted) {
            queue.sleeps_until = None;
            self.0.comes.notify_one();
        }
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.queue().is_ended = true;
        self.0.comes.notify_one();
    }
}

impl Taker {
    /// Takes an order that is there.
    pub fn take(&self) -> Result<Order, Nothing> {
        let mut queue = self.0.queue();
        match queue.orders.pop_front() {
            Some(order) => {
                if let Order::Block(block) = &order {
                    queue.waiting -= block.waiting;
                }
                Ok(order)
            }
            None if queue.is_ended => Err(Nothing::Any),
            None => Err(Nothing::Yet),
        }
    }

    /// Waits until so many clients wait for the blocks in the queue, or another order is there, but no longer than that.
    pub fn wait(&self, clients: usize, patience: Option<Duration>) {
        let lacks = |queue: &mut Queue| {
            let is_enough = match queue.orders.back() {
                Some(Order::Block(_)) => queue.waiting >= clients,
                other => other.is_some(),
            };
            queue.sleeps_until = (!is_enough && !queue.is_ended).then_some(clients);
            queue.sleeps_until.is_some()
        };
        let (comes, queue) = (&self.0.comes, self.0.queue());
        let mut queue = match patience {
            None => comes.wait_while(queue, lacks).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                comes.wait_timeout_while(queue, patience, lacks).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        queue.sleeps_until = None;
    }

    /// Gives a buffer back that was written.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        let mut queue = self.0.queue();
        if queue.spares.len() < SPARES_MAX && buffer.capacity() <= 2 * BLOCK_LEN {
            buffer.clear();
            queue.spares.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::{Readers, Word};
    use std::thread;

    struct Loop {
        writes: Propagation,
        giver: Giver,
    }

    impl Loop {
        fn new() -> (Loop, Taker) {
            let mut writes = Propagation::default();
            writes.join(Readers::APPEND_ONLY_FILE);
            let (giver, taker) = orders();
            (Loop { writes, giver }, taker)
        }

        fn write(&mut self, len: usize, timestamp_s: Option<i64>) {
            self.writes.command(0, [Word::Bytes(&vec![b'x'; len])]);
            self.writes.end_unit(|| true);
            self.giver.give_block(&mut self.writes, timestamp_s, 2);
        }
    }

    /// What is taken: an order, or the waiting clients and the end of a block.
    fn taken(taker: &Taker) -> Result<(usize, u64), Option<Nothing>> {
        match taker.take() {
            Ok(Order::Block(block)) => Ok((block.waiting, block.end)),
            Ok(_) => Err(None),
            Err(nothing) => Err(Some(nothing)),
        }
    }

    #[test]
    fn blocks_grow_until_they_are_taken_or_full() {
        let (mut given, taker) = Loop::new();
        (0..3).for_each(|_| given.write(10, None));
        let joined = given.writes.offset();
        given.giver.give(Order::Rotate);
        given.write(10, None);
        let behind = given.writes.offset();
        given.write(10, Some(1));
        given.write(10, None);
        let later = given.writes.offset();
        given.write(BLOCK_LEN, None);
        assert_eq!(taken(&taker), Ok((6, joined)));
        assert_eq!(taken(&taker), Err(None));
        assert_eq!(taken(&taker), Ok((2, behind)));
        assert_eq!(taken(&taker), Ok((4, later)), "a timestamp begins a block");
        assert_eq!(taken(&taker), Ok((2, given.writes.offset())));
        assert_eq!(taken(&taker), Err(Some(Nothing::Yet)));
        given.giver.give(Order::Rotate);
        drop(given);
        assert_eq!(taken(&taker), Err(None), "what was given before the end");
        assert_eq!(taken(&taker), Err(Some(Nothing::Any)));
    }

    #[test]
    fn who_sleeps_is_woken() {
        let (mut given, taker) = Loop::new();
        let far = Duration::from_secs(600);
        let thread = thread::spawn(move || {
            let next = |clients, patience| {
                taker.wait(clients, patience);
                taken(&taker).map(|(waiting, _)| waiting)
            };
            (next(6, Some(far)), next(0, Some(far)), next(6, None), next(0, None))
        });
        (0..3).for_each(|_| given.write(10, None));
        while !given.giver.0.queue().orders.is_empty() {
            thread::yield_now();
        }
        given.write(10, None);
        while !given.giver.0.queue().orders.is_empty() {
            thread::yield_now();
        }
        given.giver.give(Order::Rotate);
        drop(given);
        assert_eq!(thread.join().unwrap(), (Ok(6), Ok(2), Err(None), Err(Some(Nothing::Any))));
    }

    #[test]
    fn buffers_go_round() {
        let (mut given, taker) = Loop::new();
        taker.give_back(Vec::with_capacity(4321));
        taker.give_back(Vec::with_capacity(3 * BLOCK_LEN));
        given.write(10, None);
        let Ok(Order::Block(first)) = taker.take() else { panic!("no block") };
        taker.give_back(first.bytes);
        given.write(10, None);
        let Ok(Order::Block(second)) = taker.take() else { panic!("no block") };
        assert_eq!(second.bytes.capacity(), 4321);
        assert_eq!(given.giver.0.queue().spares.len(), 0);
    }
}
