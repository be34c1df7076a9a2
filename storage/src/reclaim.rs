//! Retirement by epoch: who frees memory that a frozen view may still read.
//!
//! A structure that is frozen hands out a view for another thread and from then on never writes to memory
//! the view can see. What it replaces or drops meanwhile is *retired* here and freed once no view can see it.
//!
//! Invariants:
//! - Every object has exactly one live owner. A view is no owner and never frees anything.
//! - The epoch is the number of views begun so far. An object retired in epoch `e` may be seen by views of
//!   epoch `e` and before, never by later ones: it is freed when all of the former have ended.
//! - A view ends with a release store that the owner's acquire load pairs with, so that all of the view's reads
//!   happen before the free.
//! - No call does unbounded work: the lists are chunked (no growing array to copy), `collect` takes a budget.
#![allow(unsafe_code)]

use std::collections::{LinkedList, VecDeque};
use std::fmt;
use std::mem;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Retired objects in one chunk.
const CHUNK: usize = 1024;

/// Frees one retired object; called with the argument given at retirement, on any thread.
pub type Free = unsafe fn(NonNull<u8>, usize);

/// A large retired structure that is freed in steps.
pub trait Garbage: Send {
    /// Frees about `budget` objects; says how many, 0 when nothing is left.
    fn free_some(&mut self, budget: usize) -> usize;
}

/// The epoch, the live views and what is to be freed after them.
#[derive(Default)]
pub struct Reclaim {
    epoch: u64,
    live: Liveness,
    views: Vec<Arc<ViewState>>,
    chunks: LinkedList<Chunk>,
    large: VecDeque<(u64, Box<dyn Garbage>)>,
    pending: usize,
    kept_bytes: u64,
}

impl Reclaim {
    /// Nothing retired and no view.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a view of what exists now. Until the guard is dropped, on whatever thread, nothing that is
    /// retired from now on is freed.
    pub fn begin_view(&mut self) -> ViewGuard {
        self.forget_ended_views();
        self.epoch += 1;
        let state = Arc::new(ViewState { epoch: self.epoch, ended: AtomicBool::new(false) });
        self.live.0.fetch_add(1, Ordering::Relaxed);
        self.views.push(Arc::clone(&state));
        ViewGuard { state, live: self.live.clone() }
    }

    /// Whether any view is live; a handle that a frozen structure keeps to ask for itself.
    pub fn liveness(&self) -> &Liveness {
        &self.live
    }

    /// Frees the object of so many bytes in a later `collect`, when no view lives that could see it.
    ///
    /// # Safety
    /// `free(ptr, argument)` must be sound once, on any thread, at any later time; the caller gives the
    /// object up.
    pub unsafe fn defer(&mut self, ptr: NonNull<u8>, argument: usize, bytes: usize, free: Free) {
        let item = Retired { ptr, argument, free };
        self.pending += 1;
        self.kept_bytes += bytes as u64;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.epoch == self.epoch && chunk.items.len() < CHUNK => chunk.items.push(item),
            _ => {
                let mut items = Vec::with_capacity(CHUNK);
                items.push(item);
                self.chunks.push_back(Chunk { epoch: self.epoch, items });
            }
        }
    }

    /// Takes over a large structure, to be freed in steps when no view can see it. Of its bytes, count so many.
    pub fn retire_large(&mut self, garbage: Box<dyn Garbage>, bytes: usize) {
        self.kept_bytes += bytes as u64;
        self.large.push_back((self.epoch, garbage));
    }

    /// Frees about `budget` of the objects that no view can see; says how many, 0 when there are none.
    pub fn collect(&mut self, budget: usize) -> usize {
        if self.is_empty() {
            return 0;
        }
        let horizon = self.horizon();
        let mut freed = 0;
        while freed < budget
            && let Some(chunk) = self.chunks.front_mut()
            && chunk.epoch < horizon
        {
            freed += chunk.free_some(budget - freed);
            if chunk.items.is_empty() {
                self.chunks.pop_front();
            }
        }
        self.pending -= freed;
        while freed < budget
            && let Some((epoch, garbage)) = self.large.front_mut()
            && *epoch < horizon
        {
            let step = garbage.free_some(budget - freed);
            freed += step;
            if step == 0 {
                self.large.pop_front();
            }
        }
        freed
    }

    /// Hands out something that no view can see, for another thread to free by dropping it.
    pub fn take_garbage(&mut self) -> Option<Box<dyn Garbage>> {
        let horizon = self.horizon();
        if self.chunks.front().is_some_and(|chunk| chunk.epoch < horizon) {
            let chunk = self.chunks.pop_front()?;
            self.pending -= chunk.items.len();
            return Some(Box::new(chunk));
        }
        if self.large.front().is_some_and(|(epoch, _)| *epoch < horizon) {
            return self.large.pop_front().map(|(_, garbage)| garbage);
        }
        None
    }

    /// Objects that wait to be freed, large structures not counted.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Bytes of all that was ever retired: what views made their owner keep beside what it went on with.
    pub fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Whether nothing waits to be freed.
    pub fn is_empty(&self) -> bool {
        self.pending == 0 && self.large.is_empty()
    }

    /// Views that have not ended.
    pub fn live_views(&self) -> usize {
        self.live.0.load(Ordering::Acquire)
    }

    /// The epoch of the oldest live view: what was retired before it can be freed.
    fn horizon(&mut self) -> u64 {
        self.forget_ended_views();
        self.views.first().map_or(u64::MAX, |oldest| oldest.epoch)
    }

    fn forget_ended_views(&mut self) {
        self.views.retain(|view| !view.ended.load(Ordering::Acquire));
    }
}

impl Drop for Reclaim {
    /// Frees what is left. While views live, what they may see is leaked: that is safe, freeing it is not.
    fn drop(&mut self) {
        while self.collect(CHUNK) > 0 {}
        mem::take(&mut self.chunks).into_iter().for_each(mem::forget);
        self.large.drain(..).for_each(mem::forget);
    }
}

impl fmt::Debug for Reclaim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epoch, views) = (self.epoch, self.live_views());
        write!(formatter, "Reclaim {{ epoch: {epoch}, live views: {views}, pending: {} }}", self.pending)
    }
}

/// Tells whether any view of one `Reclaim` is live. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<AtomicUsize>);

impl Liveness {
    /// Whether any view is live. When not, all reads of all views have happened before.
    #[inline]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }
}

/// Keeps a view alive: dropped, the view has ended and what it saw may be freed.
#[derive(Debug)]
pub struct ViewGuard {
    state: Arc<ViewState>,
    live: Liveness,
}

impl Drop for ViewGuard {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        self.live.0.fetch_sub(1, Ordering::Release);
    }
}

#[derive(Debug)]
struct ViewState {
    epoch: u64,
    ended: AtomicBool,
}

/// Objects retired in one epoch.
struct Chunk {
    epoch: u64,
    items: Vec<Retired>,
}

impl Garbage for Chunk {
    fn free_some(&mut self, budget: usize) -> usize {
        let count = budget.min(self.items.len());
        for item in self.items.drain(self.items.len() - count..) {
            // SAFETY: promised at retirement; whoever holds a chunk to free it has seen all its views end.
            unsafe { (item.free)(item.ptr, item.argument) }
        }
        count
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.free_some(usize::MAX);
    }
}

struct Retired {
    ptr: NonNull<u8>,
    argument: usize,
    free: Free,
}

// SAFETY: retirement requires that the object can be freed on any thread.
unsafe impl Send for Retired {}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe fn count(ptr: NonNull<u8>, amount: usize) {
        // SAFETY: the tests below retire only pointers to live counters.
        unsafe { ptr.cast::<AtomicUsize>().as_ref() }.fetch_add(amount, Ordering::Relaxed);
    }

    fn retire(reclaim: &mut Reclaim, counter: &AtomicUsize) {
        // SAFETY: the counters outlive the reclaim.
        unsafe { reclaim.defer(NonNull::from(counter).cast(), 1, 100, count) }
    }

    #[test]
    fn without_views_objects_are_freed_by_the_next_collect() {
        let counter = AtomicUsize::new(0);
        let mut reclaim = Reclaim::new();
        retire(&mut reclaim, &counter);
        assert_eq!(reclaim.collect(100), 1);
        assert_eq!(counter.load(Ordering::Relaxed), 1);
        assert!(reclaim.is_empty());
        assert_eq!(reclaim.kept_bytes(), 100, "it is a sum over all time");
    }

    #[test]
    fn an_object_waits_for_its_own_view_and_all_before_it() {
        let counters = [const { AtomicUsize::new(0) }; 3];
        let freed = |n: usize| counters[n].load(Ordering::Relaxed);
        let mut reclaim = Reclaim::new();
        let first = reclaim.begin_view();
        retire(&mut reclaim, &counters[0]);
        let second = reclaim.begin_view();
        retire(&mut reclaim, &counters[1]);
        let third = reclaim.begin_view();
        retire(&mut reclaim, &counters[2]);

        drop(second);
        assert_eq!(reclaim.collect(100), 0, "the first view may see everything");
        drop(first);
        assert_eq!(reclaim.collect(100), 2);
        assert_eq!((freed(0), freed(1), freed(2)), (1, 1, 0));
        drop(third);
        assert_eq!(reclaim.collect(100), 1);
        assert_eq!((freed(2), reclaim.pending()), (1, 0));
    }

    #[test]
    fn collecting_keeps_to_its_budget() {
        let counter = AtomicUsize::new(0);
        let mut reclaim = Reclaim::new();
        let view = reclaim.begin_view();
        (0..3 * CHUNK).for_each(|_| retire(&mut reclaim, &counter));
        drop(view);
        assert_eq!(reclaim.collect(10), 10);
        assert_eq!(reclaim.collect(2 * CHUNK), 2 * CHUNK);
        assert_eq!(counter.load(Ordering::Relaxed), 2 * CHUNK + 10);
        drop(reclaim.take_garbage());
        assert_eq!((counter.load(Ordering::Relaxed), reclaim.pending()), (3 * CHUNK, 0));
    }

    #[test]
    #[cfg(not(miri))] // leaks on purpose
    fn dropping_leaks_what_a_view_sees() {
        let counter = AtomicUsize::new(0);
        let mut reclaim = Reclaim::new();
        let view = reclaim.begin_view();
        retire(&mut reclaim, &counter);
        drop(reclaim);
        drop(view);
        assert_eq!(counter.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn dropping_frees_what_no_view_sees() {
        let counter = AtomicUsize::new(0);
        let mut reclaim = Reclaim::new();
        let view = reclaim.begin_view();
        retire(&mut reclaim, &counter);
        drop(view);
        drop(reclaim);
        assert_eq!(counter.load(Ordering::Relaxed), 1);
    }
}
