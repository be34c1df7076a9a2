//! Memory mode: bytes per key of a number of datasets, each in a fresh server. Of collections: bytes per element.
//!
//! Resident bytes are judged by the kernel, `used_memory` by the server itself; both minus the same server's
//! figure while empty, divided by the keys or the elements. The keys are 16 bytes long. Elements are written ten to a command.
//!
//! Before it is emptied and measured, a server has run the same commands a few times: code and buffers that they need come into memory
//! at the first use, and are no part of the data.

use std::io;

use crate::procfs;
use crate::server::{Cores, Running, ServerSpec};
use crate::template::{Template, elements, words};

/// Commands before the empty server is measured.
const WARM_UP_COMMANDS: u64 = 100;

/// One dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What the report calls it.
    pub name: String,
    /// The command that writes one key, or ten elements.
    pub command: String,
}

/// What one dataset takes in one server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Footprint {
    /// Resident bytes per key or element.
    pub resident: f64,
    /// Bytes per key as the server counts them; `None` where INFO has no `used_memory`.
    pub used: Option<f64>,
}

/// The footprints of a dataset, in the order of the servers.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The dataset's name.
    pub dataset: String,
    /// One a server.
    pub footprints: Vec<Footprint>,
}

/// The datasets: strings of several sizes with and without a deadline, and small and large collections.
#[must_use]
pub fn datasets() -> Vec<Dataset> {
    let mut sets = Vec::new();
    let mut add = |name: String, command: String| sets.push(Dataset { name, command });
    for (name, value) in [("integer", 0), ("16 B", 16), ("64 B", 64), ("100 B", 100), ("1024 B", 1024)] {
        // The leading 1 makes it a canonical integer: leading zeros would be a string.
        let value = if value == 0 { "1__rand_int__".to_owned() } else { "x".repeat(value) };
        add(name.to_owned(), format!("SET key:__rand_int__ {value}"));
        add(format!("{name}, TTL"), format!("SET key:__rand_int__ {value} EX 86400"));
    }
    add("hash of 3 fields".into(), "HSET key:__rand_int__ name 0123456789 age 42 city Paris".into());
    add("list of 3".into(), "RPUSH key:__rand_int__ one two three".into());
    add("set of 3 integers".into(), "SADD key:__rand_int__ 1 2 3".into());
    for (name, command) in COLLECTIONS {
        add((*name).to_owned(), (*command).to_owned());
    }
    sets
}

/// name, command. Brackets write ten elements.
const COLLECTIONS: &[(&str, &str)] = &[
    ("field of hashes of 10", "HSET key:__rand_int__ [field:# value:#]"),
    ("integer of sets of 10", "SADD key:__rand_int__ [1000#]"),
    ("member of sets of 10", "SADD key:__rand_int__ [member:#]"),
    ("member of sorted sets of 10", "ZADD key:__rand_int__ [#.5 member:#]"),
    ("element of lists of 10", "RPUSH key:__rand_int__ [element:#]"),
    ("field of one hash", "HSET hash [field:__rand_int__# value:__rand_int__]"),
    ("integer of one set", "SADD set [1__rand_int__#]"),
    ("member of one set", "SADD set [member:__rand_int__#]"),
    ("member of one sorted set", "ZADD zset [__rand_int__# member:__rand_int__#]"),
    ("element of one list", "RPUSH list [element:__rand_int__#]"),
    ("entry of one stream", "XADD stream * sensor __rand_int__ value 20.5"),
];

impl Dataset {
    /// How many commands write so many keys or elements.
    fn commands(&self, keys: u64) -> u64 {
        keys / elements(&self.command)
    }

    /// The name of its command.
    fn verb(&self) -> &str {
        self.command.split(' ').next().unwrap_or_default()
    }
}

/// Measures every dataset with `keys` keys, but for those whose command one of the servers does not know: `progress`
/// tells of them.
pub fn run(
    specs: &[ServerSpec],
    sets: &[Dataset],
    keys: u64,
    cores: Cores,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Measured>> {
    let mut results = Vec::new();
    for set in sets {
        progress(&format!("memory: {}", set.name));
        let mut footprints = Vec::new();
        for spec in specs {
            let Some(footprint) = footprint(spec, set, keys, cores)? else {
                progress(&format!("memory: {} left out: no {} in {}", set.name, set.verb(), spec.name));
                break;
            };
            footprints.push(footprint);
        }
        if footprints.len() == specs.len() {
            results.push(Measured { dataset: set.name.clone(), footprints });
        }
    }
    Ok(results)
}

/// `None` if the server does not know the command.
fn footprint(spec: &ServerSpec, set: &Dataset, keys: u64, cores: Cores) -> io::Result<Option<Footprint>> {
    let server = Running::start(spec, cores)?;
    if !server.connect()?.knows(set.verb())? {
        return Ok(None);
    }
    let command = Template::new(&words(&set.command, 0));
    server.fill(&command, set.commands(keys).min(WARM_UP_COMMANDS))?;
    server.connect()?.call(&["FLUSHALL"])?;
    server.settle()?;
    let empty = (procfs::resident_bytes(server.pid())?, used_memory(&server));
    server.fill(&command, set.commands(keys))?;
    server.settle()?;
    let full = (procfs::resident_bytes(server.pid())?, used_memory(&server));
    let per_key = |full: u64, empty: u64| (full as f64 - empty as f64) / keys as f64;
    Ok(Some(Footprint {
        resident: per_key(full.0, empty.0),
        used: full.1.zip(empty.1).map(|(full, empty)| per_key(full, empty)),
    }))
}

fn used_memory(server: &Running) -> Option<u64> {
    server.connect().ok()?.info_number("memory", "used_memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_has_its_own_name_and_one_number_a_key() {
        let sets = datasets();
        let names: std::collections::HashSet<&str> = sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(names.len(), sets.len());
        assert!(sets.iter().all(|set| set.command.contains(crate::template::RANDOM)));
    }

    #[test]
    fn elements_are_written_ten_to_a_command() {
        for (name, command) in COLLECTIONS {
            let set = Dataset { name: (*name).to_owned(), command: (*command).to_owned() };
            assert_eq!(set.commands(1000), if set.verb() == "XADD" { 1000 } else { 100 }, "{name}");
        }
    }

    #[test]
    fn keys_are_sixteen_bytes_and_integers_canonical() {
        let mut template = Template::new(&words(&datasets()[0].command, 0));
        template.number(42);
        let text = String::from_utf8_lossy(template.bytes()).into_owned();
        assert_eq!(text, "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$13\r\n1000000000042\r\n");
    }
}
