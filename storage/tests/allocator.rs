//! The counting allocator as a process' global allocator. The counters are the process', so this is a program without
//! test harness, whose threads would allocate meanwhile.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;

use rufous_storage::entry::class_bytes;
use rufous_storage::memory::{
    Allocator, AllocatorStats, purge, run_command, set_background_threads, setting, text_setting, used_bytes,
    version,
};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() {
    classes_are_those_of_jemalloc();
    allocations_are_aligned();
    one_thread_counts_exactly();
    ended_threads_leave_their_counts();
    figures_and_settings_work();
}

fn classes_are_those_of_jemalloc() {
    for bytes in (1..20_000).chain((1..64).map(|n| n * 10_007)) {
        // SAFETY: the size is not zero.
        let class = unsafe { tikv_jemalloc_sys::nallocx(bytes, 0) };
        assert_eq!(class_bytes(bytes), class, "{bytes} bytes");
    }
}

fn allocations_are_aligned() {
    for align in [1, 2, 4, 8, 16, 32, 64, 128, 4096] {
        for size in [1, 8, 24, 40, 56, 72, 100, 5000] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let before = used_bytes();
            // SAFETY: the layout is not empty, and each block is freed with its layout.
            unsafe {
                let blocks: Vec<_> = (0..9).map(|_| ALLOCATOR.alloc_zeroed(layout)).collect();
                for block in blocks {
                    assert_eq!(block as usize % align, 0, "{layout:?}");
                    assert_eq!(block.read(), 0);
                    let block = ALLOCATOR.realloc(block, layout, size * 3);
                    assert_eq!(block as usize % align, 0, "{layout:?}");
                    ALLOCATOR.dealloc(block, Layout::from_size_align(size * 3, align).unwrap());
                }
            }
            assert_eq!(used_bytes(), before, "{layout:?}");
        }
    }
}

fn one_thread_counts_exactly() {
    let before = used_bytes();
    let mut bytes: Vec<u8> = black_box(Vec::with_capacity(65));
    assert_eq!(used_bytes() - before, 80);
    bytes.reserve_exact(81);
    assert_eq!(used_bytes() - before, 96);
    drop(bytes);
    assert_eq!(used_bytes(), before);
}

fn ended_threads_leave_their_counts() {
    let before = used_bytes();
    let kept: Vec<Vec<u8>> =
        (0..50).map(|_| std::thread::spawn(|| black_box(vec![0u8; 100_000])).join().unwrap()).collect();
    let class = class_bytes(100_000);
    let grown = used_bytes() - before;
    assert!((50 * class..50 * class + 64 * 1024).contains(&grown), "{grown}");
    std::thread::spawn(move || drop(kept)).join().unwrap();
    assert!(used_bytes().abs_diff(before) < 64 * 1024);
}

fn figures_and_settings_work() {
    let block = black_box(vec![1u8; 32 << 20]);
    let stats = AllocatorStats::read();
    assert!(stats.allocated_bytes >= used_bytes().max(32 << 20));
    assert!(
        stats.active_bytes >= stats.allocated_bytes && stats.resident_bytes >= stats.active_bytes,
        "{stats:?}"
    );
    assert!((1.0..2.0).contains(&stats.fragmentation_ratio()), "{stats:?}");
    drop(block);
    assert!(purge());
    let purged = AllocatorStats::read();
    assert!(purged.resident_bytes + (30 << 20) < stats.resident_bytes, "{stats:?} {purged:?}");
    assert!(set_background_threads(true) && set_background_threads(false));
    assert!(version().starts_with("5."), "{}", version());
    for (name, new, expected) in [
        ("max_background_threads", Some(3), Ok(4)),
        ("max_background_threads", None, Ok(3)),
        ("background_thread", Some(1), Ok(0)),
        ("background_thread", Some(0), Ok(1)),
        ("arenas.dirty_decay_ms", Some(5000), Ok(10_000)),
        ("arenas.dirty_decay_ms", None, Ok(5000)),
        ("no.such.name", None, Err(2)),
        ("background_thread\0", None, Err(22)),
        ("arena.0.extent_hooks", Some(1), Err(1)),
        ("thread.tcache.flush", None, Err(1)),
    ] {
        let before = setting(name.as_bytes(), new);
        // How many threads there may be depends on the machine.
        let expected = if name.starts_with("max") && new.is_some() { before } else { expected };
        assert_eq!(before, expected, "{name} {new:?}");
    }
    assert!(text_setting(b"version").is_ok_and(|text| text.starts_with(&version())));
    assert_eq!(text_setting(b"arena.0.extent_hooks"), Err(22));
    assert_eq!([b"thread.tcache.flush".as_slice(), b"arena.0.purge"].map(run_command), [Ok(()); 2]);
    assert_eq!(run_command(b"arena.0.destroy"), Err(1));
}
