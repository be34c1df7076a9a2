//! INFO: what the server tells of itself, a file per section, every field of Redis 7.2 in its order.
//!
//! A section is a row in [`SECTIONS`] and a function that writes its fields. Fields of features that this server does not
//! have show what Redis shows while they are unused: zero, `ok`, -1 for "never".

mod clients;
mod commands;
mod cpu;
mod debug;
pub mod memory;
mod persistence;
mod replication;
mod server;
mod stats;

use crate::client::Client;
use crate::client::output::Figures;
use crate::context::Ctx;
use crate::engine::State;
use crate::store::Store;
use std::fmt::{Display, Write};

/// What sections read.
pub struct View<'a> {
    /// Keys.
    pub store: &'a Store,
    /// Everything else.
    pub state: &'a State,
    /// The client that asks: it is taken out of the registry.
    pub client: &'a Client,
    /// Its output, without what was sent of it.
    pub output: Figures,
}

impl<'a> View<'a> {
    /// What a command sees.
    pub fn of(cx: &'a Ctx<'_>) -> View<'a> {
        View {
            store: &*cx.db.store,
            state: &*cx.server,
            client: &*cx.client,
            output: cx.waiting.figures(cx.reply.out, 0),
        }
    }
}

/// The text of INFO as it grows.
#[derive(Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// A line `name:value`.
    pub fn field(&mut self, name: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    /// Lines whose value is the same, for features that do not exist.
    pub fn fields(&mut self, names: &[&str], value: impl Display) {
        for name in names {
            self.field(name, &value);
        }
    }

    fn title(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text += "\r\n";
        }
        let _ = write!(self.text, "# {title}\r\n");
    }
}

/// Which requests show a section without naming it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// INFO alone, `default`, `all` and `everything`.
    Always,
    /// `all` and `everything`.
    InAll,
    /// None.
    ByName,
}

struct Section {
    names: &'static [&'static str],
    title: &'static str,
    shown: Shown,
    write: fn(&mut Page, &View<'_>),
}

const fn section(
    names: &'static [&'static str],
    title: &'static str,
    shown: Shown,
    write: fn(&mut Page, &View<'_>),
) -> Section {
    Section { names, title, shown, write }
}

/// In Redis' order.
const SECTIONS: &[Section] = &[
    section(&["server"], "Server", Shown::Always, server::write),
    section(&["clients"], "Clients", Shown::Always, clients::write),
    section(&["memory"], "Memory", Shown::Always, memory::write),
    section(&["persistence"], "Persistence", Shown::Always, persistence::write),
    section(&["stats"], "Stats", Shown::Always, stats::write),
    section(&["replication"], "Replication", Shown::Always, replication::write),
    section(&["cpu"], "CPU", Shown::Always, cpu::write),
    section(&["modules", "module_list"], "Modules", Shown::Always, |_, _| {}),
    section(&["commandstats"], "Commandstats", Shown::InAll, commands::write_counts),
    section(&["errorstats"], "Errorstats", Shown::Always, commands::write_errors),
    section(&["latencystats"], "Latencystats", Shown::InAll, commands::write_latencies),
    section(&["cluster"], "Cluster", Shown::Always, |page, view| {
        page.field("cluster_enabled", u8::from(view.state.config.cluster_enabled));
    }),
    section(&["keyspace"], "Keyspace", Shown::Always, write_keyspace),
    section(&["debug"], "Debug", Shown::ByName, debug::write),
];

/// The text for the sections that a request names; without names, the default ones. Unknown names show nothing.
pub fn text(view: &View<'_>, asked: &[&[u8]]) -> String {
    let names = |word: &str| asked.iter().any(|name| name.eq_ignore_ascii_case(word.as_bytes()));
    let all = names("all") || names("everything");
    let default = all || asked.is_empty() || names("default");
    let mut page = Page::default();
    for section in SECTIONS {
        let shown = match section.shown {
            Shown::Always => default,
            Shown::InAll => all,
            Shown::ByName => false,
        };
        if shown || section.names.iter().any(|name| names(name)) {
            page.title(section.title);
            (section.write)(&mut page, view);
        }
    }
    page.text
}

fn write_keyspace(page: &mut Page, view: &View<'_>) {
    let now = view.state.clock.now_ms();
    for (index, db) in view.store.keyspace.iter().enumerate() {
        if !db.is_empty() {
            let (keys, expires, ttl) = (db.len(), db.expires_len(), db.avg_ttl(now));
            let hashes = db.expiring_hashes_len();
            page.field(
                &format!("db{index}"),
                format_args!("keys={keys},expires={expires},avg_ttl={ttl},subexpiry={hashes}"),
            );
        }
    }
}

/// A number of bytes for people: `1.50M`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10) as usize;
    match UNITS.get(power - 1) {
        Some(unit) => format!("{:.2}{unit}", bytes as f64 / (1u64 << (10 * power)) as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::human_bytes;

    #[test]
    fn bytes_for_people() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1536 << 10, "1.50M"),
            ((1 << 30) - 1, "1024.00M"),
            (5 << 40, "5.00T"),
            (1 << 60, "1152921504606846976B"),
        ];
        for (bytes, text) in cases {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
