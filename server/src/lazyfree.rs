//! The lazy-free thread: large values and whole databases are dropped there, not on the command loop.
//!
//! The thread starts with the first thing to free and ends with the engine.

use rufous_storage::{Garbage, Removed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// Where to send garbage with its number of objects, and the thread that frees it.
type Worker = (Sender<(Garbage, u64)>, JoinHandle<()>);

/// See the file head.
#[derive(Default)]
pub struct LazyFree {
    worker: Option<Worker>,
    pending: Arc<AtomicU64>,
    freed: Arc<AtomicU64>,
}

impl LazyFree {
    /// No thread yet.
    pub fn new() -> LazyFree {
        LazyFree::default()
    }

    /// Frees a removed value, here when it is small and on the thread when it is large.
    #[inline]
    pub fn free(&mut self, removed: Removed) {
        if removed.is_large() {
            self.send(removed.into(), 1);
        }
    }

    /// Frees `objects` things on the thread.
    #[cold]
    pub fn send(&mut self, garbage: Garbage, objects: u64) {
        let (pending, freed) = (self.pending.clone(), self.freed.clone());
        let (sender, _) = self.worker.get_or_insert_with(|| {
            let (sender, receiver) = channel::<(Garbage, u64)>();
            let work = move || {
                for (garbage, objects) in receiver {
                    drop(garbage);
                    pending.fetch_sub(objects, Ordering::Relaxed);
                    freed.fetch_add(objects, Ordering::Relaxed);
                }
            };
            let thread = std::thread::Builder::new().name("lazy_free".into()).spawn(work);
            (sender, thread.expect("a thread can be started"))
        });
        self.pending.fetch_add(objects, Ordering::Relaxed);
        if let Err(refused) = sender.send((garbage, objects)) {
            self.pending.fetch_sub(objects, Ordering::Relaxed);
            drop(refused);
        }
    }

    /// `lazyfree_pending_objects`.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// `lazyfreed_objects`.
    pub fn freed(&self) -> u64 {
        self.freed.load(Ordering::Relaxed)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_freed(&self) {
        self.freed.store(0, Ordering::Relaxed);
    }
}

impl Drop for LazyFree {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.worker.take() {
            drop(sender);
            // What is still queued is freed before the engine is gone; a panic there was already reported.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::cron;
    use crate::engine::Engine;
    use crate::testing::Bench;
    use rufous_storage::{NewStr, Ttl};

    fn set(engine: &mut Engine, key: &[u8], value_len: usize) {
        let value = NewStr::Bytes(&vec![b'x'; value_len]);
        engine.store.keyspace.db_mut(0).set_string(key, value, Ttl::Clear);
    }

    fn has_worked(engine: &Engine) -> bool {
        engine.store.lazyfree.worker.is_some()
    }

    #[test]
    fn what_a_view_held_goes_to_the_thread_once_the_view_has_ended() {
        let mut engine = Bench::default().engine;
        (0..3000i64).for_each(|n| set(&mut engine, &n.to_le_bytes(), 100));
        let view = engine.store.keyspace.freeze();
        (0..3000i64).for_each(|n| set(&mut engine, &n.to_le_bytes(), 100));
        cron::run(&mut engine, &[]);
        assert!(!has_worked(&engine), "the view sees all of it");
        assert_eq!(view.dbs()[0].iter().filter(|entry| entry.string().is_some()).count(), 3000);
        drop(view);
        cron::run(&mut engine, &[]);
        assert!(has_worked(&engine));
        assert!(engine.store.keyspace.take_garbage().is_empty(), "nothing is left behind");
        assert_eq!((engine.store.lazyfree.pending(), engine.store.lazyfree.freed()), (0, 0), "no keys");
    }

    #[test]
    fn a_large_value_that_a_rename_or_copy_replaces_goes_there_if_it_is_to() {
        for (lazy, command) in [("yes", "rename a b"), ("yes", "copy a b replace"), ("no", "rename a b")] {
            let config = Config { lazyfree_lazy_server_del: lazy == "yes", ..Config::default() };
            let mut bench = Bench::with(config);
            set(&mut bench.engine, b"a", 1);
            set(&mut bench.engine, b"b", 1 << 20);
            let client = bench.connect();
            bench.run(client, command);
            assert_eq!(has_worked(&bench.engine), lazy == "yes", "{command}");
        }
    }
}
