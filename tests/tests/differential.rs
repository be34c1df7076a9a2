//! The same random commands to Rufous and to a real `redis-server`.
//!
//! `RUFOUS_DIFF_COMMANDS` sets how many commands a family gets, `RUFOUS_DIFF_SEED` where they start.

use std::env;

use rufous_tests::differential::runner::{Plan, run};
use rufous_tests::differential::{
    Family, bitmaps, connection, dumps, generic, geo, hashes, hyperloglog, introspection, lists, misuse,
    pubsub, sets, sorted_sets, sorts, streams, strings, tracking, transactions, waits,
};
use rufous_tests::server::program_or_notice;

/// Commands a family gets when nothing else is said.
const COMMANDS: usize = 3000;
const SEED: u64 = 1;

fn check(family: Family) {
    if program_or_notice("redis-server", family.name).is_none() {
        return;
    }
    run(
        &family,
        Plan {
            commands: setting("RUFOUS_DIFF_COMMANDS").unwrap_or(COMMANDS as u64) as usize,
            seed: setting("RUFOUS_DIFF_SEED").unwrap_or(SEED),
        },
    );
}

fn setting(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[test]
fn strings_reply_as_redis() {
    check(strings::STRINGS);
}

#[test]
fn hashes_reply_as_redis() {
    check(hashes::HASHES);
}

#[test]
fn sets_reply_as_redis() {
    check(sets::SETS);
}

#[test]
fn sorted_sets_reply_as_redis() {
    check(sorted_sets::SORTED_SETS);
}

#[test]
fn streams_reply_as_redis() {
    check(streams::STREAMS);
}

#[test]
fn bitmaps_reply_as_redis() {
    check(bitmaps::BITMAPS);
}

#[test]
fn hyperloglogs_reply_and_store_as_redis() {
    check(hyperloglog::HYPERLOGLOG);
}

#[test]
fn lists_reply_as_redis() {
    check(lists::LISTS);
}

#[test]
fn generic_commands_reply_as_redis() {
    check(generic::GENERIC);
}

#[test]
fn places_reply_as_redis() {
    check(geo::GEO);
}

#[test]
fn sorts_reply_as_redis() {
    check(sorts::SORTS);
}

#[test]
fn dumps_reply_as_redis() {
    check(dumps::DUMPS);
}

#[test]
fn connection_commands_reply_as_redis() {
    check(connection::CONNECTION);
}

#[test]
fn transactions_reply_as_redis() {
    check(transactions::TRANSACTIONS);
}

#[test]
fn waits_reply_as_redis() {
    check(waits::WAITS);
}

#[test]
fn channels_reply_as_redis() {
    check(pubsub::PUBSUB);
}

#[test]
fn keyspace_events_arrive_as_from_redis() {
    check(pubsub::NOTIFICATIONS);
}

#[test]
fn tracking_clients_are_told_as_by_redis() {
    check(tracking::TRACKING);
}

#[test]
fn command_information_is_as_in_redis() {
    check(introspection::COMMANDS);
}

#[test]
fn configuration_replies_as_redis() {
    check(introspection::CONFIGURATION);
}

#[test]
fn misused_commands_reply_as_redis() {
    check(misuse::MISUSE);
}
