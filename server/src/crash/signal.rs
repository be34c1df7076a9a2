//! The signals of a crash: caught, told of, and left to their own action.
//!
//! A thread whose stack has run out takes its signals on the small one that the standard library gives to each of its threads;
//! from there it goes on, to tell, on a large one, of which there is one for all: only the first thread that crashes tells.
//!
//! Invariants: what is told in a signal handler is told once; the process ends by the signal that came, whatever happens on
//! the way. A handler has no argument of its own, so that whom to tell is kept in a static.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::thread;
use std::time::Duration;

use libc::{SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV, c_int, c_void, siginfo_t};

/// The signal of `abort`.
pub(super) const ABORT: c_int = SIGABRT;
/// Signals that are caught.
const CAUGHT: [c_int; 5] = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT];
/// Bytes of the stack on which is told, the page included that nobody may touch: as many as a thread has.
const STACK_BYTES: usize = 2 << 20;
/// A report may take so long.
const REPORT_SECONDS_MAX: u32 = 10;

/// Who is told.
type Listener = Box<dyn Fn(Origin) + Send + Sync>;

/// Who is told: null, or a listener that is never freed.
static LISTENER: AtomicPtr<Listener> = AtomicPtr::new(ptr::null_mut());
/// The lowest byte of the stack on which is told: null, or never freed.
static STACK: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
/// The thread that tells, on that stack; 0 for none.
static TELLER: AtomicI32 = AtomicI32::new(0);
/// The signal that ends the process when a report takes too long.
static LATE: AtomicI32 = AtomicI32::new(0);

/// What a signal tells of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// Its number.
    pub(super) signal: c_int,
    /// Why it came.
    pub(super) code: c_int,
    /// The address that could not be accessed.
    pub(super) address: Option<usize>,
    /// The process that sent it, and that one's user.
    pub(super) sender: Option<(i32, u32)>,
}

/// Sets who is told of signals, for good.
pub(super) fn tell(listener: Listener) {
    LISTENER.store(Box::into_raw(Box::new(listener)), Ordering::Release);
}

/// Catches the signals of a crash.
pub(super) fn catch_all() {
    if STACK.load(Ordering::Acquire).is_null() {
        STACK.store(new_stack(), Ordering::Release);
    }
    let flags = libc::SA_NODEFER | libc::SA_ONSTACK;
    CAUGHT.iter().for_each(|signal| handle(*signal, on_crash as *const () as usize, flags));
}

/// Leaves them to their own action.
pub(super) fn catch_none() {
    CAUGHT.iter().for_each(|signal| handle(*signal, libc::SIG_DFL, 0));
}

/// Ends the process by a signal in a while, unless it has ended before.
pub(super) fn end_in_time(signal: c_int) {
    LATE.store(signal, Ordering::Relaxed);
    handle(SIGALRM, on_alarm as *const () as usize, libc::SA_NODEFER);
    // SAFETY: it takes a number.
    unsafe { libc::alarm(REPORT_SECONDS_MAX) };
}

/// Ends the process by a signal's own action.
pub(super) fn end_by(signal: c_int) -> ! {
    handle(signal, libc::SIG_DFL, 0);
    // SAFETY: the set is initialised by `sigemptyset`, and all pointers are to live values.
    unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&mut signals);
        libc::sigaddset(&mut signals, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &signals, ptr::null_mut());
        libc::raise(signal);
        // Not reached, unless the signal's action is not to end.
        libc::_exit(128 + signal)
    }
}

/// The calling thread, as the kernel numbers it.
pub(super) fn thread_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// DEBUG SEGFAULT: writes where nothing may be written.
pub fn segfault() -> ! {
    // SAFETY: a new mapping that overlaps no other. The write is meant to be stopped by the processor; no value of the
    // program lies there.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(ptr::null_mut(), 1, libc::PROT_NONE, flags, -1, 0);
        page.cast::<u8>().write_volatile(1);
    }
    end_by(SIGSEGV)
}

/// Something that a thread works on in its place, for that thread to read when it crashes.
pub(super) struct Watched<T> {
    place: AtomicPtr<T>,
    thread: AtomicI32,
}

impl<T> Default for Watched<T> {
    fn default() -> Watched<T> {
        Watched { place: AtomicPtr::default(), thread: AtomicI32::new(0) }
    }
}

impl<T> Watched<T> {
    /// Runs `run` on a part of what is given to it.
    pub(super) fn during<O, R>(&self, owner: &mut O, part: fn(&O) -> &T, run: impl FnOnce(&mut O) -> R) -> R {
        self.thread.store(thread_id(), Ordering::Relaxed);
        self.place.store(ptr::from_ref(part(owner)).cast_mut(), Ordering::Relaxed);
        let result = run(owner);
        self.place.store(ptr::null_mut(), Ordering::Relaxed);
        result
    }

    /// What the calling thread works on, if it is the thread that works. For the last that a process does.
    pub(super) fn get(&self) -> Option<&T> {
        if self.thread.load(Ordering::Relaxed) != thread_id() {
            return None;
        }
        // SAFETY: the part lives in its place while `during` runs, which borrows its owner. Only this thread changes it, and
        // does not go on: whoever calls ends the process. What the crash interrupted may have left it in disorder, at the
        // worst so that this crashes again, which ends the process as well.
        unsafe { self.place.load(Ordering::Relaxed).as_ref() }
    }
}

/// Sets what a signal does: an action of the system's, or a function that takes the three arguments of a handler.
pub(super) fn handle(signal: c_int, action: usize, flags: c_int) {
    // SAFETY: all-zero bytes are a valid `sigaction`, and its set is initialised; the action is a default or one of the
    // handlers of this folder, which have the type that the flags promise.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        libc::sigemptyset(&mut new.sa_mask);
        new.sa_flags = flags | libc::SA_SIGINFO;
        new.sa_sigaction = action;
        // It fails for no signal that is handled here.
        libc::sigaction(signal, &new, ptr::null_mut());
    }
}

/// Memory for a stack whose last page cannot be touched, or null.
fn new_stack() -> *mut u8 {
    // SAFETY: a new mapping that overlaps no other; its first page is part of it. A system has pages of 64 KiB at most.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let low = libc::mmap(ptr::null_mut(), STACK_BYTES, access, flags, -1, 0);
        if low == libc::MAP_FAILED {
            return ptr::null_mut();
        }
        libc::mprotect(low, 1 << 16, libc::PROT_NONE);
        low.cast()
    }
}

extern "C" fn on_crash(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel gives what there is to know of the signal.
    let origin = unsafe { origin(signal, &*info) };
    let me = thread_id();
    match TELLER.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => tell_of(origin),
        // It has crashed again.
        Err(teller) if teller == me => {}
        // The other's end is that of all.
        Err(_) => loop {
            thread::sleep(Duration::from_secs(1));
        },
    }
    end_by(signal)
}

fn tell_of(origin: Origin) {
    // SAFETY: a listener is never freed.
    let Some(listener) = (unsafe { LISTENER.load(Ordering::Acquire).as_ref() }) else { return };
    let stack = STACK.load(Ordering::Acquire);
    if stack.is_null() {
        return listener(origin);
    }
    // SAFETY: `new_stack` made it, of so many bytes, a multiple of a page; there is only one teller, and it comes here once. A
    // panic of the listener does not leave the closure: the hook ends the process.
    unsafe { psm::on_stack(stack, STACK_BYTES, || listener(origin)) }
}

extern "C" fn on_alarm(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    end_by(LATE.load(Ordering::Relaxed))
}

/// # Safety
/// `info` comes with the signal.
unsafe fn origin(signal: c_int, info: &siginfo_t) -> Origin {
    let is_sent = info.si_code == libc::SI_USER;
    let has_address = matches!(signal, SIGSEGV | SIGBUS) && info.si_code > 0;
    Origin {
        signal,
        code: info.si_code,
        // SAFETY: such signals come with an address.
        address: has_address.then(|| unsafe { info.si_addr() } as usize),
        // SAFETY: signals that a process has sent come with that process.
        sender: is_sent.then(|| unsafe { (info.si_pid(), info.si_uid()) }),
    }
}
