//! The allocator: jemalloc, counted. What a server has allocated is known exactly and at any time.
//!
//! - Every allocation counts with the bytes of its size class, so that the sum is what jemalloc hands out.
//! - Each thread has a counter that it alone writes, with a plain load and store: counting costs no lock and no shared
//!   cache line. A thread may free what another allocated: only the sum of all counters means something.
//! - Counters are in one process-wide list that only grows; the counter of a thread that ended goes to the next new one.
//!   This is the one permitted global state: an allocator has nowhere else to put it.
//! - With the 8-byte quantum (set in `.cargo/config.toml`), classes that are no multiple of 16 are aligned to 8 only, so
//!   the alignment is passed along whenever it is larger.
//!
//! A binary that wants true figures declares [`Allocator`] as its global allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, Ordering};

use tikv_jemalloc_sys as jemalloc;

use crate::entry::class_bytes;

/// Alignment that every class has.
const QUANTUM_BYTES: usize = 8;

/// jemalloc, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

// SAFETY: all four functions pass size and alignment on to jemalloc, which meets the contract; counting allocates nothing
// through this allocator.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let flags = flags_of(layout);
        // SAFETY: the caller gives a size that is not zero.
        let pointer = unsafe {
            match flags {
                0 => jemalloc::malloc(layout.size()),
                _ => jemalloc::mallocx(layout.size(), flags),
            }
        };
        counted(pointer, layout.size(), flags)
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let flags = flags_of(layout);
        // SAFETY: the caller gives a size that is not zero.
        let pointer = unsafe {
            match flags {
                0 => jemalloc::calloc(1, layout.size()),
                _ => jemalloc::mallocx(layout.size(), flags | jemalloc::MALLOCX_ZERO),
            }
        };
        counted(pointer, layout.size(), flags)
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let flags = flags_of(layout);
        add(-signed(rounded(layout.size(), flags)));
        // SAFETY: the caller gives the layout of the allocation.
        unsafe { jemalloc::sdallocx(pointer.cast(), layout.size(), flags) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let flags = flags_of(layout);
        // SAFETY: the caller gives a live allocation and a size that is not zero.
        let new = unsafe { jemalloc::rallocx(pointer.cast(), new_size, flags) };
        if !new.is_null() {
            add(signed(rounded(new_size, flags)) - signed(rounded(layout.size(), flags)));
        }
        new.cast()
    }
}

/// Bytes that the process has allocated through [`Allocator`], rounded to size classes.
pub fn used_bytes() -> usize {
    let mut sum = ORPHANS.load(Ordering::Relaxed);
    let mut next = COUNTERS.load(Ordering::Acquire);
    // SAFETY: counters are never freed, and `next` is written before one is published.
    while let Some(counter) = unsafe { next.as_ref() } {
        sum += counter.bytes.load(Ordering::Relaxed);
        next = counter.next;
    }
    usize::try_from(sum).unwrap_or(0) // threads write meanwhile: a sum that is torn may dip below zero
}

/// What jemalloc says of the whole process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocatorStats {
    /// Handed out, in size classes, by everyone in the process.
    pub allocated_bytes: usize,
    /// In pages that hold anything handed out.
    pub active_bytes: usize,
    /// In pages that the kernel holds in memory for it.
    pub resident_bytes: usize,
    /// In address space kept for later, without memory.
    pub retained_bytes: usize,
    /// jemalloc's own structures.
    pub metadata_bytes: usize,
    /// In pages that the kernel may take back when it needs them.
    pub muzzy_bytes: usize,
}

impl AllocatorStats {
    /// Reads the figures; takes microseconds.
    pub fn read() -> AllocatorStats {
        let _: Option<u64> = exchange(c"epoch", Some(1u64));
        let figure = |name| exchange::<usize>(name, None).unwrap_or(0);
        AllocatorStats {
            allocated_bytes: figure(c"stats.allocated"),
            active_bytes: figure(c"stats.active"),
            resident_bytes: figure(c"stats.resident"),
            retained_bytes: figure(c"stats.retained"),
            metadata_bytes: figure(c"stats.metadata"),
            muzzy_bytes: figure(c"stats.arenas.4096.pmuzzy") * page_bytes(),
        }
    }

    /// Active over allocated: 1.0 is no waste inside pages.
    pub fn fragmentation_ratio(&self) -> f64 {
        self.active_bytes as f64 / self.allocated_bytes.max(1) as f64
    }

    /// Active bytes beyond the allocated ones.
    pub fn fragmentation_bytes(&self) -> usize {
        self.active_bytes.saturating_sub(self.allocated_bytes)
    }
}

/// jemalloc's version.
pub fn version() -> String {
    let Some(text) = exchange::<*const c_char>(c"version", None) else { return String::new() };
    // SAFETY: the setting is a pointer to a string that lives as long as the process.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    text.split('-').next().unwrap_or("").to_owned()
}

/// jemalloc's own report, long and for people.
pub fn report() -> String {
    unsafe extern "C" fn append(text: *mut c_void, piece: *const c_char) {
        // SAFETY: `text` is the string below, which nothing else uses meanwhile; `piece` is a C string.
        let (text, piece) = unsafe { (&mut *text.cast::<String>(), CStr::from_ptr(piece)) };
        text.push_str(&piece.to_string_lossy());
    }
    let mut text = String::new();
    // SAFETY: the callback gets a pointer to a live string, and no longer than the call lasts.
    unsafe { jemalloc::malloc_stats_print(Some(append), (&raw mut text).cast(), ptr::null()) };
    text
}

/// Gives unused pages of all arenas back to the kernel at once; whether jemalloc did.
pub fn purge() -> bool {
    // 4096 stands for all arenas.
    command(c"arena.4096.purge")
}

/// Switches jemalloc's own threads, which give pages back in the background; whether it did.
pub fn set_background_threads(on: bool) -> bool {
    exchange(c"background_thread", Some(on)).is_some()
}

/// The system's number of "operation not permitted".
pub const NOT_PERMITTED: i32 = 1;
/// The system's number of "invalid argument".
const INVALID: i32 = 22;

/// Settings that may be changed by name, by the last part of the name: numbers that jemalloc checks.
const CHANGEABLE: [&[u8]; 5] =
    [b"background_thread", b"max_background_threads", b"dirty_decay_ms", b"muzzy_decay_ms", b"epoch"];
/// Commands that may be run by name, by the last parts of the name: they free what nobody uses.
const COMMANDS: [&[u8]; 4] = [b".purge", b".decay", b"thread.tcache.flush", b"thread.idle"];
/// Settings that are texts.
const TEXTS: [&[u8]; 6] =
    [b"version", b"config.malloc_conf", b"opt.dss", b"opt.junk", b"opt.metadata_thp", b"opt.thp"];

/// Reads one of jemalloc's figures by its name, and changes it if there is a new value and it is one that may be changed; gives
/// the old value. The error is the system's number.
pub fn setting(name: &[u8], new: Option<i64>) -> Result<i64, i32> {
    if new.is_some() && !CHANGEABLE.contains(&name.rsplit(|byte| *byte == b'.').next().unwrap_or(name)) {
        return Err(NOT_PERMITTED);
    }
    let name = CString::new(name).map_err(|_| INVALID)?;
    // Whether it has eight bytes, four or one is for jemalloc to say.
    match try_exchange::<i64>(&name, new) {
        Err(INVALID) => {}
        result => return result,
    }
    match try_exchange::<i32>(&name, new.map(|new| new as i32)) {
        Err(INVALID) => try_exchange::<u8>(&name, new.map(|new| u8::from(new != 0))).map(i64::from),
        result => result.map(i64::from),
    }
}

/// Reads one of jemalloc's texts. The error is the system's number.
pub fn text_setting(name: &[u8]) -> Result<String, i32> {
    if !TEXTS.contains(&name) {
        return Err(INVALID);
    }
    let name = CString::new(name).map_err(|_| INVALID)?;
    let text = try_exchange::<*const c_char>(&name, None)?;
    // SAFETY: these settings are pointers to strings that live as long as the process.
    Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Runs one of jemalloc's commands by its name. The error is the system's number.
pub fn run_command(name: &[u8]) -> Result<(), i32> {
    if !COMMANDS.iter().any(|command| name.ends_with(command)) {
        return Err(NOT_PERMITTED);
    }
    let name = CString::new(name).map_err(|_| INVALID)?;
    if command(&name) { Ok(()) } else { Err(INVALID) }
}

/// A thread's count, alone on its cache lines.
#[repr(align(128))]
struct Counter {
    bytes: AtomicIsize,
    in_use: AtomicBool,
    next: *mut Counter,
}

/// All counters. Allocator state, see the head of this file.
static COUNTERS: AtomicPtr<Counter> = AtomicPtr::new(ptr::null_mut());
/// Counts of threads that have no counter: those that are ending.
static ORPHANS: AtomicIsize = AtomicIsize::new(0);

/// Gives the thread's counter back when the thread ends.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        let counter = COUNTER.replace(ptr::null());
        // SAFETY: counters are never freed.
        if let Some(counter) = unsafe { counter.as_ref() } {
            counter.in_use.store(false, Ordering::Release);
        }
    }
}

thread_local! {
    /// The thread's counter; null before the first allocation and after the last destructor.
    static COUNTER: Cell<*const Counter> = const { Cell::new(ptr::null()) };
    static GUARD: Guard = const { Guard };
}

#[inline]
fn add(bytes: isize) {
    // SAFETY: counters are never freed.
    match unsafe { COUNTER.get().as_ref() } {
        // Only this thread writes it, so a load and a store lose nothing.
        Some(counter) => {
            counter.bytes.store(counter.bytes.load(Ordering::Relaxed) + bytes, Ordering::Relaxed)
        }
        None => add_without_counter(bytes),
    }
}

#[cold]
fn add_without_counter(bytes: isize) {
    // Registering the guard may allocate: what that counts goes to the orphans, since there is no counter yet.
    thread_local! {
        static REGISTERING: Cell<bool> = const { Cell::new(false) };
    }
    if !REGISTERING.replace(true) && GUARD.try_with(|_| ()).is_ok() {
        let counter = free_counter().unwrap_or_else(new_counter);
        COUNTER.set(counter);
    }
    // SAFETY: counters are never freed.
    match unsafe { COUNTER.get().as_ref() } {
        Some(counter) => _ = counter.bytes.fetch_add(bytes, Ordering::Relaxed),
        None => _ = ORPHANS.fetch_add(bytes, Ordering::Relaxed),
    }
}

/// A counter that an ended thread left.
fn free_counter() -> Option<*const Counter> {
    let mut next = COUNTERS.load(Ordering::Acquire);
    // SAFETY: counters are never freed, and `next` is written before one is published.
    while let Some(counter) = unsafe { next.as_ref() } {
        if counter.in_use.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return Some(counter);
        }
        next = counter.next;
    }
    None
}

/// A counter at the head of the list; null if there is no memory.
fn new_counter() -> *const Counter {
    let layout = Layout::new::<Counter>();
    // SAFETY: size and alignment are those of the type; the counter is published after it is written.
    unsafe {
        let counter: *mut Counter =
            jemalloc::mallocx(layout.size(), jemalloc::MALLOCX_ALIGN(layout.align())).cast();
        if counter.is_null() {
            return counter;
        }
        let mut next = COUNTERS.load(Ordering::Relaxed);
        counter.write(Counter { bytes: AtomicIsize::new(0), in_use: AtomicBool::new(true), next });
        while let Err(now) = COUNTERS.compare_exchange(next, counter, Ordering::AcqRel, Ordering::Relaxed) {
            next = now;
            (*counter).next = next;
        }
        counter
    }
}

#[inline]
fn flags_of(layout: Layout) -> c_int {
    if layout.align() > QUANTUM_BYTES { jemalloc::MALLOCX_ALIGN(layout.align()) } else { 0 }
}

/// The bytes of the class that an allocation lies in.
#[inline]
fn rounded(size: usize, flags: c_int) -> usize {
    match flags {
        0 => class_bytes(size),
        // SAFETY: the size is not zero.
        _ => unsafe { jemalloc::nallocx(size, flags) },
    }
}

#[inline]
fn counted(pointer: *mut c_void, size: usize, flags: c_int) -> *mut u8 {
    if !pointer.is_null() {
        add(signed(rounded(size, flags)));
    }
    pointer.cast()
}

#[inline]
fn signed(bytes: usize) -> isize {
    bytes as isize // allocations are at most isize::MAX bytes
}

fn page_bytes() -> usize {
    exchange(c"arenas.page", None).unwrap_or(0)
}

/// Reads one of jemalloc's settings or figures, and writes it if there is a new value.
fn exchange<T: Copy>(name: &CStr, new: Option<T>) -> Option<T> {
    try_exchange(name, new).ok()
}

/// The same; the error is the system's number.
fn try_exchange<T: Copy>(name: &CStr, new: Option<T>) -> Result<T, i32> {
    let mut old = std::mem::MaybeUninit::<T>::uninit();
    let mut len = size_of::<T>();
    let (source, source_len) = match &new {
        Some(value) => (ptr::from_ref(value).cast_mut().cast(), size_of::<T>()),
        None => (ptr::null_mut(), 0),
    };
    // SAFETY: both buffers have the size that goes with them; jemalloc fails if the setting's size is another, and has
    // written all of `old` if it does not.
    unsafe {
        let status = jemalloc::mallctl(name.as_ptr(), old.as_mut_ptr().cast(), &mut len, source, source_len);
        match status {
            0 if len == size_of::<T>() => Ok(old.assume_init()),
            0 => Err(INVALID),
            error => Err(error),
        }
    }
}

/// Runs one of jemalloc's commands; whether it did.
fn command(name: &CStr) -> bool {
    // SAFETY: the command takes and gives nothing.
    unsafe { jemalloc::mallctl(name.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0) == 0 }
}
