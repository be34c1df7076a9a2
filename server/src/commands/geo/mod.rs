//! The geo commands: places as the scores of a sorted set. The mathematics is `rufous_storage::geo`'s.
//!
//! | file | commands |
//! |---|---|
//! | this one | GEOADD, GEOPOS, GEOHASH, GEODIST |
//! | [`search`] | GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their read-only forms |
//!
//! [`rows`] has what COMMAND tells of them, [`query`] the options of a search.

mod query;
mod rows;
mod search;

pub use rows::ROWS;

use super::sorted_set::{Add, insert};
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{LongDouble, fixed, parse_f64};
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::geo::Position;
use rufous_storage::types::sorted_set::SortedSet;
use smallvec::SmallVec;

/// GEOADD key \[NX | XX\] \[CH\] longitude latitude member \[longitude latitude member ...\]
fn geoadd(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (mut rest, mut options) = (args.from(2), Add::empty());
    while let Some(word) = rest.find(0) {
        options |= match () {
            () if word.eq_ignore_ascii_case(b"nx") => Add::NX,
            () if word.eq_ignore_ascii_case(b"xx") => Add::XX,
            () if word.eq_ignore_ascii_case(b"ch") => Add::CH,
            () => break,
        };
        rest = rest.from(1);
    }
    let count = rest.len() / 3;
    if !rest.len().is_multiple_of(3) || options.contains(Add::NX | Add::XX) {
        return Err(error::SYNTAX);
    }
    let scores = (0..count).map(|at| Ok(position(rest.get(3 * at), rest.get(3 * at + 1))?.score() as f64));
    let scores = scores.collect::<Result<SmallVec<[f64; 8]>, ReplyError>>()?;
    if count == 0 {
        return Err(error::SYNTAX);
    }
    insert(cx, args.get(1), options, &scores, (0..count).map(|at| rest.get(3 * at + 2)))
}

/// GEOPOS key \[member \[member ...\]\]
fn geopos(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (set, members) = (cx.db.typed::<SortedSet>(args.get(1))?, args.from(2));
    cx.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => reply_position(&mut cx.reply, Position::of_score(score)),
            None => cx.reply.null_array(),
        }
    }
    Ok(())
}

/// GEOHASH key \[member \[member ...\]\]
fn geohash(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (set, members) = (cx.db.typed::<SortedSet>(args.get(1))?, args.from(2));
    cx.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => cx.reply.bulk(&Position::of_score(score).geohash()),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

/// GEODIST key member1 member2 \[m | km | ft | mi\]
fn geodist(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let unit_metres = match args.find(4) {
        _ if args.len() > 5 => return Err(error::SYNTAX),
        Some(unit) => metres(unit)?,
        None => 1.0,
    };
    let set = cx.db.typed::<SortedSet>(args.get(1))?;
    let place = |member| set.and_then(|set| set.score(member)).map(Position::of_score);
    match (place(args.get(2)), place(args.get(3))) {
        (Some(one), Some(other)) => reply_distance(&mut cx.reply, one.distance(other) / unit_metres),
        _ => cx.reply.null(),
    }
    Ok(())
}

/// A place by its longitude and latitude.
fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, ReplyError> {
    let degrees = |text| parse_f64(text).ok_or(error::NOT_A_FLOAT);
    let (longitude, latitude) = (degrees(longitude)?, degrees(latitude)?);
    Position::new(longitude, latitude).ok_or_else(|| error::geo_position(longitude, latitude))
}

/// The metres in a unit.
fn metres(unit: &[u8]) -> Result<f64, ReplyError> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let found = units.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, metres)| *metres).ok_or(error::GEO_UNIT)
}

fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(fixed(distance, 4).as_bytes());
}

fn reply_position(reply: &mut Reply<'_>, place: Position) {
    reply.array(2);
    reply.human_double(&LongDouble::from(place.longitude));
    reply.human_double(&LongDouble::from(place.latitude));
}
