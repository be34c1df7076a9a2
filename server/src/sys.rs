//! The few system calls that no crate wraps safely. Everything else goes through std, rustix and socket2.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;

/// A moment as the local time zone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Year of the calendar.
    pub year: i32,
    /// 0 is January.
    pub month: usize,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 60.
    pub second: u32,
    /// Seconds east of Greenwich.
    pub offset_s: i64,
}

/// The local time of a number of seconds since 1970, by the zone of the environment.
pub fn local_time(seconds: i64) -> LocalTime {
    // SAFETY: all-zero bytes are a valid `tm`: integers and a pointer that may be null.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right type, and `localtime_r` keeps neither.
    unsafe { libc::localtime_r(&seconds, &mut parts) };
    LocalTime {
        year: parts.tm_year + 1900,
        month: parts.tm_mon as usize,
        day: parts.tm_mday as u32,
        hour: parts.tm_hour as u32,
        minute: parts.tm_min as u32,
        second: parts.tm_sec as u32,
        offset_s: parts.tm_gmtoff,
    }
}

/// Continues in a child; the parent exits with status 0 at once. Fails where threads exist already, which a
/// child would be missing.
pub fn continue_in_child() -> io::Result<()> {
    if !is_single_threaded() {
        return Err(io::Error::other("a process with threads cannot become a daemon"));
    }
    // SAFETY: there is one thread, so the child's memory is as consistent as this process' is now.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(()),
        // SAFETY: ends the parent without running handlers that belong to the child now.
        _ => unsafe { libc::_exit(0) },
    }
}

/// Moves the variables of the environment to the heap, so that their first memory may be written over. Returns
/// whether it did: not where threads exist, which may be reading them.
pub fn move_environment() -> bool {
    if !is_single_threaded() {
        return false;
    }
    for (name, value) in std::env::vars_os() {
        // SAFETY: there is one thread, so nobody reads the environment meanwhile.
        unsafe { std::env::set_var(name, value) };
    }
    true
}

fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// Whether the system has a locale of this name for the order of strings; the empty name always is one.
pub fn has_collation(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: `name` is a live C string, and a null base asks for a new locale.
    let locale = unsafe { libc::newlocale(libc::LC_COLLATE_MASK, name.as_ptr(), std::ptr::null_mut()) };
    if locale.is_null() {
        return false;
    }
    // SAFETY: it came from `newlocale` and is not used again.
    unsafe { libc::freelocale(locale) };
    true
}

/// Whose processor time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsageOf {
    /// All threads of this process.
    Process,
    /// Processes that it started and that ended.
    Children,
    /// The calling thread.
    Thread,
}

/// Processor time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuTime {
    /// In the kernel.
    pub system_us: u64,
    /// Outside it.
    pub user_us: u64,
}

/// The processor time used so far.
pub fn cpu_time(whose: UsageOf) -> CpuTime {
    let who = match whose {
        UsageOf::Process => libc::RUSAGE_SELF,
        UsageOf::Children => libc::RUSAGE_CHILDREN,
        UsageOf::Thread => libc::RUSAGE_THREAD,
    };
    // SAFETY: all-zero bytes are a valid `rusage`: integers alone.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live value of the right type. It cannot fail with these arguments; if it did, the
    // zeros would stay.
    unsafe { libc::getrusage(who, &mut usage) };
    let us = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    CpuTime { system_us: us(usage.ru_stime), user_us: us(usage.ru_utime) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_the_epoch_shifted_by_its_offset() {
        let seconds = 1_700_000_000;
        let local = local_time(seconds);
        let shifted = seconds + local.offset_s;
        assert_eq!(i64::from(local.second), shifted % 60);
        assert_eq!(i64::from(local.minute), shifted / 60 % 60);
        assert_eq!(i64::from(local.hour), shifted / 3600 % 24);
        assert_eq!((local.year, local.month), (2023, 10));
    }

    #[test]
    fn locales() {
        assert!(has_collation("") && has_collation("C") && has_collation("POSIX"));
        assert!(!has_collation("xx_NOWHERE") && !has_collation("a\0b"));
    }
}
