//! The table of directives: a row each, by theme. `ROWS` of the themes together are all there is; nothing
//! else in the server knows a directive by its text.

mod clients;
mod cluster;
mod memory;
mod network;
mod persistence;
mod process;
mod replication;
mod tls;
mod types;

use super::directive::Directive;

const THEMES: [&[Directive]; 9] = [
    network::ROWS,
    clients::ROWS,
    memory::ROWS,
    process::ROWS,
    types::ROWS,
    persistence::ROWS,
    replication::ROWS,
    cluster::ROWS,
    tls::ROWS,
];

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Directive> {
    THEMES.iter().flat_map(|theme| theme.iter())
}

/// The row with this name or alias, in any case.
pub fn find(name: &[u8]) -> Option<&'static Directive> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    rows().find(|row| is(row.name) || row.alias.is_some_and(is))
}

/// Features that rows wait for.
mod feature {
    pub(super) const ACL: &str = "access control lists";
    pub(super) const CLUSTER: &str = "cluster mode";
    pub(super) const IO_THREADS: &str = "threaded I/O";
    pub(super) const REPLICATION: &str = "replication";
    pub(super) const SCRIPTING: &str = "scripting";
    pub(super) const TLS: &str = "TLS";
    pub(super) const TYPES: &str = "this data type";
}

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;
