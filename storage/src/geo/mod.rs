//! Geography: positions as scores of sorted sets, distances, and the part of the scores that a search has to look at.
//!
//! A position becomes a score by halving the map again and again: 26 times by longitude and 26 times by latitude, a bit each
//! time for the half that holds it. Positions near each other mostly share their first bits, so a square of the map is a
//! range of scores.
//!
//! | bits of a score | 51 | 50 | 49 | 48 | .. | 1 | 0 |
//! |---|---|---|---|---|---|---|---|
//! | halves by | longitude | latitude | longitude | latitude | .. | longitude | latitude |
//!
//! The map ends at 85.05 degrees north and south, as square maps in Mercator's projection do. All sums are done in the order
//! in which Redis does them, so that both have the same doubles. The outermost eastern and northern edges carry a bit too many,
//! as there.
//!
//! | file | what |
//! |---|---|
//! | this one | positions, scores, distances |
//! | [`search`] | circles and boxes, and the squares that cover them |

mod search;
#[cfg(test)]
mod tests;

pub use search::{Search, Shape};

/// The highest longitude; the lowest is its negative. Degrees.
pub const LONGITUDE_MAX: f64 = 180.0;
/// The highest latitude; the lowest is its negative. Degrees.
pub const LATITUDE_MAX: f64 = 85.051_128_78;

/// Halvings of each coordinate in a score.
const STEPS_MAX: u32 = 26;
/// The mean radius of the earth.
const EARTH_RADIUS_METRES: f64 = 6_372_797.560_856;
/// One degree in radians.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// A place on the map, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// East of Greenwich, at most [`LONGITUDE_MAX`] either way.
    pub longitude: f64,
    /// North of the equator, at most [`LATITUDE_MAX`] either way.
    pub latitude: f64,
}

impl Position {
    /// The place at these degrees, if it is on the map.
    pub fn new(longitude: f64, latitude: f64) -> Option<Position> {
        let is_on_map = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        is_on_map.then_some(Position { longitude, latitude })
    }

    /// The score of the square of a few feet that the place lies in.
    pub fn score(self) -> u64 {
        Cell::of(self, STEPS_MAX).bits
    }

    /// The middle of the square that a score stands for. A score that is none of a place gives some place, as in Redis on x86.
    pub fn of_score(score: f64) -> Position {
        Cell { bits: score_bits(score), steps: STEPS_MAX }.area().middle()
    }

    /// The way to another place over the earth as a ball, in metres.
    pub fn distance(self, other: Position) -> f64 {
        let half_east = ((other.longitude * DEGREE - self.longitude * DEGREE) / 2.0).sin();
        if half_east == 0.0 {
            return self.distance_north(other);
        }
        let (north, other_north) = (self.latitude * DEGREE, other.latitude * DEGREE);
        let half_north = ((other_north - north) / 2.0).sin();
        let square = half_north * half_north + north.cos() * other_north.cos() * half_east * half_east;
        2.0 * EARTH_RADIUS_METRES * square.sqrt().asin()
    }

    /// The way to the latitude of another place, in metres.
    fn distance_north(self, other: Position) -> f64 {
        EARTH_RADIUS_METRES * (other.latitude * DEGREE - self.latitude * DEGREE).abs()
    }

    /// The place as geohash.org writes it: eleven letters and digits, the last of which is always 0.
    pub fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        // That map reaches to the poles.
        let bits = interleave(
            share(self.latitude, 90.0, STEPS_MAX),
            share(self.longitude, LONGITUDE_MAX, STEPS_MAX),
        );
        std::array::from_fn(|letter| match letter {
            10 => b'0',
            _ => LETTERS[(bits >> (47 - 5 * letter)) as usize % 32],
        })
    }
}

/// The integer in a score.
fn score_bits(score: f64) -> u64 {
    const END: f64 = 18_446_744_073_709_551_616.0;
    match score {
        ..0.0 => score as i64 as u64,
        0.0..END => score as u64,
        _ => 0,
    }
}

/// A square of the map: the first bits of the scores in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// Two for each step.
    bits: u64,
    /// How often both coordinates are halved, from 1 to 26.
    steps: u32,
}

impl Cell {
    fn of(position: Position, steps: u32) -> Cell {
        let latitude = share(position.latitude, LATITUDE_MAX, steps);
        let longitude = share(position.longitude, LONGITUDE_MAX, steps);
        Cell { bits: interleave(latitude, longitude), steps }
    }

    fn area(self) -> Area {
        let (latitude, longitude) = (every_other_bit(self.bits), every_other_bit(self.bits >> 1));
        let edge =
            |number: u32, max: f64| -max + f64::from(number) / (1u64 << self.steps) as f64 * (max - -max);
        Area {
            west: edge(longitude, LONGITUDE_MAX),
            east: edge(longitude.wrapping_add(1), LONGITUDE_MAX),
            south: edge(latitude, LATITUDE_MAX),
            north: edge(latitude.wrapping_add(1), LATITUDE_MAX),
        }
    }
}

/// A part of the map by its edges, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Area {
    fn middle(self) -> Position {
        Position {
            longitude: ((self.west + self.east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((self.south + self.north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }
}

/// The number of the part, of 2^steps from `-max` to `max`, that holds a degree.
fn share(degree: f64, max: f64, steps: u32) -> u32 {
    ((degree - -max) / (max - -max) * (1u64 << steps) as f64) as u32
}

/// The bits of both numbers in turn, the lowest of `even` first.
fn interleave(even: u32, odd: u32) -> u64 {
    spread(even) | spread(odd) << 1
}

/// A number's bits at the even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The number whose bits are at the even places.
fn every_other_bit(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}
