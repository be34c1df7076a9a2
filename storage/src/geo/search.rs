//! Searches: what lies in a circle or a box, and which ranges of scores can hold it.
//!
//! A search looks at the square that its middle lies in and at the eight around it, small enough that few places outside come
//! up, large enough that the nine cover everything. Squares that the shape does not reach are left out. The order of the ranges is
//! the order of an unsorted reply, so it is Redis'.

use super::{Area, Cell, DEGREE, EARTH_RADIUS_METRES, Position, STEPS_MAX};
use std::ops::Range;

/// Half the way round the equator on the map.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// What is searched, in a unit of the caller's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Everything so far from the middle.
    Circle {
        /// From 0 on.
        radius: f64,
    },
    /// Everything half of this, at most, to the east or west and to the north or south.
    Box {
        /// From 0 on.
        width: f64,
        /// From 0 on.
        height: f64,
    },
}

/// A shape around a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The middle.
    pub center: Position,
    /// What is around it.
    pub shape: Shape,
    /// Metres in the unit of the shape.
    pub unit_metres: f64,
}

impl Search {
    /// How far a place is from the middle, in metres, if the shape holds it.
    pub fn distance(&self, place: Position) -> Option<f64> {
        let center = self.center;
        match self.shape {
            Shape::Circle { radius } => {
                let distance = center.distance(place);
                let is_outside = distance > radius * self.unit_metres;
                (!is_outside).then_some(distance)
            }
            Shape::Box { width, height } => {
                if place.distance_north(center) > height * self.unit_metres / 2.0 {
                    return None;
                }
                let east = place.distance(Position { longitude: center.longitude, ..place });
                let is_outside = east > width * self.unit_metres / 2.0;
                (!is_outside).then(|| center.distance(place))
            }
        }
    }

    /// The ranges of scores that hold everything in the shape, in the order in which they are searched.
    pub fn score_ranges(&self) -> impl Iterator<Item = Range<u64>> {
        let mut cells = self.cells().into_iter().flatten().collect::<Vec<_>>();
        // Around the whole map one square is on both sides.
        cells.dedup();
        cells.into_iter().map(Cell::scores)
    }

    /// The square in the middle and those around it.
    fn cells(&self) -> [Option<Cell>; 9] {
        let bounds = self.bounds();
        let mut cell = Cell::of(self.center, self.steps());
        if cell.steps > 1 && !cell.around_covers(bounds) {
            cell = Cell::of(self.center, cell.steps - 1);
        }
        let area = cell.area();
        let leaves_out = cell.steps >= 2;
        let needs = |east: i8, north: i8| {
            !leaves_out
                || !((north < 0 && area.south < bounds.south)
                    || (north > 0 && area.north > bounds.north)
                    || (east < 0 && area.west < bounds.west)
                    || (east > 0 && area.east > bounds.east))
        };
        const ORDER: [(i8, i8); 9] =
            [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        ORDER.map(|(east, north)| needs(east, north).then(|| cell.moved(east, north)))
    }

    /// The edges of the shape, as if the map were flat around it.
    fn bounds(&self) -> Area {
        let (half_width, half_height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let Position { longitude, latitude } = self.center;
        let north = self.unit_metres * half_height / EARTH_RADIUS_METRES / DEGREE;
        // The edge nearer to the pole is the shorter one, so it spans more degrees.
        let widest = if latitude < 0.0 { latitude - north } else { latitude + north };
        let east = self.unit_metres * half_width / EARTH_RADIUS_METRES / (widest * DEGREE).cos() / DEGREE;
        Area {
            west: longitude - east,
            east: longitude + east,
            south: latitude - north,
            north: latitude + north,
        }
    }

    /// How often the map is to be halved so that nine squares cover the shape, mostly.
    fn steps(&self) -> u32 {
        let reach = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        let mut reach_metres = reach * self.unit_metres;
        if reach_metres == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = -1;
        while reach_metres < MERCATOR_MAX {
            reach_metres *= 2.0;
            steps += 1;
        }
        // Towards the poles squares are narrower.
        let latitude = self.center.latitude.abs();
        steps -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        steps.clamp(1, STEPS_MAX as i32) as u32
    }
}

impl Cell {
    /// Do this square and those around it reach as far as an area?
    fn around_covers(self, area: Area) -> bool {
        let is_short = self.moved(0, 1).area().north < area.north
            || self.moved(0, -1).area().south > area.south
            || self.moved(1, 0).area().east < area.east
            || self.moved(-1, 0).area().west > area.west;
        !is_short
    }

    /// The square so many to the east and to the north, one at most, round the edges of the map.
    pub(super) fn moved(self, east: i8, north: i8) -> Cell {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let unused = 64 - 2 * self.steps;
        let (mut longitude, mut latitude) = (self.bits & !EVEN, self.bits & EVEN);
        // The bits between those of a coordinate carry, or are borrowed from, when they are all ones.
        longitude = stepped(longitude, EVEN >> unused, !EVEN >> unused, east);
        latitude = stepped(latitude, !EVEN >> unused, EVEN >> unused, north);
        Cell { bits: longitude | latitude, ..self }
    }

    /// The scores in the square.
    fn scores(self) -> Range<u64> {
        let shift = 2 * (STEPS_MAX - self.steps);
        self.bits << shift..(self.bits + 1) << shift
    }
}

/// A coordinate one on or back, its bits being those of `own`, with the bits of `others` between them.
fn stepped(bits: u64, others: u64, own: u64, by: i8) -> u64 {
    match by {
        0 => bits,
        1.. => (bits + (others + 1)) & own,
        _ => (bits | others).wrapping_sub(others + 1) & own,
    }
}
