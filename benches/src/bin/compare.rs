//! `compare`: Rufous beside its peers, in one run.
//!
//! The first `--server` is the subject, the others are its peers. Without `--memory`, `--pause` and `--durability` the
//! speed cases run; with one of them only that, unless `--speed` is given too.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use clap::{Parser, ValueEnum};
use rufous_benches::cases::Case;
use rufous_benches::report::{self, Report, ServerInfo};
use rufous_benches::server::{Cores, Running, ServerSpec};
use rufous_benches::speed::{self, Generator};
use rufous_benches::{durability, memory, pause, procfs};

#[derive(Parser)]
#[command(about = "Runs Rufous and its peers in turn and reports paired ratios")]
struct Arguments {
    /// A server as name=PATH, or 'name=PATH argument ...'; the first is the subject, the others its peers
    #[arg(long = "server", required = true)]
    servers: Vec<ServerSpec>,

    /// Measure speed (the default when no other mode is given)
    #[arg(long)]
    speed: bool,
    /// Measure bytes per key
    #[arg(long)]
    memory: bool,
    /// Measure the longest pauses while keys are inserted
    #[arg(long)]
    pause: bool,
    /// Measure snapshots under load, loading them, and the append-only file
    #[arg(long)]
    durability: bool,

    /// Cases of the speed mode
    #[arg(long, value_delimiter = ',', default_value = "ping,get,set,incr,mget,mset")]
    cases: Vec<String>,
    /// A further case: a command, or 'fill => command'; __rand_int__ and __value__ are replaced
    #[arg(long)]
    command: Vec<String>,
    /// Requests in flight per connection
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    pipeline: Vec<usize>,
    /// Bytes per value
    #[arg(long, value_delimiter = ',', default_value = "64")]
    value_size: Vec<usize>,
    /// Connections
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// Samples per server, case and depth
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of a sample
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Keys filled and drawn from in the speed mode
    #[arg(long, default_value_t = 1_000_000)]
    keyspace: u64,
    /// What makes the load: redis-benchmark, or the generator built into this program
    #[arg(long, value_enum, default_value_t = GeneratorKind::RedisBenchmark)]
    generator: GeneratorKind,
    /// Where redis-benchmark is
    #[arg(long, default_value = "redis-benchmark")]
    redis_benchmark: PathBuf,

    /// Keys of each dataset in the memory mode
    #[arg(long, default_value_t = 1_000_000)]
    memory_keys: u64,
    /// Datasets of the memory mode whose name contains this
    #[arg(long, default_value = "")]
    dataset: String,
    /// Keys inserted in the pause mode
    #[arg(long, default_value_t = 10_000_000)]
    pause_keys: u64,
    /// SETs in a batch of the pause mode
    #[arg(long, default_value_t = 16)]
    pause_batch: u64,
    /// Keys, and members of a sorted set, in the durability mode; 0 measures the append-only file alone
    #[arg(long, default_value_t = 5_000_000)]
    durability_keys: u64,
    /// Commands a second of the load beside a snapshot in the durability mode
    #[arg(long, default_value_t = 50_000)]
    durability_writes: u64,
    /// Seconds of that load before the snapshot
    #[arg(long, default_value_t = 5.0)]
    durability_quiet: f64,

    /// Core of the servers (the last one allowed; in the durability mode all)
    #[arg(long)]
    server_core: Option<usize>,
    /// Core of the load (the first one allowed)
    #[arg(long)]
    generator_core: Option<usize>,

    /// Write the JSON report here
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the HTML report here
    #[arg(long)]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum GeneratorKind {
    RedisBenchmark,
    BuiltIn,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let available = Cores::available()?;
    let cores = Cores {
        server: arguments.server_core.or(available.server),
        generator: arguments.generator_core.unwrap_or(available.generator),
    };
    if cores.server == Some(cores.generator) {
        eprintln!(
            "compare: server and load share core {}: latency and throughput mean little",
            cores.generator
        );
    }
    cores.pin_generator()?;
    let started = Instant::now();
    let mut progress = |what: &str| eprintln!("[{:>5.0} s] {what}", started.elapsed().as_secs_f64());
    let mut report = describe(arguments, cores)?;
    if arguments.speed || !(arguments.memory || arguments.pause || arguments.durability) {
        report.speed = speed::run(&speed_plan(arguments, cores)?, &arguments.servers, &mut progress)?;
    }
    if arguments.memory {
        let mut sets = memory::datasets();
        sets.retain(|set| set.name.contains(&arguments.dataset));
        report.memory = memory::run(&arguments.servers, &sets, arguments.memory_keys, cores, &mut progress)?;
    }
    if arguments.pause {
        let plan = pause::Plan { keys: arguments.pause_keys, batch: arguments.pause_batch.max(1), cores };
        report.pauses = pause::run(&arguments.servers, plan, &mut progress)?;
    }
    if arguments.durability {
        let cores = Cores { server: arguments.server_core, ..cores };
        let plan = durability_plan(arguments, cores)?;
        report.durability = durability::run(&arguments.servers, plan, &mut progress)?;
    }
    print!("{}", report::text(&report));
    if let Some(path) = &arguments.json {
        fs::write(path, format!("{:#}\n", report::json(&report)))?;
    }
    if let Some(path) = &arguments.html {
        fs::write(path, report::html(&report))?;
    }
    Ok(())
}

fn speed_plan(arguments: &Arguments, cores: Cores) -> io::Result<speed::Plan> {
    let mut cases = Case::by_names(&arguments.cases).map_err(io::Error::other)?;
    cases.extend(arguments.command.iter().map(|line| Case::custom(line)));
    Ok(speed::Plan {
        cases,
        pipelines: arguments.pipeline.clone(),
        value_sizes: arguments.value_size.clone(),
        clients: arguments.clients.max(1),
        rounds: arguments.rounds.max(1),
        duration: Duration::try_from_secs_f64(arguments.seconds).map_err(io::Error::other)?,
        keyspace: arguments.keyspace.max(1),
        generator: match arguments.generator {
            GeneratorKind::RedisBenchmark => Generator::RedisBenchmark(arguments.redis_benchmark.clone()),
            GeneratorKind::BuiltIn => Generator::BuiltIn,
        },
        cores,
    })
}

fn durability_plan(arguments: &Arguments, cores: Cores) -> io::Result<durability::Plan> {
    let seconds = |seconds| Duration::try_from_secs_f64(seconds).map_err(io::Error::other);
    Ok(durability::Plan {
        keys: arguments.durability_keys,
        writes_per_second: arguments.durability_writes.max(1),
        quiet: seconds(arguments.durability_quiet)?,
        clients: arguments.clients.max(1),
        sample: seconds(arguments.seconds)?,
        rounds: arguments.rounds.max(1),
        cores,
    })
}

/// Starts every server once: a wrong path is found before an hour of measuring, and the versions are known.
fn describe(arguments: &Arguments, cores: Cores) -> io::Result<Report> {
    let mut servers = Vec::new();
    for spec in &arguments.servers {
        let command = std::iter::once(spec.path.display().to_string()).chain(spec.arguments.iter().cloned());
        let command = command.collect::<Vec<_>>().join(" ");
        let version = Running::start(spec, cores)?.version();
        servers.push(ServerInfo { name: spec.name.clone(), version, command });
    }
    let generator = match arguments.generator {
        GeneratorKind::RedisBenchmark => arguments.redis_benchmark.display().to_string(),
        GeneratorKind::BuiltIn => "built in".to_owned(),
    };
    let server_core = cores.server.map_or_else(|| "any".to_owned(), |core| core.to_string());
    let (keys, writes) = (arguments.durability_keys, arguments.durability_writes);
    let settings = [
        ("cores", format!("server {server_core}, load {}", cores.generator)),
        ("generator", generator),
        ("clients", arguments.clients.to_string()),
        ("rounds", format!("{} of {} s", arguments.rounds, arguments.seconds)),
        ("keyspace", arguments.keyspace.to_string()),
        ("memory keys", arguments.memory_keys.to_string()),
        ("pause keys", format!("{} in batches of {}", arguments.pause_keys, arguments.pause_batch)),
        ("durability keys", format!("{keys}, {writes} writes/s, servers on any core unless told")),
        ("load of the machine", procfs::load_average()),
    ];
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    Ok(Report {
        machine: procfs::machine(),
        began_unix_s: began.as_secs(),
        servers,
        settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Report::default()
    })
}
