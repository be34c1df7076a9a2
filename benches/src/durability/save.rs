//! A snapshot under load: what clients, memory and the clock say of it.
//!
//! Memory is the resident memory of the server (`VmRSS`) and, of the processes that it forks, what they share with nobody
//! (`Private_Dirty` and `Private_Clean` of smaps_rollup): pages that parent and child share are there once, those that one of
//! them has written since are there twice. The largest of the samples during the save counts, less what was
//! resident when it began.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::paced::{self, Outcome, Pace};
use super::{Plan, batch};
use crate::procfs::{self, ThreadSchedule};
use crate::server::Running;

const POLL_PERIOD: Duration = Duration::from_millis(20);
/// Looking at a child walks its page tables: not all the time.
const POLLS_PER_SAMPLE: u32 = 5;
const SAVE_LIMIT: Duration = Duration::from_secs(600);

/// One snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Save {
    /// The load before it.
    pub quiet: Outcome,
    /// The same load while it went on.
    pub saving: Outcome,
    /// From BGSAVE until INFO says that none is in progress.
    pub seconds: f64,
    /// CPU time of the other threads of the server, and of the processes that it forks, from then to then.
    pub cpu_seconds: f64,
    /// Resident bytes when it began.
    pub resident_bytes: u64,
    /// The most bytes beyond that while it went on.
    pub growth_bytes: u64,
    /// Size of the file.
    pub file_bytes: u64,
}

/// Measures one.
pub fn measure(server: &Running, plan: Plan, round: u64) -> io::Result<Save> {
    let load =
        |seed| Pace { words: batch(), writes_per_second: plan.writes_per_second, keyspace: plan.keys, seed };
    let quiet = paced::run(server.address, server.pid(), &load(2 * round), |now| now < plan.quiet)?;
    let saved = AtomicBool::new(false);
    let (saving, save) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let save = watch(server);
            saved.store(true, Ordering::Relaxed);
            save
        });
        let going_on = |_| !saved.load(Ordering::Relaxed);
        let saving = paced::run(server.address, server.pid(), &load(2 * round + 1), going_on);
        (saving, watcher.join())
    });
    let save = save.map_err(|_| io::Error::other("the thread that watches the save has failed"))??;
    Ok(Save { quiet, saving: saving?, ..save })
}

/// Starts a save and follows it to its end.
fn watch(server: &Running) -> io::Result<Save> {
    let mut connection = server.connect()?;
    let commands = ThreadSchedule::of_busiest_thread(server.pid())?;
    // The exact figure would walk the page tables of a server that is under load.
    let resident_bytes = procfs::resident_bytes_roughly(server.pid())?;
    let cpu_before_ns = beside_commands(server.pid(), &commands)?.cpu_ns;
    let started = Instant::now();
    connection.call(&["BGSAVE"])?;
    let (mut highest_bytes, mut cpu_ns, mut polls) = (resident_bytes, cpu_before_ns, 0);
    while connection.info_number("persistence", "rdb_bgsave_in_progress") != Some(0) {
        if polls % POLLS_PER_SAMPLE == 0 {
            let used = beside_commands(server.pid(), &commands)?;
            highest_bytes = highest_bytes.max(used.bytes);
            // A thread or child that has ended is no longer counted.
            cpu_ns = cpu_ns.max(used.cpu_ns);
        }
        if started.elapsed() > SAVE_LIMIT {
            return Err(io::Error::other(format!("{} does not end its BGSAVE", server.spec.name)));
        }
        polls += 1;
        thread::sleep(POLL_PERIOD);
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = connection.info_text("persistence", "rdb_last_bgsave_status");
    if status.as_deref() != Some("ok") {
        return Err(io::Error::other(format!("{} failed its BGSAVE: {status:?}", server.spec.name)));
    }
    Ok(Save {
        seconds,
        cpu_seconds: (cpu_ns - cpu_before_ns) as f64 / 1e9,
        resident_bytes,
        growth_bytes: highest_bytes - resident_bytes,
        file_bytes: fs::metadata(server.file("dump.rdb"))?.len(),
        ..Save::default()
    })
}

/// What a save uses.
struct Used {
    bytes: u64,
    cpu_ns: u64,
}

/// All memory, and the CPU time of all threads and children but the thread of the commands.
fn beside_commands(pid: u32, commands: &ThreadSchedule) -> io::Result<Used> {
    let mut used = Used {
        bytes: procfs::resident_bytes_roughly(pid)?,
        cpu_ns: procfs::schedule(pid)?.since(commands.read()?).cpu_ns,
    };
    for child in procfs::children(pid)? {
        // It may have ended just now.
        used.bytes += procfs::private_bytes(child).unwrap_or(0);
        used.cpu_ns += procfs::schedule(child).map_or(0, |schedule| schedule.cpu_ns);
    }
    Ok(used)
}
