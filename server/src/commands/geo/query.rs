//! What a search asks for: its options, read word by word, each judged where it stands, as Redis does.

use super::{metres, position};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_f64, parse_i64};
use rufous_protocol::request::Args;
use rufous_storage::geo::{Position, Search, Shape};
use rufous_storage::types::sorted_set::SortedSetRef;

/// How the command was called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS, or its read-only form
    Radius { read_only: bool },
    /// GEORADIUSBYMEMBER, or its read-only form
    RadiusByMember { read_only: bool },
    /// GEOSEARCH
    Search,
    /// GEOSEARCHSTORE
    SearchStore,
}

/// In which order places come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they are found.
    Found,
    Nearest,
    Farthest,
}

/// Where the result goes instead of to the client.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    pub(super) key: &'a [u8],
    /// Distances become the scores.
    pub(super) distances: bool,
}

/// See the file head.
pub(super) struct Query<'a> {
    /// What is searched; `None` if there is no sorted set, whose member may be the middle.
    pub(super) search: Option<Search>,
    pub(super) with_distance: bool,
    pub(super) with_hash: bool,
    pub(super) with_position: bool,
    pub(super) order: Order,
    pub(super) count: Option<usize>,
    /// The first that are found will do.
    pub(super) any: bool,
    pub(super) store: Option<Store<'a>>,
}

/// The options so far.
struct Parts<'a, 's> {
    form: Form,
    set: Option<SortedSetRef<'s>>,
    center: Option<Center>,
    area: Option<(Shape, f64)>,
    query: Query<'a>,
}

/// The middle of a search, and how it was told.
#[derive(Clone, Copy)]
enum Center {
    /// The member's place; none if there is no sorted set.
    Member(Option<Position>),
    Place(Position),
}

impl<'a> Query<'a> {
    /// Parses a whole request. `set` is what it searches.
    pub(super) fn parse(
        args: Args<'a>,
        form: Form,
        set: Option<SortedSetRef<'_>>,
    ) -> Result<Query<'a>, ReplyError> {
        let query = Query {
            search: None,
            with_distance: false,
            with_hash: false,
            with_position: false,
            order: Order::Found,
            count: None,
            any: false,
            store: None,
        };
        let mut parts = Parts { form, set, center: None, area: None, query };
        let mut options = parts.parse_fixed(args)?;
        while let Some(option) = options.find(0) {
            let taken = parts.parse_option(&option.to_ascii_lowercase(), options.from(1))?;
            options = options.from(1 + taken);
        }
        parts.finish(args.get(0))
    }
}

impl<'a> Parts<'a, '_> {
    /// Parses what stands at fixed places; gives what follows it.
    fn parse_fixed(&mut self, args: Args<'a>) -> Result<Args<'a>, ReplyError> {
        match self.form {
            Form::Search => Ok(args.from(2)),
            Form::SearchStore => {
                self.query.store = Some(Store { key: args.get(1), distances: false });
                Ok(args.from(3))
            }
            Form::Radius { .. } => {
                self.center = Some(Center::Place(position(args.get(2), args.get(3))?));
                self.area = Some(circle(args.from(4))?);
                Ok(args.from(6))
            }
            Form::RadiusByMember { .. } => {
                self.center = Some(Center::Member(self.place_of(args.get(2))?));
                // Without a sorted set nobody looks at the radius.
                if self.set.is_some() {
                    self.area = Some(circle(args.from(3))?);
                }
                Ok(args.from(5))
            }
        }
    }

    /// Parses one option; gives how many of the words behind it belong to it.
    fn parse_option(&mut self, option: &[u8], rest: Args<'a>) -> Result<usize, ReplyError> {
        let query = &mut self.query;
        let is_search = matches!(self.form, Form::Search | Form::SearchStore);
        let may_store = matches!(
            self.form,
            Form::Radius { read_only: false } | Form::RadiusByMember { read_only: false }
        );
        match option {
            b"withdist" => query.with_distance = true,
            b"withhash" => query.with_hash = true,
            b"withcoord" => query.with_position = true,
            b"any" => query.any = true,
            b"asc" => query.order = Order::Nearest,
            b"desc" => query.order = Order::Farthest,
            b"storedist" if self.form == Form::SearchStore => {
                query.store.as_mut().expect("GEOSEARCHSTORE has a destination").distances = true;
            }
            b"count" if !rest.is_empty() => {
                let count = parse_i64(rest.get(0)).ok_or(error::NOT_AN_INTEGER)?;
                let count = usize::try_from(count).ok().filter(|&count| count > 0);
                query.count = Some(count.ok_or(error::GEO_COUNT)?);
                return Ok(1);
            }
            b"store" | b"storedist" if may_store && !rest.is_empty() => {
                query.store = Some(Store { key: rest.get(0), distances: option == b"storedist" });
                return Ok(1);
            }
            _ if is_search => return self.parse_area(option, rest),
            _ => return Err(error::SYNTAX),
        }
        Ok(0)
    }

    /// The options of GEOSEARCH that say where.
    fn parse_area(&mut self, option: &[u8], rest: Args<'a>) -> Result<usize, ReplyError> {
        match option {
            b"frommember" if !rest.is_empty() && !matches!(self.center, Some(Center::Place(_))) => {
                self.center = Some(Center::Member(self.place_of(rest.get(0))?));
                Ok(1)
            }
            b"fromlonlat" if rest.len() >= 2 && !matches!(self.center, Some(Center::Member(_))) => {
                self.center = Some(Center::Place(position(rest.get(0), rest.get(1))?));
                Ok(2)
            }
            b"byradius" if rest.len() >= 2 && !matches!(self.area, Some((Shape::Box { .. }, _))) => {
                self.area = Some(circle(rest)?);
                Ok(2)
            }
            b"bybox" if rest.len() >= 3 && !matches!(self.area, Some((Shape::Circle { .. }, _))) => {
                self.area = Some(rectangle(rest)?);
                Ok(3)
            }
            _ => Err(error::SYNTAX),
        }
    }

    /// Where a member is; `None` if there is no sorted set.
    fn place_of(&self, member: &[u8]) -> Result<Option<Position>, ReplyError> {
        let Some(set) = self.set else { return Ok(None) };
        let score = set.score(member).ok_or(error::GEO_NO_MEMBER)?;
        Ok(Some(Position::of_score(score)))
    }

    /// Judges all options together.
    fn finish(self, name: &[u8]) -> Result<Query<'a>, ReplyError> {
        let Parts { form, center, area, mut query, .. } = self;
        if query.store.is_some() && (query.with_distance || query.with_hash || query.with_position) {
            return Err(match form {
                Form::SearchStore => error::GEOSEARCHSTORE_WITH,
                _ => error::GEORADIUS_STORE_WITH,
            });
        }
        if matches!(form, Form::Search | Form::SearchStore) {
            center.ok_or_else(|| error::geo_from(name))?;
            area.ok_or_else(|| error::geo_by(name))?;
        }
        if query.any && query.count.is_none() {
            return Err(error::GEO_ANY_WITHOUT_COUNT);
        }
        if let (Some(Center::Member(Some(center)) | Center::Place(center)), Some((shape, unit_metres))) =
            (center, area)
        {
            query.search = Some(Search { center, shape, unit_metres });
        }
        // The nearest so many, unless any so many will do.
        if query.count.is_some() && query.order == Order::Found && !query.any {
            query.order = Order::Nearest;
        }
        Ok(query)
    }
}

/// A radius and its unit.
fn circle(args: Args<'_>) -> Result<(Shape, f64), ReplyError> {
    let radius = parse_f64(args.get(0)).ok_or(error::GEO_RADIUS)?;
    if radius < 0.0 {
        return Err(error::GEO_RADIUS_NEGATIVE);
    }
    Ok((Shape::Circle { radius }, metres(args.get(1))?))
}

/// Width and height and their unit.
fn rectangle(args: Args<'_>) -> Result<(Shape, f64), ReplyError> {
    let width = parse_f64(args.get(0)).ok_or(error::GEO_WIDTH)?;
    let height = parse_f64(args.get(1)).ok_or(error::GEO_HEIGHT)?;
    if width < 0.0 || height < 0.0 {
        return Err(error::GEO_BOX_NEGATIVE);
    }
    Ok((Shape::Box { width, height }, metres(args.get(2))?))
}
