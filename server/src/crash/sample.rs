//! The stack of a thread that goes on running, taken by a signal that interrupts it for a moment.
//!
//! The signal comes at any place, with any lock held and memory half given out. Its handler takes neither: it notes addresses
//! in a static, and the thread that asked makes names of them. A handler has no argument of its own, hence the static.
//!
//! The signal is one that is ignored where nobody catches it: one that comes too late does no harm.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::signal;
use super::trace::FRAMES_MAX;
use libc::{SIGURG, c_int, c_void, siginfo_t};

/// A thread that the kernel does not interrupt (it waits for a disk) is waited for so many times so long.
const WAITS_MAX: usize = 500;
const WAIT: Duration = Duration::from_millis(1);

/// Return addresses of the thread that was asked.
static FRAMES: [AtomicUsize; FRAMES_MAX] = [const { AtomicUsize::new(0) }; FRAMES_MAX];
/// How many of them; 0 until all are there.
static LEN: AtomicUsize = AtomicUsize::new(0);

/// Return addresses on the stack of a thread of this process, or none if it cannot be interrupted. One at a time may ask.
pub(super) fn take(thread: i32) -> Vec<usize> {
    LEN.store(0, Ordering::Relaxed);
    signal::handle(SIGURG, on_sample as *const () as usize, libc::SA_RESTART);
    // SAFETY: it takes three numbers; the signal is caught.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, SIGURG) };
    for _ in 0..WAITS_MAX {
        let len = LEN.load(Ordering::Acquire);
        if len > 0 {
            return FRAMES[..len].iter().map(|frame| frame.load(Ordering::Relaxed)).collect();
        }
        thread::sleep(WAIT);
    }
    Vec::new()
}

extern "C" fn on_sample(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    let mut len = 0;
    // SAFETY: the crate asks that no other thread does the same through it: see `take`. Walking the stack takes no memory and no
    // lock but the loader's, which who holds it may take again; what it reads is mapped with the code, and none is unloaded.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            FRAMES[len].store(frame.ip() as usize, Ordering::Relaxed);
            // Nothing called the outermost one.
            len += usize::from(!frame.ip().is_null());
            len < FRAMES_MAX
        });
    }
    LEN.store(len, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::super::trace;
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;

    #[inline(never)]
    fn spin_here(until: &AtomicBool) {
        while !until.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_running_thread_is_found_where_it_runs_and_goes_on() {
        let (done, (send, receive)) = (AtomicBool::new(false), mpsc::channel());
        thread::scope(|scope| {
            let spinning = scope.spawn(|| {
                send.send(signal::thread_id()).unwrap();
                spin_here(&done);
                "went on"
            });
            let id = receive.recv().unwrap();
            let names = || trace::resolve(&take(id));
            let found = (0..1000).any(|_| names().contains("spin_here"));
            done.store(true, Ordering::Relaxed);
            assert!(found, "{}", names());
            assert_eq!(spinning.join().unwrap(), "went on");
        });
    }
}
