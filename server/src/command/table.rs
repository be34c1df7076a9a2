//! All commands of an engine, found by name, with their statistics.
//!
//! Built once per engine from the static rows, because `rename-command` can change the names and the statistics belong to
//! one engine. Every command and subcommand gets a dense [`CommandId`].
//!
//! Invariants: `rows`, `names` and `stats` have the same length, subcommands follow their container without a gap; a name is
//! found in any case of its ASCII letters.

mod hash;

use super::keys::{self, LegacyRange};
use super::{Category, Command, Flags, Group, Outcome};
use crate::commands::FAMILIES;
use crate::config::{Config, Place};
use crate::context::Ctx;
use hash::{FINGERPRINT_LEN_MAX, Fingerprint, PerfectHash, TOP_LEVEL};
use hdrhistogram::Histogram;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use std::ops::Range;

/// Shortest and longest time that a histogram tells from others, in nanoseconds.
const HISTOGRAM_RANGE_NS: (u64, u64) = (1, 1_000_000_000);
/// Significant decimal digits of a histogram.
const HISTOGRAM_DIGITS: u8 = 2;

/// A command's or subcommand's number in its table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CommandId(pub u16);

impl CommandId {
    fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Why the commands cannot be renamed as the configuration says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenameError {
    /// The old name belongs to no command.
    NoSuchCommand,
    /// The new name belongs to another command.
    TargetExists,
}

impl RenameError {
    /// As Redis words it when the configuration is loaded.
    pub fn message(self) -> &'static str {
        match self {
            RenameError::NoSuchCommand => "No such command in rename-command",
            RenameError::TargetExists => "Target command name already exists",
        }
    }
}

/// The same, with the line of the configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenameFailure {
    /// The `rename-command` line.
    pub place: Place,
    /// What is wrong with it.
    pub error: RenameError,
}

/// What is counted for a command.
#[derive(Clone, Debug, Default)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: u64,
    /// Time spent in it, in nanoseconds.
    pub duration_ns: u64,
    /// Times it was refused before it ran.
    pub rejected_calls: u64,
    /// Times it ran and replied an error.
    pub failed_calls: u64,
    /// Durations in nanoseconds, once there is one and `latency-tracking` is on.
    pub histogram: Option<Box<Histogram<u32>>>,
}

impl CommandStats {
    /// Counts a call.
    #[inline]
    pub fn record(&mut self, duration_ns: u64, keep_histogram: bool) {
        self.calls += 1;
        self.duration_ns += duration_ns;
        if keep_histogram {
            let (min, max) = HISTOGRAM_RANGE_NS;
            let histogram = self.histogram.get_or_insert_with(new_histogram);
            histogram.saturating_record(duration_ns.clamp(min, max));
        }
    }

    /// Time spent in the command, in microseconds.
    pub fn usec(&self) -> u64 {
        self.duration_ns / 1000
    }

    /// Has it been called, successfully or not?
    pub fn is_used(&self) -> bool {
        self.calls > 0 || self.rejected_calls > 0 || self.failed_calls > 0
    }
}

#[cold]
fn new_histogram() -> Box<Histogram<u32>> {
    let (min, max) = HISTOGRAM_RANGE_NS;
    let histogram = Histogram::new_with_bounds(min, max, HISTOGRAM_DIGITS);
    Box::new(histogram.expect("bounds and digits are in the ranges that the crate names"))
}

/// What the table knows of a command beyond its row.
struct Entry {
    row: &'static Command,
    full_name: Box<str>,
    flags: Flags,
    categories: Category,
    legacy_range: LegacyRange,
    first_key: usize,
    container: Option<CommandId>,
    subcommands: Range<u16>,
}

/// See the file head.
pub struct CommandTable {
    entries: Vec<Entry>,
    /// By ID: the name in force; [`Fingerprint::NONE`] for a command that was removed.
    names: Vec<Fingerprint>,
    /// By ID: the name in force in lower case, for listings and for long names.
    texts: Vec<Box<[u8]>>,
    /// By ID, beside the entries, because they are written at every call.
    stats: Vec<CommandStats>,
    hash: PerfectHash,
    top_level: usize,
}

impl CommandTable {
    /// The table of all families, with the names that the configuration wants.
    pub fn new(config: &Config) -> Result<CommandTable, RenameFailure> {
        let mut table = CommandTable::unnamed(FAMILIES);
        for (old, new, place) in &config.renamed_commands {
            table
                .rename(old.as_bytes(), new.as_bytes())
                .map_err(|error| RenameFailure { place: place.clone(), error })?;
        }
        table.make_findable();
        Ok(table)
    }

    /// The table of these families, with `(old, new)` names applied in order; an empty new name removes the command.
    pub fn from_rows<'a>(
        families: &[&'static [Command]],
        renames: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<CommandTable, RenameError> {
        let mut table = CommandTable::unnamed(families);
        for (old, new) in renames {
            table.rename(old, new)?;
        }
        table.make_findable();
        Ok(table)
    }

    /// The rows with their own names, not to be found yet.
    fn unnamed(families: &[&'static [Command]]) -> CommandTable {
        let mut table = CommandTable {
            entries: Vec::new(),
            names: Vec::new(),
            texts: Vec::new(),
            stats: Vec::new(),
            hash: PerfectHash::default(),
            top_level: 0,
        };
        for row in families.iter().copied().flatten() {
            table.add(row);
        }
        table.stats = vec![CommandStats::default(); table.entries.len()];
        table
    }

    /// The top-level command of this name, in any case.
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<CommandId> {
        self.find(Fingerprint::of(TOP_LEVEL, name), name)
    }

    /// The subcommand of this name.
    #[inline]
    pub fn lookup_sub(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        self.find(Fingerprint::of(container.0, name), name)
    }

    /// The command that a request calls: a subcommand if the name is a container's and more arguments follow. `last` is what the same client
    /// called before, most often the answer.
    #[inline]
    pub fn lookup_request(&self, args: Args<'_>, last: Option<CommandId>) -> Option<CommandId> {
        let name = args.find(0)?;
        let fingerprint = Fingerprint::of(TOP_LEVEL, name);
        let id = match last {
            Some(last) if self.names[last.index()] == fingerprint && name.len() <= FINGERPRINT_LEN_MAX => {
                last
            }
            _ => self.find(fingerprint, name)?,
        };
        if !self.entries[id.index()].subcommands.is_empty()
            && let Some(subcommand) = args.find(1)
        {
            return self.lookup_sub(id, subcommand);
        }
        Some(id)
    }

    /// The command of a full name such as `get` or `config|get`.
    pub fn lookup_full(&self, full_name: &[u8]) -> Option<CommandId> {
        match full_name.iter().position(|&byte| byte == b'|') {
            None => self.lookup(full_name),
            Some(bar) => self.lookup_sub(self.lookup(&full_name[..bar])?, &full_name[bar + 1..]),
        }
    }

    /// The static row.
    #[inline]
    pub fn row(&self, id: CommandId) -> &'static Command {
        self.entries[id.index()].row
    }

    /// `get`, or `config|get` for a subcommand. `rename-command` does not change it.
    pub fn full_name(&self, id: CommandId) -> &str {
        &self.entries[id.index()].full_name
    }

    /// The row's flags, and `MOVABLE_KEYS` where the key specs imply it.
    #[inline]
    pub fn flags(&self, id: CommandId) -> Flags {
        self.entries[id.index()].flags
    }

    /// The row's ACL categories and those that flags and group imply.
    #[inline]
    pub fn categories(&self, id: CommandId) -> Category {
        self.entries[id.index()].categories
    }

    /// Position of the first key of a request, or 0; see [`keys::first_position`].
    #[inline]
    pub fn first_key(&self, id: CommandId) -> usize {
        self.entries[id.index()].first_key
    }

    /// First key, last key and step of COMMAND INFO.
    pub fn legacy_range(&self, id: CommandId) -> LegacyRange {
        self.entries[id.index()].legacy_range
    }

    /// The command that a subcommand belongs to.
    pub fn container(&self, id: CommandId) -> Option<CommandId> {
        self.entries[id.index()].container
    }

    /// A container's subcommands.
    pub fn subcommands(&self, id: CommandId) -> impl ExactSizeIterator<Item = CommandId> + use<> {
        self.entries[id.index()].subcommands.clone().map(CommandId)
    }

    /// How many top-level commands there are.
    pub fn count(&self) -> usize {
        self.top_level
    }

    /// The top-level commands in the order of the rows.
    pub fn top_level(&self) -> impl Iterator<Item = CommandId> + '_ {
        self.ids().filter(|&id| self.is_top_level(id))
    }

    /// Every command and subcommand, removed ones too.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = CommandId> + use<> {
        (0..self.entries.len() as u16).map(CommandId)
    }

    /// What was counted for a command.
    #[inline]
    pub fn stats(&self, id: CommandId) -> &CommandStats {
        &self.stats[id.index()]
    }

    /// The same, to count in.
    #[inline]
    pub fn stats_mut(&mut self, id: CommandId) -> &mut CommandStats {
        &mut self.stats[id.index()]
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&mut self) {
        self.stats.fill(CommandStats::default());
    }

    fn is_top_level(&self, id: CommandId) -> bool {
        self.container(id).is_none() && self.names[id.index()] != Fingerprint::NONE
    }

    /// Renaming is done: counts the commands and builds the hash.
    fn make_findable(&mut self) {
        self.top_level = self.top_level().count();
        let named = self.ids().map(|id| (self.names[id.index()], id));
        self.hash = PerfectHash::new(named.filter(|(name, _)| *name != Fingerprint::NONE).collect());
    }

    #[inline]
    fn find(&self, name: Fingerprint, bytes: &[u8]) -> Option<CommandId> {
        let id = self.hash.find(name)?;
        (bytes.len() <= FINGERPRINT_LEN_MAX || self.is_text(id, bytes)).then_some(id)
    }

    #[cold]
    fn is_text(&self, id: CommandId, name: &[u8]) -> bool {
        self.texts[id.index()].eq_ignore_ascii_case(name)
    }

    fn add(&mut self, row: &'static Command) {
        let id = self.push(row, None);
        let first = self.entries.len() as u16;
        for subcommand in row.subcommands {
            self.push(subcommand, Some(id));
        }
        self.entries[id.index()].subcommands = first..self.entries.len() as u16;
    }

    fn push(&mut self, row: &'static Command, container: Option<CommandId>) -> CommandId {
        let id = CommandId(self.entries.len() as u16);
        let full_name = match container {
            Some(container) => format!("{}|{}", self.row(container).name, row.name),
            None => row.name.to_owned(),
        };
        let (legacy_range, movable) = keys::legacy_range(row);
        self.entries.push(Entry {
            row,
            full_name: full_name.into(),
            flags: row.flags | if movable { Flags::MOVABLE_KEYS } else { Flags::empty() },
            categories: implied_categories(row),
            legacy_range,
            first_key: keys::first_position(row),
            container,
            subcommands: 0..0,
        });
        let group = container.map_or(TOP_LEVEL, |id| id.0);
        self.names.push(Fingerprint::of(group, row.name.as_bytes()));
        self.texts.push(row.name.as_bytes().into());
        id
    }

    fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), RenameError> {
        let by_name = |name: &[u8]| {
            let is_it = |&id: &CommandId| self.is_top_level(id) && self.is_text(id, name);
            self.ids().find(is_it).map(CommandId::index)
        };
        let index = by_name(old).ok_or(RenameError::NoSuchCommand)?;
        if !new.is_empty() && by_name(new).is_some_and(|other| other != index) {
            return Err(RenameError::TargetExists);
        }
        self.names[index] = if new.is_empty() { Fingerprint::NONE } else { Fingerprint::of(TOP_LEVEL, new) };
        self.texts[index] = new.to_ascii_lowercase().into();
        Ok(())
    }
}

/// What the row says, and what follows from flags and group. A container has no category of its group: it does nothing.
fn implied_categories(row: &Command) -> Category {
    let mut categories = row.categories;
    if row.subcommands.is_empty() {
        categories |= group_category(row.group);
    }
    let scripting = categories.contains(Category::SCRIPTING);
    let rules = [
        (Flags::WRITE, Category::WRITE),
        (Flags::READONLY, if scripting { Category::empty() } else { Category::READ }),
        (Flags::ADMIN, Category::ADMIN.union(Category::DANGEROUS)),
        (Flags::PUBSUB, Category::PUBSUB),
        (Flags::FAST, Category::FAST),
        (Flags::BLOCKING, Category::BLOCKING),
    ];
    for (flag, implied) in rules {
        if row.flags.contains(flag) {
            categories |= implied;
        }
    }
    if !categories.contains(Category::FAST) {
        categories |= Category::SLOW;
    }
    categories
}

fn group_category(group: Group) -> Category {
    match group {
        Group::String => Category::STRING,
        Group::List => Category::LIST,
        Group::Set => Category::SET,
        Group::SortedSet => Category::SORTEDSET,
        Group::Hash => Category::HASH,
        Group::HyperLogLog => Category::HYPERLOGLOG,
        Group::Geo => Category::GEO,
        Group::Stream => Category::STREAM,
        Group::Bitmap => Category::BITMAP,
        Group::Transactions => Category::TRANSACTION,
        Group::Connection => Category::CONNECTION,
        Group::Scripting => Category::SCRIPTING,
        Group::Generic | Group::PubSub | Group::Server | Group::Cluster | Group::Sentinel => {
            Category::empty()
        }
    }
}

impl Category {
    /// The category of this name, in any case and without the `@`.
    pub fn by_name(name: &[u8]) -> Option<Category> {
        let found = Category::all().iter_names().find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(_, category)| category)
    }

    /// The names of the categories in it, in Redis' order, lower case, without the `@`.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.iter_names().map(|(name, _)| name.to_ascii_lowercase())
    }
}

impl Group {
    /// The name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::HyperLogLog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Sentinel => "sentinel",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }
}

/// The handler of containers. Lookup finds the subcommand or refuses, so that only a wrong one can get here.
pub fn container(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let name = cx.server.commands.full_name(cx.command);
    Err(error::unknown_subcommand(name.as_bytes(), args.find(1).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Seeks;
    use proptest::prelude::*;
    use rufous_protocol::request::OwnedArgs;

    const READ: Flags = Flags::READONLY.union(Flags::FAST);
    const SUBCOMMANDS: &[Command] = &[
        Command::new("get", container, -3, Flags::ADMIN, Group::Server),
        Command::new("a-very-long-subcommand", container, 2, Flags::empty(), Group::Server),
    ];
    const ROWS: &[Command] = &[
        Command::new("get", container, 2, READ, Group::String),
        Command::new("set", container, -3, Flags::WRITE, Group::String),
        Command::new("config", container, -2, Flags::empty(), Group::Server).subcommands(SUBCOMMANDS),
        Command::new("georadiusbymember_ro", container, -5, Flags::READONLY, Group::Geo),
        Command::new("sort_ro", container, -2, Flags::READONLY, Group::Generic)
            .keys(&[keys::KeySpec::one(1, keys::RO), keys::KeySpec::unknown(keys::RO)]),
    ];

    fn table(renames: &[(&str, &str)]) -> Result<CommandTable, RenameError> {
        let renames = renames.iter().map(|(old, new)| (old.as_bytes(), new.as_bytes()));
        CommandTable::from_rows(&[ROWS], renames)
    }

    /// Looks a request up, as the first of its client and after each other command; the full name, or `-`.
    fn check(table: &CommandTable, line: &str, expected: &str) {
        let request: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
        for last in table.ids().map(Some).chain([None]) {
            let id = table.lookup_request(request.args(), last);
            let found = id.map_or("-", |id| table.full_name(id));
            assert_eq!(found, expected, "{line} after {last:?}");
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let table = table(&[]).unwrap();
        check(&table, "get k", "get");
        check(&table, "GeT k", "get");
        check(&table, "GEORADIUSbyMEMBER_RO", "georadiusbymember_ro");
        check(&table, "config", "config");
        check(&table, "Config gEt x", "config|get");
        check(&table, "config A-VERY-LONG-SUBCOMMAND", "config|a-very-long-subcommand");
        for nothing in [
            "",
            "ge",
            "gett",
            "config nosuch",
            "nosuch get",
            "georadiusbyXember_ro",
            "g\u{65}\u{74}\0",
            "config|get",
        ] {
            check(&table, nothing, "-");
        }
        // Bytes that only differ in bit 5, but are no letters.
        check(&table, "sort\u{7f}ro", "-");
    }

    #[test]
    fn full_names() {
        let table = table(&[]).unwrap();
        let check = |name: &str, expected| {
            let id = table.lookup_full(name.as_bytes());
            assert_eq!(id.map(|id| table.full_name(id)), expected, "{name}");
        };
        check("GET", Some("get"));
        check("config|GET", Some("config|get"));
        check("config", Some("config"));
        for nothing in ["get|", "get|get", "config|", "|get", "config|get|get"] {
            check(nothing, None);
        }
    }

    #[test]
    fn renamed_and_removed_commands() {
        let long = "x".repeat(70);
        let table = table(&[("GET", "fetch"), ("set", ""), ("config", &long), ("fetch", "Get2")]).unwrap();
        check(&table, "get k", "-");
        check(&table, "fetch k", "-");
        check(&table, "GET2 k", "get");
        check(&table, "set k v", "-");
        check(&table, &format!("{long} get x"), "config|get");
        check(&table, &format!("{}y get x", &long[1..]), "-");
        assert_eq!(table.count(), ROWS.len() - 1);
    }

    #[test]
    fn renames_that_cannot_be() {
        assert_eq!(table(&[("nosuch", "x")]).err(), Some(RenameError::NoSuchCommand));
        assert_eq!(table(&[("get", "SET")]).err(), Some(RenameError::TargetExists));
        assert_eq!(table(&[("get", ""), ("get", "x")]).err(), Some(RenameError::NoSuchCommand));
        assert!(table(&[("get", ""), ("set", "get"), ("get", "GET")]).is_ok());
    }

    #[test]
    fn what_flags_and_group_imply() {
        let table = table(&[]).unwrap();
        let check = |name: &str, expected: &str| {
            let id = table.lookup_full(name.as_bytes()).unwrap();
            let names: Vec<String> = table.categories(id).names().collect();
            assert_eq!(names.join(" "), expected, "{name}");
        };
        check("get", "read string fast");
        check("set", "write string slow");
        check("config", "slow");
        check("config|get", "admin slow dangerous");
        check("georadiusbymember_ro", "read geo slow");
        assert!(table.flags(table.lookup(b"sort_ro").unwrap()).contains(Flags::MOVABLE_KEYS));
        assert!(!table.flags(table.lookup(b"get").unwrap()).contains(Flags::MOVABLE_KEYS));
        assert_eq!(Category::by_name(b"SortedSet"), Some(Category::SORTEDSET));
        assert_eq!(Category::by_name(b"@read"), None);
    }

    #[test]
    fn statistics() {
        let mut table = table(&[]).unwrap();
        let get = table.lookup(b"get").unwrap();
        table.stats_mut(get).record(1_500, false);
        assert!(table.stats(get).histogram.is_none());
        for duration_ns in [0, 2_500, 90_000_000_000] {
            table.stats_mut(get).record(duration_ns, true);
        }
        let stats = table.stats(get);
        assert_eq!((stats.calls, stats.usec()), (4, 90_000_004));
        let histogram = stats.histogram.as_ref().unwrap();
        assert_eq!((histogram.len(), histogram.min()), (3, 1));
        let (_, max) = HISTOGRAM_RANGE_NS;
        assert!(histogram.equivalent(histogram.max(), max));
        table.reset_stats();
        assert!(!table.stats(get).is_used() && table.stats(get).histogram.is_none());
    }

    /// Every name of the real table is found, under its own name and under any other that a configuration gives it.
    #[test]
    fn all_families() {
        let table = CommandTable::from_rows(FAMILIES, []).unwrap();
        for id in table.ids() {
            let name = table.full_name(id);
            assert_eq!(table.lookup_full(name.to_uppercase().as_bytes()), Some(id), "{name}");
            assert!(name.bytes().all(|byte| !byte.is_ascii_uppercase()), "{name}");
            let row = table.row(id);
            assert!(!row.summary.is_empty(), "{name} has no summary");
            if let Seeks::Member(at) | Seeks::Rank(at) = row.seeks {
                assert!((table.first_key(id) + 1..row.arity.unsigned_abs().into()).contains(&at), "{name}");
            }
        }
    }

    proptest! {
        /// Names are told apart exactly when they differ without regard to case.
        #[test]
        fn any_names(names in prop::collection::vec("[a-cA-C_]{1,20}", ROWS.len()), other in "[a-cA-C_]{0,20}") {
            let mut lowered: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
            lowered.sort();
            lowered.dedup();
            prop_assume!(lowered.len() == ROWS.len());
            let renames = ROWS.iter().zip(&names).map(|(row, name)| (row.name.as_bytes(), name.as_bytes()));
            let table = CommandTable::from_rows(&[ROWS], renames).unwrap();
            for (row, name) in ROWS.iter().zip(&names) {
                let id = table.lookup(name.to_uppercase().as_bytes());
                prop_assert_eq!(id.map(|id| table.full_name(id)), Some(row.name));
            }
            let expected = names.iter().position(|name| name.eq_ignore_ascii_case(&other));
            let found = table.lookup(other.as_bytes()).map(|id| table.full_name(id));
            prop_assert_eq!(found, expected.map(|i| ROWS[i].name));
        }
    }
}
