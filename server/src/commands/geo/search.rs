//! Searches: what lies in a circle or a box, replied or stored.

use super::query::{Form, Order, Query, Store};
use super::{reply_distance, reply_position};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_item};
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::geo::{Position, Search};
use rufous_storage::pack::Item;
use rufous_storage::types::sorted_set::{Cut, Direction, SortedSet, SortedSetRef};

const GEORADIUSSTORE: Event = Event::new(Class::SORTED_SET, "georadiusstore");
const GEOSEARCHSTORE: Event = Event::new(Class::SORTED_SET, "geosearchstore");

/// A member that was found.
struct Hit<'a> {
    member: Item<'a>,
    score: f64,
    place: Position,
    /// From the middle of the search, in its unit.
    distance: f64,
}

/// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit \[ASC | DESC\]
/// \[COUNT count \[ANY\]\] \[WITHCOORD\] \[WITHDIST\] \[WITHHASH\]
pub(super) fn geosearch(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    search(cx, args, args.get(1), Form::Search)
}

/// GEOSEARCHSTORE destination source FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit |
/// BYBOX width height unit \[ASC | DESC\] \[COUNT count \[ANY\]\] \[STOREDIST\]
pub(super) fn geosearchstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    search(cx, args, args.get(2), Form::SearchStore)
}

/// GEORADIUS key longitude latitude radius unit \[WITHCOORD\] \[WITHDIST\] \[WITHHASH\] \[COUNT count \[ANY\]\] \[ASC | DESC\]
/// \[STORE key | STOREDIST key\]
pub(super) fn georadius(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    search(cx, args, args.get(1), Form::Radius { read_only: false })
}

/// GEORADIUS_RO: the same without STORE and STOREDIST
pub(super) fn georadius_ro(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    search(cx, args, args.get(1), Form::Radius { read_only: true })
}

/// GEORADIUSBYMEMBER key member radius unit, with the options of GEORADIUS
pub(super) fn georadiusbymember(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    search(cx, args, args.get(1), Form::RadiusByMember { read_only: false })
}

/// GEORADIUSBYMEMBER_RO: the same without STORE and STOREDIST
pub(super) fn georadiusbymember_ro(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    search(cx, args, args.get(1), Form::RadiusByMember { read_only: true })
}

fn search(cx: &mut Ctx<'_>, args: Args<'_>, source: &[u8], form: Form) -> Outcome {
    let (fresh, limits, limit) =
        (cx.db.db().fresh::<SortedSet>(), cx.db.store.limits.clone(), cx.output_limit());
    let set = cx.db.typed::<SortedSet>(source)?;
    let query = Query::parse(args, form, set)?;
    let mut hits = match (set, &query.search) {
        (Some(set), Some(search)) => find(set, search, query.count.filter(|_| query.any)),
        _ => Vec::new(),
    };
    let nearer = |one: &Hit<'_>, other: &Hit<'_>| one.distance.total_cmp(&other.distance);
    match query.order {
        Order::Found => {}
        Order::Nearest => hits.sort_by(nearer),
        Order::Farthest => hits.sort_by(|one, other| nearer(other, one)),
    }
    hits.truncate(query.count.unwrap_or(usize::MAX));
    let Some(store) = query.store else {
        cx.reply.array(hits.len());
        for (index, hit) in hits.iter().enumerate() {
            if limit.is_passed_after(index, cx.reply.out) {
                break;
            }
            reply_hit(&mut cx.reply, &query, hit);
        }
        return Ok(());
    };
    let (mut result, len) = (fresh, hits.len());
    let elements = ranked(&hits, store);
    result.edit(&limits, |result| result.fill(elements.iter().copied()));
    let event =
        if matches!(form, Form::Search | Form::SearchStore) { GEOSEARCHSTORE } else { GEORADIUSSTORE };
    cx.store_changes(store.key, result, len, event, len as u64);
    Ok(())
}

/// What lies in the shape: all of it, or the first that are found.
fn find<'a>(set: SortedSetRef<'a>, search: &Search, most: Option<usize>) -> Vec<Hit<'a>> {
    let (most, mut hits) = (most.unwrap_or(usize::MAX), Vec::new());
    for scores in search.score_ranges() {
        if hits.len() >= most {
            break;
        }
        let (from, to) = (Cut::BeforeScore(scores.start as f64), Cut::BeforeScore(scores.end as f64));
        set.visit_while(set.ranks(from, to), Direction::Ascending, |member, score| {
            let place = Position::of_score(score);
            if let Some(metres) = search.distance(place) {
                hits.push(Hit { member, score, place, distance: metres / search.unit_metres });
            }
            hits.len() < most
        });
    }
    hits
}

fn reply_hit(reply: &mut Reply<'_>, query: &Query<'_>, hit: &Hit<'_>) {
    let options = [query.with_distance, query.with_hash, query.with_position];
    let extras = options.into_iter().filter(|&is_wanted| is_wanted).count();
    if extras > 0 {
        reply.array(1 + extras);
    }
    bulk_item(reply, hit.member);
    if query.with_distance {
        reply_distance(reply, hit.distance);
    }
    if query.with_hash {
        reply.integer(hit.score as i64);
    }
    if query.with_position {
        reply_position(reply, hit.place);
    }
}

/// The sorted set that is stored, in its order.
fn ranked<'a>(hits: &[Hit<'a>], store: Store<'_>) -> Vec<(Item<'a>, f64)> {
    let mut buffers = [itoa::Buffer::new(), itoa::Buffer::new()];
    let scored = hits.iter().map(|hit| (hit.member, if store.distances { hit.distance } else { hit.score }));
    let mut elements: Vec<_> = scored.collect();
    elements.sort_by(|(one, one_score), (other, other_score)| {
        let [one_buffer, other_buffer] = &mut buffers;
        one_score
            .total_cmp(other_score)
            .then_with(|| one.as_bytes(one_buffer).cmp(other.as_bytes(other_buffer)))
    });
    elements
}
