//! Known problems of a system, for `--check-system` and as warnings at start.

use crate::clock::Clock;
use crate::config::Config;
use crate::log::Log;
use std::fs;
use std::io::Write;

/// What a check found.
enum Finding {
    Fine,
    /// The system does not say.
    Unknown,
    Problem(String),
}

/// A name to print and the check.
type Check = (&'static str, fn() -> Finding);

const CHECKS: [Check; 4] = [
    ("slow-clocksource", slow_clock),
    ("xen-clocksource", xen_clock),
    ("overcommit", overcommit),
    ("THP", huge_pages),
];

/// Runs every check and prints what it found; the exit status says whether all is well.
pub(super) fn run(out: &mut impl Write) -> i32 {
    let mut code = 0;
    for (name, check) in CHECKS {
        let text = match check() {
            Finding::Fine => "OK".to_owned(),
            Finding::Unknown => "skipped".to_owned(),
            Finding::Problem(text) => {
                code = 1;
                format!("WARNING:\n{text}")
            }
        };
        // If nobody reads the report, the status still says it.
        let _ = writeln!(out, "[{name}]...{text}");
    }
    code
}

/// Warns of what can be seen at once. Asks the kernel for small pages where huge ones are forced on everyone.
pub(super) fn warn(config: &Config, log: &Log) {
    for check in [overcommit, xen_clock] {
        if let Finding::Problem(text) = check() {
            log.warning(format_args!("WARNING {text}"));
        }
    }
    if let Finding::Problem(text) = huge_pages() {
        let disabled = config.disable_thp && rustix::thread::disable_transparent_huge_pages(true).is_ok();
        if !disabled {
            log.warning(format_args!("WARNING {text}"));
        }
    }
}

const CLOCKS: &str = "/sys/devices/system/clocksource/clocksource0";

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.lines().next().map(|line| line.trim().to_owned())
}

/// Reading the clock should not enter the kernel: it takes some 20 to 50 ns then, several hundred otherwise.
fn slow_clock() -> Finding {
    const BATCHES: u32 = 20;
    const READINGS: u64 = 10_000;
    const NS_MAX: u64 = 150;
    let mut clock = Clock::new();
    let mut batch = || {
        let start = clock.tick();
        for _ in 1..READINGS {
            clock.tick();
        }
        (clock.tick() - start) / READINGS
    };
    // The quickest batch is the one that was not interrupted.
    let ns = (0..BATCHES).map(|_| batch()).min().unwrap_or_default();
    if ns <= NS_MAX {
        return Finding::Fine;
    }
    let source = |name| first_line(&format!("{CLOCKS}/{name}_clocksource")).unwrap_or_default();
    Finding::Problem(format!(
        "Reading the clock takes {ns} ns, which slows every command. The kernel uses the clock source '{}'; available \
         are: {}. To change it, as root: echo tsc > {CLOCKS}/current_clocksource",
        source("current"),
        source("available")
    ))
}

fn xen_clock() -> Finding {
    match first_line(&format!("{CLOCKS}/current_clocksource")).as_deref() {
        None => Finding::Unknown,
        Some("xen") => Finding::Problem(
            "The kernel uses the slow clock source 'xen'. Run 'rufous-server --check-system' to see what it costs."
                .into(),
        ),
        Some(_) => Finding::Fine,
    }
}

/// Nothing here forks, so the kernel's own heuristic is fine; only strict accounting is not.
fn overcommit() -> Finding {
    match first_line("/proc/sys/vm/overcommit_memory").as_deref() {
        None => Finding::Unknown,
        Some("2") => Finding::Problem(
            "Memory overcommit is disabled (vm.overcommit_memory = 2): allocations can fail while memory is free. To \
             change it, as root: sysctl vm.overcommit_memory=1"
                .into(),
        ),
        Some(_) => Finding::Fine,
    }
}

fn huge_pages() -> Finding {
    match first_line("/sys/kernel/mm/transparent_hugepage/enabled") {
        None => Finding::Unknown,
        Some(line) if line.contains("[always]") => Finding::Problem(
            "Transparent huge pages are always on: memory use and latency suffer. To change it, as root: echo madvise > \
             /sys/kernel/mm/transparent_hugepage/enabled, and start the server again."
                .into(),
        ),
        Some(_) => Finding::Fine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_prints_one_result() {
        let mut out = Vec::new();
        run(&mut out);
        let out = String::from_utf8(out).unwrap();
        for (name, _) in CHECKS {
            let result = out.split(&format!("[{name}]...")).nth(1).expect(name);
            assert!(
                ["OK\n", "skipped\n", "WARNING:\n"].iter().any(|known| result.starts_with(known)),
                "{out}"
            );
        }
    }
}
