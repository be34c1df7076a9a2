//! What the kernel says about a process: CPU time, time spent waiting for a core, resident memory.
//!
//! CPU time comes from schedstat (nanoseconds), not from stat (ticks of 10 ms): a case of one second needs it.
//! All figures are sums over the threads alive at the moment of the call; a thread that ended in between is
//! lost, which no server here does while it is measured.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// CPU time and run delay of a process or thread, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    /// Time on a core, user and kernel together.
    pub cpu_ns: u64,
    /// Time ready to run while another task held the core.
    pub delay_ns: u64,
}

impl Schedule {
    /// What was added since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Schedule) -> Schedule {
        Schedule {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            delay_ns: self.delay_ns.saturating_sub(earlier.delay_ns),
        }
    }
}

/// The sum over all threads of process `pid`.
pub fn schedule(pid: u32) -> io::Result<Schedule> {
    let mut total = Schedule::default();
    for (_, one) in schedules(pid)? {
        total.cpu_ns += one.cpu_ns;
        total.delay_ns += one.delay_ns;
    }
    Ok(total)
}

/// The threads of process `pid`, each with its schedule.
fn schedules(pid: u32) -> io::Result<Vec<(u32, Schedule)>> {
    let mut found = Vec::new();
    for thread in numbers_in(&format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")) else { continue };
        found.push((thread, parse_schedstat(&text)?));
    }
    Ok(found)
}

/// Reads one thread's schedule again and again, about a microsecond each.
pub struct ThreadSchedule {
    file: File,
}

impl ThreadSchedule {
    /// The calling thread.
    pub fn of_current_thread() -> io::Result<ThreadSchedule> {
        Ok(ThreadSchedule { file: File::open("/proc/thread-self/schedstat")? })
    }

    /// The thread of `pid` that has used the most CPU so far: the one that executes commands.
    pub fn of_busiest_thread(pid: u32) -> io::Result<ThreadSchedule> {
        let all = schedules(pid)?;
        let thread =
            all.iter().max_by_key(|(_, schedule)| schedule.cpu_ns).map_or(pid, |&(thread, _)| thread);
        Ok(ThreadSchedule { file: File::open(format!("/proc/{pid}/task/{thread}/schedstat"))? })
    }

    /// The figures now.
    pub fn read(&self) -> io::Result<Schedule> {
        let mut buffer = [0; 96];
        let count = self.file.read_at(&mut buffer, 0)?;
        parse_schedstat(&String::from_utf8_lossy(&buffer[..count]))
    }
}

/// Resident memory of process `pid` in bytes.
///
/// `smaps_rollup` walks the page tables and is exact; the counters of `status` lag by up to 64 pages a thread.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let exact = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    if let Some(bytes) = exact.ok().and_then(|text| kilobyte_field(&text, "Rss:")) {
        return Ok(bytes);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kilobyte_field(&status, "VmRSS:").ok_or_else(|| io::Error::other("no VmRSS in /proc status"))
}

/// Resident memory of process `pid` in bytes, from the cheap and slightly lagging counters.
pub fn resident_bytes_roughly(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kilobyte_field(&status, "VmRSS:").ok_or_else(|| io::Error::other("no VmRSS in /proc status"))
}

/// Memory of process `pid` that no other process shares, in bytes: of a forked child, what would be free without it.
pub fn private_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name| kilobyte_field(&text, name).unwrap_or(0);
    Ok(field("Private_Dirty:") + field("Private_Clean:"))
}

/// The processes that `pid` has started.
pub fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for id in numbers_in("/proc")? {
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        if parent_of(&stat) == Some(pid) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Time the hypervisor gave to others while a core of this machine wanted to run, in milliseconds since boot.
#[must_use]
pub fn stolen_ms() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    text.lines().next().and_then(steal_ticks).unwrap_or(0) * 10
}

/// How many tasks wanted to run over the last 1, 5 and 15 minutes: what else the machine was busy with.
#[must_use]
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Model name of the processor and release of the kernel, for the head of a report.
#[must_use]
pub fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown processor".to_owned());
    let cores = processor.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

/// The names in a folder that are numbers.
fn numbers_in(folder: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            found.push(id);
        }
    }
    Ok(found)
}

/// The parent in a line of /proc stat: the second field behind the name, which may hold anything.
fn parent_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn parse_schedstat(text: &str) -> io::Result<Schedule> {
    let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(cpu_ns)), Some(Ok(delay_ns))) => Ok(Schedule { cpu_ns, delay_ns }),
        _ => Err(io::Error::other(format!("unreadable schedstat {text:?}"))),
    }
}

fn kilobyte_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn steal_ticks(line: &str) -> Option<u64> {
    line.strip_prefix("cpu ")?.split_ascii_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::process::{Child, Command};

    /// A process that does nothing and has one thread, for tests that watch one: threads of the tests' own process end.
    pub(crate) struct Idle(Child);

    impl Idle {
        pub(crate) fn start() -> Idle {
            Idle(Command::new("sleep").arg("600").spawn().unwrap())
        }

        pub(crate) fn id(&self) -> u32 {
            self.0.id()
        }
    }

    impl Drop for Idle {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn reads_the_kernels_formats() {
        assert_eq!(
            parse_schedstat("273207 74502 1\n").unwrap(),
            Schedule { cpu_ns: 273_207, delay_ns: 74_502 }
        );
        assert!(parse_schedstat("").is_err());
        assert_eq!(kilobyte_field("Pss: 1 kB\nRss:   1688 kB\n", "Rss:"), Some(1688 * 1024));
        assert_eq!(kilobyte_field("VmSize: 1 kB\n", "VmRSS:"), None);
        assert_eq!(parent_of("12 (a) b) c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (a"), None);
        assert_eq!(steal_ticks("cpu  1 2 3 4 5 6 7 88 9 10"), Some(88));
    }

    #[test]
    fn a_child_is_found_and_has_memory_of_its_own() {
        let child = Idle::start();
        let found = children(std::process::id()).unwrap();
        assert!(found.contains(&child.id()), "{found:?}");
        assert!(private_bytes(child.id()).unwrap() > 0);
    }

    #[test]
    fn own_process_uses_cpu_and_memory() {
        let pid = std::process::id();
        // Again while a thread of another test took its share of the sum with it when it ended.
        let used = (0..100).map(|_| {
            let before = schedule(pid).unwrap();
            (0..10_000_000u64).for_each(|spin| _ = std::hint::black_box(spin));
            schedule(pid).unwrap().since(before).cpu_ns
        });
        assert!(used.into_iter().any(|ns| ns > 1_000_000));
        let exact = resident_bytes(pid).unwrap();
        let rough = resident_bytes_roughly(pid).unwrap();
        assert!(exact > 100_000 && rough > 100_000, "{exact} {rough}");
    }
}
