//! The rows of the geo commands.

use super::search::{
    georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore,
};
use super::{geoadd, geodist, geohash, geopos};
use crate::command::keys::{self, ACCESS, OW, RO, UPDATE};
use crate::command::shared::{KEY_READ, KEY_UPDATE, READ, WRITE};
use crate::command::{Command, Group, KeySpec};

const SEARCH: &str =
    "O(N + log M) where N is the number of members in the squares around the shape and M of all";

const STORE_AT_6: &[KeySpec] = &keys_radius(6);
const STORE_AT_5: &[KeySpec] = &keys_radius(5);

const fn keys_radius(options_at: i32) -> [KeySpec; 3] {
    [
        KeySpec::one(1, RO.union(ACCESS)),
        KeySpec::after("STORE", options_at, 0, 1, 0, OW.union(UPDATE)),
        KeySpec::after("STOREDIST", options_at, 0, 1, 0, OW.union(UPDATE)),
    ]
}

const ANY_ADDED: &[(&str, &str)] = &[("6.2.0", "Added `ANY` for `COUNT`.")];
const CAPITALS_ADDED: &[(&str, &str)] = &[("7.0.0", "Takes units in capitals.")];

/// The geo commands.
pub const ROWS: &[Command] = &[
    Command::new("geoadd", geoadd, -5, WRITE, Group::Geo)
        .keys(KEY_UPDATE)
        .docs(
            "3.2.0",
            "O(log N) for each place, where N is the number of members",
            "Adds places to a sorted set, creating the key if needed.",
            "key [NX | XX]:condition@6.2.0 [CH:change@6.2.0] (longitude:double latitude:double member):data ...",
        )
        .history(&[("6.2.0", "Added `CH`, `NX` and `XX`.")]),
    Command::new("geodist", geodist, -4, READ, Group::Geo).keys(KEY_READ).docs(
        "3.2.0",
        "O(1)",
        "Tells how far two places are from each other.",
        "key member1 member2 ['m' | 'km' | 'ft' | 'mi']:unit",
    ),
    Command::new("geohash", geohash, -2, READ, Group::Geo).keys(KEY_READ).docs(
        "3.2.0",
        "O(1) for each member",
        "Gives places as geohash strings.",
        "key [member ...]",
    ),
    Command::new("geopos", geopos, -2, READ, Group::Geo).keys(KEY_READ).docs(
        "3.2.0",
        "O(1) for each member",
        "Gives the longitude and latitude of places.",
        "key [member ...]",
    ),
    Command::new("georadius", georadius, -6, WRITE, Group::Geo)
        .keys(STORE_AT_6)
        .find_keys(keys::of_georadius)
        .docs(
            "3.2.0",
            SEARCH,
            "Finds the places near coordinates; stores them if asked to.",
            "key longitude:double latitude:double radius:double <'m' | 'km' | 'ft' | 'mi'>:unit [WITHCOORD] [WITHDIST] \
             [WITHHASH] [COUNT count:integer [ANY@6.2.0]]:count-block [ASC | DESC]:order \
             [STORE storekey:key=key#1 | STOREDIST storedistkey:key=key#2]:store",
        )
        .history(&[("6.2.0", "Added `ANY` for `COUNT`."), ("7.0.0", "Takes units in capitals.")])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
    Command::new("georadius_ro", georadius_ro, -6, READ, Group::Geo)
        .keys(KEY_READ)
        .docs(
            "3.2.10",
            SEARCH,
            "Finds the places near coordinates.",
            "key longitude:double latitude:double radius:double <'m' | 'km' | 'ft' | 'mi'>:unit [WITHCOORD] [WITHDIST] \
             [WITHHASH] [COUNT count:integer [ANY@6.2.0]]:count-block [ASC | DESC]:order",
        )
        .history(ANY_ADDED)
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
    Command::new("georadiusbymember", georadiusbymember, -5, WRITE, Group::Geo)
        .keys(STORE_AT_5)
        .find_keys(keys::of_georadius)
        .docs(
            "3.2.0",
            SEARCH,
            "Finds the places near one that is a member; stores them if asked to.",
            "key member radius:double <'m' | 'km' | 'ft' | 'mi'>:unit [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count:integer [ANY]]:count-block [ASC | DESC]:order \
             [STORE storekey:key=key#1 | STOREDIST storedistkey:key=key#2]:store",
        )
        .history(CAPITALS_ADDED)
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    Command::new("georadiusbymember_ro", georadiusbymember_ro, -5, READ, Group::Geo)
        .keys(KEY_READ)
        .docs(
            "3.2.10",
            SEARCH,
            "Finds the places near one that is a member.",
            "key member radius:double <'m' | 'km' | 'ft' | 'mi'>:unit [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count:integer [ANY]]:count-block [ASC | DESC]:order",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    Command::new("geosearch", geosearch, -7, READ, Group::Geo)
        .keys(KEY_READ)
        .docs(
            "6.2.0",
            SEARCH,
            "Finds the places in a circle or a box.",
            "key <FROMMEMBER member | FROMLONLAT (longitude:double latitude:double):fromlonlat>:from \
             <(BYRADIUS radius:double <'m' | 'km' | 'ft' | 'mi'>:unit):circle | \
             (BYBOX width:double height:double <'m' | 'km' | 'ft' | 'mi'>:unit):box>:by [ASC | DESC]:order \
             [COUNT count:integer [ANY]]:count-block [WITHCOORD] [WITHDIST] [WITHHASH]",
        )
        .history(CAPITALS_ADDED),
    Command::new("geosearchstore", geosearchstore, -8, WRITE, Group::Geo)
        .keys(&[KeySpec::one(1, OW.union(UPDATE)), KeySpec::one(2, RO.union(ACCESS))])
        .docs(
            "6.2.0",
            SEARCH,
            "Finds the places in a circle or a box and stores them.",
            "destination:key source:key#1 <FROMMEMBER member | FROMLONLAT (longitude:double latitude:double):fromlonlat>:from \
             <(BYRADIUS radius:double <'m' | 'km' | 'ft' | 'mi'>:unit):circle | \
             (BYBOX width:double height:double <'m' | 'km' | 'ft' | 'mi'>:unit):box>:by [ASC | DESC]:order \
             [COUNT count:integer [ANY]]:count-block [STOREDIST]",
        )
        .history(CAPITALS_ADDED),
];
