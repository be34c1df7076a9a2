//! Directives that no general kind fits, a module each: `set` reads arguments, `get` prints for CONFIG GET,
//! `lines` for CONFIG REWRITE, `reset` puts the default. And the types of their values.

use super::directive::{Line, Phase, Problem, Verdict};
use super::{Config, text};
use rufous_persistence::disk::system_text;
use rufous_protocol::number::parse_memory;
use std::io;
use std::path::{Path, PathBuf};

/// Where a line of a configuration file stood, for error reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the line, from 1.
    pub line: usize,
    /// The line, trimmed.
    pub text: Vec<u8>,
}

/// A snapshot is due when both have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot.
    pub seconds: u64,
    /// Changes since then.
    pub changes: u64,
}

/// The primary that this server replicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaOf {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Classes of clients that have limits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientClass {
    /// Everyone else, monitors included.
    Normal = 0,
    /// Replicas.
    Replica = 1,
    /// Clients with subscriptions.
    Pubsub = 2,
}

/// A client is closed when more than `hard_bytes` wait to be sent, or more than `soft_bytes` for `soft_seconds`
/// on end. Zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimit {
    /// Bytes, at once.
    pub hard_bytes: u64,
    /// Bytes, for a while.
    pub soft_bytes: u64,
    /// Seconds of that while.
    pub soft_seconds: u64,
}

/// The limits, indexed by [`ClientClass`].
pub type OutputBufferLimits = [OutputBufferLimit; 3];

/// Whether a template of the process title has only known variables and yields something.
pub fn title_is_valid(template: &[u8]) -> bool {
    const VARIABLES: [&[u8]; 7] =
        [b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"unixsocket", b"config-file"];
    let (mut rest, mut shows) = (template, false);
    while let Some(brace) = rest.iter().position(|&byte| byte == b'{') {
        shows |= rest[..brace].iter().any(|&byte| byte != b' ');
        let after = &rest[brace + 1..];
        if let [b'{', after @ ..] = after {
            (rest, shows) = (after, true);
            continue;
        }
        let Some(end) = after.iter().position(|&byte| byte == b'}') else { return false };
        if !VARIABLES.contains(&&after[..end]) {
            return false;
        }
        // The title may be empty, and with it all that is shown.
        shows |= &after[..end] != b"title";
        rest = &after[end + 1..];
    }
    shows || rest.iter().any(|&byte| byte != b' ')
}

fn utf8(value: &[u8]) -> Result<String, Problem> {
    String::from_utf8(value.to_vec()).map_err(|_| "argument must be valid UTF-8".into())
}

fn one_line(name: &str, value: impl AsRef<[u8]>, forced: bool) -> Vec<Line> {
    vec![Line { text: [name.as_bytes(), b" ", value.as_ref()].concat(), forced }]
}

const WRONG_COUNT: Verdict = Err(Problem::Borrowed("wrong number of arguments"));

/// `bind`: addresses to listen on; one empty argument for none.
pub(super) mod bind {
    use super::*;

    const ADDRESSES_MAX: usize = 16;
    const DEFAULT: [&str; 2] = ["*", "-::*"];

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        if arguments.len() > ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".into());
        }
        let none = matches!(arguments, [only] if only.is_empty());
        let given = if none { &[] } else { arguments };
        config.bind = given.iter().map(|address| utf8(address)).collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        config.bind.join(" ").into()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        if config.bind == DEFAULT {
            return Vec::new();
        }
        let joined = if config.bind.is_empty() { "\"\"".to_owned() } else { config.bind.join(" ") };
        one_line(name, joined, true)
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.bind = DEFAULT.map(String::from).to_vec();
    }
}

/// `client-output-buffer-limit`: groups of class, hard limit, soft limit, seconds.
pub(super) mod output_buffer_limit {
    use super::*;

    const DEFAULT: OutputBufferLimits = [
        OutputBufferLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 },
        OutputBufferLimit { hard_bytes: 256 << 20, soft_bytes: 64 << 20, soft_seconds: 60 },
        OutputBufferLimit { hard_bytes: 32 << 20, soft_bytes: 8 << 20, soft_seconds: 60 },
    ];

    fn class(name: &[u8]) -> Option<ClientClass> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Some(ClientClass::Normal),
            b"slave" | b"replica" => Some(ClientClass::Replica),
            b"pubsub" => Some(ClientClass::Pubsub),
            _ => None,
        }
    }

    fn limit(group: &[Vec<u8>]) -> Option<OutputBufferLimit> {
        let soft_seconds = u64::try_from(text::lenient_integer(&group[3])?).ok()?;
        Some(OutputBufferLimit {
            hard_bytes: parse_memory(&group[1])?,
            soft_bytes: parse_memory(&group[2])?,
            soft_seconds,
        })
    }

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        if !arguments.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = config.client_output_buffer_limit;
        for group in arguments.chunks_exact(4) {
            let class =
                class(&group[0]).ok_or("Invalid client class specified in buffer limit configuration.")?;
            limits[class as usize] = limit(group)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        config.client_output_buffer_limit = limits;
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        let one = |(class, limit): (&str, &OutputBufferLimit)| {
            format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
        };
        let limits = &config.client_output_buffer_limit;
        let all: Vec<String> = ["normal", "slave", "pubsub"].into_iter().zip(limits).map(one).collect();
        all.join(" ").into()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        let limits = config.client_output_buffer_limit.iter().zip(DEFAULT);
        let one = |(class, (limit, default)): (&str, (&OutputBufferLimit, OutputBufferLimit))| {
            let (hard, soft) = (text::format_bytes(limit.hard_bytes), text::format_bytes(limit.soft_bytes));
            let text = format!("{name} {class} {hard} {soft} {}", limit.soft_seconds);
            Line { text: text.into(), forced: *limit != default }
        };
        ["normal", "replica", "pubsub"].into_iter().zip(limits).map(one).collect()
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.client_output_buffer_limit = DEFAULT;
    }
}

/// `notify-keyspace-events`: letters of event classes, kept as bits.
pub mod notify {
    use super::*;

    /// `A`: every class but `n` and `m`.
    const ALL: u32 = 0b10_0111_1111_1100;
    const NEW: u32 = 1 << 14;
    /// Letters and bits in the order in which they are printed.
    const LETTERS: [(u8, u32); 14] = [
        (b'g', 1 << 2),
        (b'$', 1 << 3),
        (b'l', 1 << 4),
        (b's', 1 << 5),
        (b'h', 1 << 6),
        (b'z', 1 << 7),
        (b'x', 1 << 8),
        (b'e', 1 << 9),
        (b't', 1 << 10),
        (b'd', 1 << 13),
        (b'n', NEW),
        (b'K', 1 << 0),
        (b'E', 1 << 1),
        (b'm', 1 << 11),
    ];

    /// The bits of letters; `None` when one is unknown.
    pub fn parse(letters: &[u8]) -> Option<u32> {
        letters.iter().try_fold(0, |bits, letter| match letter {
            b'A' => Some(bits | ALL),
            _ => LETTERS.iter().find(|(known, _)| known == letter).map(|(_, bit)| bits | bit),
        })
    }

    /// The letters of bits, with `A` for all of its classes; beside `A` Redis 7.2 does not print `n`.
    pub fn letters(bits: u32) -> String {
        let all = bits & ALL == ALL;
        let shown = if all { bits & !ALL & !NEW } else { bits };
        let rest = LETTERS.iter().filter(|(_, bit)| shown & bit != 0).map(|(letter, _)| char::from(*letter));
        all.then_some('A').into_iter().chain(rest).collect()
    }

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        let [letters] = arguments else { return WRONG_COUNT };
        config.notify_keyspace_events =
            parse(letters).ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        letters(config.notify_keyspace_events).into()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        one_line(name, text::quoted(&get(config)), config.notify_keyspace_events != 0)
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.notify_keyspace_events = 0;
    }
}

/// `latency-tracking-info-percentiles`: percentiles; one empty argument for none.
pub(super) mod percentiles {
    use super::*;

    const DEFAULT: [f64; 3] = [50.0, 99.0, 99.9];

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        let none = matches!(arguments, [only] if only.is_empty());
        let given = if none { &[] } else { arguments };
        let mut percentiles = Vec::with_capacity(given.len());
        for argument in given {
            let percentile = rufous_protocol::number::parse_f64(argument)
                .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&percentile) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()
                );
            }
            percentiles.push(percentile);
        }
        config.latency_tracking_info_percentiles = percentiles;
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        let all: Vec<String> = config
            .latency_tracking_info_percentiles
            .iter()
            .map(|value| text::format_double(*value))
            .collect();
        all.join(" ").into()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        let shown = get(config);
        one_line(name, if shown.is_empty() { b"\"\"".to_vec() } else { shown }, true)
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.latency_tracking_info_percentiles = DEFAULT.to_vec();
    }
}

/// `oom-score-adj-values`: primary, replica, background work.
pub(super) mod oom_score_adj_values {
    use super::*;

    const DEFAULT: [i32; 3] = [0, 200, 800];

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        if arguments.len() != DEFAULT.len() {
            return WRONG_COUNT;
        }
        let mut values = DEFAULT;
        for (value, argument) in values.iter_mut().zip(arguments) {
            *value = text::lenient_integer(argument)
                .filter(|score| (-2000..=2000).contains(score))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?
                as i32;
        }
        config.oom_score_adj_values = values;
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        config.oom_score_adj_values.map(|value| value.to_string()).join(" ").into()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        one_line(name, get(config), config.oom_score_adj_values != DEFAULT)
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.oom_score_adj_values = DEFAULT;
    }
}

/// `dir`: an existing folder, kept absolute. The process's own working directory stays as it is, so that
/// several servers can share a process.
pub(super) mod dir {
    use super::*;

    /// The folder with links and dots resolved, if it exists and may be entered.
    fn enter(path: &Path) -> io::Result<PathBuf> {
        // Looking up the dot fails where `chdir` would: no folder, or no permission to search it.
        std::fs::metadata(path.join("."))?;
        path.canonicalize()
    }

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        let [folder] = arguments else { return WRONG_COUNT };
        if folder.is_empty() {
            return Err("No such file or directory".into());
        }
        config.dir = enter(&config.dir.join(utf8(folder)?)).map_err(|error| system_text(&error))?;
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        config.dir.as_os_str().as_encoded_bytes().to_vec()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        one_line(name, text::quoted(&get(config)), true)
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    }
}

/// `save`: pairs of seconds and changes; one empty argument for none. In files, lines add up.
pub(super) mod save {
    use super::*;

    const INVALID: Problem = Problem::Borrowed("Invalid save parameters");

    fn point(pair: &[Vec<u8>]) -> Option<SavePoint> {
        let seconds = text::lenient_integer(&pair[0]).filter(|seconds| *seconds >= 1)?;
        let changes = text::lenient_integer(&pair[1]).filter(|changes| *changes >= 0)?;
        Some(SavePoint { seconds: seconds as u64, changes: changes as u64 })
    }

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], phase: Phase) -> Verdict {
        let none = matches!(arguments, [only] if only.is_empty());
        let given = if none { &[] } else { arguments };
        if !given.len().is_multiple_of(2) {
            return Err(INVALID);
        }
        let points: Option<Vec<SavePoint>> = given.chunks_exact(2).map(point).collect();
        let points = points.ok_or(INVALID)?;
        if none || phase == Phase::Set || !config.save_is_set {
            config.save.clear();
        }
        config.save_is_set |= phase == Phase::Load;
        config.save.extend(points);
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        let all: Vec<String> =
            config.save.iter().map(|point| format!("{} {}", point.seconds, point.changes)).collect();
        all.join(" ").into()
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        if config.save.is_empty() {
            return one_line(name, "\"\"", true);
        }
        let one = |point: &SavePoint| Line {
            text: format!("{name} {} {}", point.seconds, point.changes).into(),
            forced: true,
        };
        config.save.iter().map(one).collect()
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.save = [(3600, 1), (300, 100), (60, 10000)]
            .map(|(seconds, changes)| SavePoint { seconds, changes })
            .to_vec();
    }
}

/// `replicaof`: host and port, or `no one`.
pub(super) mod replicaof {
    use super::*;

    pub(in super::super) fn set(config: &mut Config, arguments: &[Vec<u8>], _: Phase) -> Verdict {
        let [host, port] = arguments else { return WRONG_COUNT };
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            config.replicaof = None;
            return Ok(());
        }
        let port = text::lenient_integer(port).and_then(|port| u16::try_from(port).ok());
        config.replicaof = Some(ReplicaOf { host: utf8(host)?, port: port.ok_or("Invalid master port")? });
        Ok(())
    }

    pub(in super::super) fn get(config: &Config) -> Vec<u8> {
        config
            .replicaof
            .as_ref()
            .map_or_else(Vec::new, |primary| format!("{} {}", primary.host, primary.port).into())
    }

    pub(in super::super) fn lines(config: &Config, name: &str) -> Vec<Line> {
        if config.replicaof.is_none() || config.cluster_enabled {
            return Vec::new();
        }
        one_line(name, get(config), true)
    }

    pub(in super::super) fn reset(config: &mut Config) {
        config.replicaof = None;
    }
}
