//! What the kernel grants the process: open files, queue of connections, out-of-memory score, cores.

use crate::config::{Config, OomScoreAdj};
use crate::log::Log;
use rufous_persistence::disk::system_text;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::fs;
use std::io;

/// Descriptors kept for everything but clients: listeners, files, the poller.
const RESERVED_FILES: u64 = 32;

const OOM_SCORE_FILE: &str = "/proc/self/oom_score_adj";

/// There are not even enough open files for the server alone; the log says so.
#[derive(Debug, PartialEq, Eq)]
pub struct TooFewFiles;

/// Raises the limit of open files to hold `maxclients`; where the system refuses, lowers `maxclients` and says so.
/// For `Changed::MaxClients`: if `maxclients` is lower afterwards, refuse the change.
pub fn adjust_open_files(config: &mut Config, log: &Log) -> Result<(), TooFewFiles> {
    let wanted = u64::from(config.maxclients) + RESERVED_FILES;
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if current >= wanted {
        return Ok(());
    }
    let (granted, refusal) = raise_files(current, wanted);
    if granted >= wanted {
        log.notice(format_args!(
            "Increased maximum number of open files to {wanted} (it was originally set to {current})."
        ));
        return Ok(());
    }
    if granted <= RESERVED_FILES {
        log.warning(format_args!(
            "Your current 'ulimit -n' of {current} is not enough for the server to start. Please increase your open \
             file limit to at least {wanted}. Exiting."
        ));
        return Err(TooFewFiles);
    }
    let requested = config.maxclients;
    config.maxclients = (granted - RESERVED_FILES) as u32;
    log.warning(format_args!(
        "You requested maxclients of {requested} requiring at least {wanted} max file descriptors."
    ));
    let reason = refusal.map_or_else(String::new, |error| system_text(&error));
    log.warning(format_args!(
        "Server can't set maximum open files to {wanted} because of OS error: {reason}."
    ));
    log.warning(format_args!(
        "Current maximum open files is {granted}. maxclients has been reduced to {} to compensate for low ulimit. If \
         you need higher maxclients increase 'ulimit -n'.",
        config.maxclients
    ));
    Ok(())
}

/// The greatest limit up to `wanted` that the system grants, at least `current`, and the refusal of more.
fn raise_files(current: u64, wanted: u64) -> (u64, Option<io::Error>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Anyone may go up to the maximum; beyond, root up to what the kernel allows at all.
    let kernel = fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok());
    let attempts = [Some(wanted), kernel, maximum];
    let mut refusal = None;
    for attempt in attempts.into_iter().flatten().map(|attempt| attempt.min(wanted)) {
        if attempt <= current {
            continue;
        }
        let maximum = maximum.map(|maximum| maximum.max(attempt));
        match setrlimit(Resource::Nofile, Rlimit { current: Some(attempt), maximum }) {
            Ok(()) => return (attempt, refusal),
            Err(error) => refusal = Some(error.into()),
        }
    }
    (current, refusal)
}

/// Says when the kernel will cut the queue of connections shorter than `tcp-backlog`.
pub(super) fn warn_about_backlog(config: &Config, log: &Log) {
    let most =
        fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse().ok());
    if let Some(most) = most.filter(|most: &u32| *most > 0 && *most < config.tcp_backlog) {
        log.warning(format_args!(
            "WARNING: The TCP backlog setting of {} cannot be enforced because /proc/sys/net/core/somaxconn is set to \
             the lower value of {most}.",
            config.tcp_backlog
        ));
    }
}

/// The kernel's out-of-memory score of this process, put back when the directive is turned off.
#[derive(Debug, Default)]
pub struct OomScore {
    /// The score before it was touched.
    base: Option<i32>,
}

impl OomScore {
    /// Writes the score that the directives ask for. The error, already logged, is the text for CONFIG SET.
    pub fn adjust(&mut self, config: &Config, is_replica: bool, log: &Log) -> Result<(), String> {
        const REFUSED: &str = "Failed to set current oom_score_adj. Check server logs.";
        let score = match (config.oom_score_adj, self.base) {
            (OomScoreAdj::No, None) => return Ok(()),
            (OomScoreAdj::No, Some(base)) => {
                self.base = None;
                base
            }
            (kind, base) => {
                let base = match base {
                    Some(base) => base,
                    None => read_score().map_err(|error| {
                        log.warning(format_args!("Unable to read oom_score_adj: {}", system_text(&error)));
                        REFUSED
                    })?,
                };
                self.base = Some(base);
                let value = config.oom_score_adj_values[usize::from(is_replica)];
                let origin = if kind == OomScoreAdj::Relative { base } else { 0 };
                (value + origin).clamp(-1000, 1000)
            }
        };
        fs::write(OOM_SCORE_FILE, format!("{score}\n")).map_err(|error| {
            log.warning(format_args!("Unable to write oom_score_adj: {}", system_text(&error)));
            REFUSED.to_owned()
        })
    }
}

fn read_score() -> io::Result<i32> {
    let text = fs::read_to_string(OOM_SCORE_FILE)?;
    text.trim().parse().map_err(io::Error::other)
}

/// Keeps the calling thread to a list of cores such as `0-7:2,9`; an empty or malformed list does nothing.
pub fn pin_to_cores(list: &str, log: &Log) {
    let Some(cores) = parse_cores(list) else { return };
    let mut set = CpuSet::new();
    for core in cores {
        set.set(core);
    }
    if let Err(error) = sched_setaffinity(None, &set) {
        log.warning(format_args!("Can't keep to the cores {list}: {}", system_text(&error.into())));
    }
}

/// The cores of a list: numbers and ranges, a range with an optional step behind a colon.
fn parse_cores(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        let step: usize = step.parse().ok().filter(|step| *step > 0)?;
        if first > last || last >= CpuSet::MAX_CPU {
            return None;
        }
        cores.extend((first..=last).step_by(step));
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        let check = |list: &str, expected: Option<&[usize]>| {
            assert_eq!(parse_cores(list).as_deref(), expected, "{list}")
        };
        check("0", Some(&[0]));
        check("1-3,8", Some(&[1, 2, 3, 8]));
        check("0-7:2,9", Some(&[0, 2, 4, 6, 9]));
        for bad in ["", "x", "3-1", "0-3:0", "1,", "0-99999999"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        let mut config = Config { maxclients: 1, ..Config::default() };
        let before = getrlimit(Resource::Nofile).current;
        assert_eq!(adjust_open_files(&mut config, &Log::nowhere()), Ok(()));
        assert_eq!((config.maxclients, getrlimit(Resource::Nofile).current), (1, before));
    }

    #[test]
    fn maxclients_gives_way_to_a_limit_that_cannot_be_raised() {
        // More than the kernel allows anyone.
        let mut config = Config { maxclients: u32::MAX, ..Config::default() };
        assert_eq!(adjust_open_files(&mut config, &Log::nowhere()), Ok(()));
        let granted = getrlimit(Resource::Nofile).current.unwrap();
        assert!(granted < u64::from(u32::MAX));
        assert_eq!(u64::from(config.maxclients), granted - RESERVED_FILES);
        let mut same = config.clone();
        assert_eq!(adjust_open_files(&mut same, &Log::nowhere()), Ok(()));
        assert_eq!(same.maxclients, config.maxclients);
    }

    #[test]
    fn the_score_is_adjusted_and_put_back() {
        let Ok(base) = read_score() else { return };
        let mut score = OomScore::default();
        let mut config = Config { oom_score_adj: OomScoreAdj::Relative, ..Config::default() };
        config.oom_score_adj_values = [3, 5, 8];
        score.adjust(&config, true, &Log::nowhere()).unwrap();
        assert_eq!(read_score().unwrap(), (base + 5).min(1000));
        config.oom_score_adj = OomScoreAdj::No;
        if score.adjust(&config, true, &Log::nowhere()).is_ok() {
            assert_eq!(read_score().unwrap(), base);
        }
    }
}
