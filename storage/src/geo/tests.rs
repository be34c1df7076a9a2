//! Positions, distances and searches against what a real server (7.2.6) replied, and searches against looking everywhere.

use super::*;
use proptest::prelude::*;

/// A name, where it was put, its score, where the score is, its geohash.
type Place = (&'static str, [f64; 2], u64, [&'static str; 2], &'static str);

const PLACES: [Place; 14] = [
    (
        "Palermo",
        [13.361389, 38.115556],
        3479099956230698,
        ["13.36138933897018433", "38.11555639549629859"],
        "sqc8b49rny0",
    ),
    (
        "Catania",
        [15.087269, 37.502669],
        3479447370796909,
        ["15.08726745843887329", "37.50266842333162032"],
        "sqdtr74hyu0",
    ),
    (
        "Greenwich",
        [0.0, 0.0],
        3377699720527872,
        ["0.00000268220901489", "0.00000126736058093"],
        "s0000000000",
    ),
    (
        "Sydney",
        [151.2093, -33.8688],
        3252046221964352,
        ["151.20929986238479614", "-33.86880091934155956"],
        "r3gx2f77bj0",
    ),
    (
        "Quito",
        [-78.467834, -0.180653],
        947044397312874,
        ["-78.46783429384231567", "-0.18065337910783086"],
        "6rbnyrj7wg0",
    ),
    (
        "Longyearbyen",
        [15.6356, 78.2232],
        3757806449814186,
        ["15.63560217618942261", "78.22319957717968464"],
        "umgj5b17pv0",
    ),
    (
        "Suva",
        [178.4419, -18.1416],
        3355223389513959,
        ["178.44190210103988647", "-18.1415987989430576"],
        "ruybu93mt80",
    ),
    (
        "Apia",
        [-171.7514, -13.8333],
        358966645844568,
        ["-171.7513999342918396", "-13.83330029303957076"],
        "2jtc79wrnm0",
    ),
    (
        "Alert",
        [-62.348056, 82.501667],
        2099692678643818,
        ["-62.34805852174758911", "82.50166694975891346"],
        "fwetm4zx0c0",
    ),
    ("NE", [LONGITUDE_MAX, LATITUDE_MAX], 13510798882111488, ["180", "85.0511287799999991"], "bp05b5048p0"),
    (
        "SW",
        [-LONGITUDE_MAX, -LATITUDE_MAX],
        0,
        ["-179.99999731779098511", "-85.05112751263942528"],
        "00bh0hbj200",
    ),
    (
        "Oslo",
        [10.7522, 59.9139],
        3684363714920782,
        ["10.75220078229904175", "59.91389982425302208"],
        "u4xsudvxb20",
    ),
    (
        "Rome",
        [12.496366, 41.902782],
        3480343273965391,
        ["12.49636620283126831", "41.90278213378983452"],
        "sr2ykk5t6k0",
    ),
    (
        "Naples",
        [14.268124, 40.851775],
        3480580670016159,
        ["14.26812618970870972", "40.85177521339689832"],
        "sr60ksvdz60",
    ),
];

/// A position's degrees as Redis prints them: all digits up to the seventeenth behind the point.
fn printed(position: Position) -> [String; 2] {
    [position.longitude, position.latitude]
        .map(|degrees| format!("{degrees:.17}").trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// Where a place is by its score.
fn at(name: &str) -> Position {
    let place = PLACES.iter().find(|place| place.0 == name).expect("a known place");
    Position::of_score(place.2 as f64)
}

#[test]
fn positions_and_scores_are_those_of_redis() {
    for (name, [longitude, latitude], score, position, geohash) in PLACES {
        assert_eq!(Position::new(longitude, latitude).unwrap().score(), score, "{name}");
        let found = Position::of_score(score as f64);
        assert_eq!(printed(found), position, "{name}");
        assert_eq!(found.geohash(), geohash.as_bytes(), "{name}");
    }
}

#[test]
fn scores_of_no_position_are_where_redis_has_them() {
    let (west, east) = ("-179.99999731779098511", "180");
    let (south, north) = ("-85.05112751263942528", "85.0511287799999991");
    for (score, position) in [
        (-1.0, [east, north]),
        (1.5, [west, "-85.05112497791824921"]),
        (4503599627370495.0, ["179.99999731779098511", "85.05112751263942528"]),
        (4503599627370496.0, [west, north]),
        (1e17, [east, north]),
        (-1e18, [east, north]),
        (9223372036854775808.0, [east, south]),
        (-9223372036854775808.0, [east, south]),
        (18446744073709551616.0, [west, south]),
        (1e300, [west, south]),
        (f64::INFINITY, [west, south]),
        (f64::NEG_INFINITY, [east, south]),
    ] {
        assert_eq!(printed(Position::of_score(score)), position, "{score}");
    }
}

#[test]
fn the_map_has_edges() {
    assert!(Position::new(180.1, 0.0).is_none());
    assert!(Position::new(-180.1, 0.0).is_none());
    assert!(Position::new(0.0, 85.051_129).is_none());
    assert!(Position::new(0.0, -85.051_129).is_none());
    assert!(Position::new(f64::NAN, 0.0).is_none());
    assert!(Position::new(0.0, f64::INFINITY).is_none());
}

#[test]
fn distances_are_those_of_redis() {
    for (from, to, metres) in [
        ("Palermo", "Catania", "166274.1516"),
        ("Suva", "Apia", "1152513.1560"),
        ("Sydney", "Quito", "13611879.5023"),
        ("NE", "SW", "18919844.5891"),
        ("Rome", "Rome", "0.0000"),
        ("Longyearbyen", "Alert", "1395389.5113"),
        ("Greenwich", "Oslo", "6728634.0755"),
    ] {
        assert_eq!(format!("{:.4}", at(from).distance(at(to))), metres, "{from} to {to}");
    }
}

/// What is in the ranges and in the shape, in their order.
fn found(search: &Search, scores: &[(f64, usize)]) -> Vec<usize> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut found = Vec::new();
    for range in search.score_ranges() {
        let in_range = |score: f64| score >= range.start as f64 && score < range.end as f64;
        let near = sorted.iter().filter(|&&(score, _)| in_range(score));
        let inside = near.filter(|&&(score, _)| search.distance(Position::of_score(score)).is_some());
        found.extend(inside.map(|&(_, number)| number));
    }
    found
}

#[test]
fn searches_find_what_redis_finds_in_its_order() {
    const KM: f64 = 1000.0;
    const MILE: f64 = 1609.34;
    let circle = |radius| Shape::Circle { radius };
    let square = |width, height| Shape::Box { width, height };
    const ALL: &str =
        "Greenwich Palermo Catania Rome Naples Oslo Longyearbyen Sydney Suva Alert SW Apia Quito";
    for ([longitude, latitude], shape, unit_metres, names) in [
        ([15.0, 37.0], circle(200.0), KM, "Palermo Catania"),
        ([15.0, 37.0], square(400.0, 400.0), KM, "Palermo Catania"),
        ([0.0, 0.0], circle(8000.0), KM, "Greenwich Palermo Catania Rome Naples Oslo"),
        ([0.0, 0.0], circle(20_000.0), KM, ALL),
        ([0.0, 0.0], square(50_000.0, 50_000.0), KM, ALL),
        ([13.0, 41.0], circle(150.0), MILE, "Rome Naples"),
        ([13.0, 41.0], square(300.0, 600.0), KM, "Rome Naples"),
        // No search goes over the edge of the map: Apia is as near.
        ([178.0, -16.0], circle(1000.0), KM, "Suva"),
        ([20.0, 80.5], circle(700.0), KM, "Longyearbyen"),
        ([13.361389, 38.115556], circle(0.5), 1.0, "Palermo"),
        ([13.361389, 38.115556], circle(0.0), 1.0, ""),
        ([LONGITUDE_MAX, LATITUDE_MAX], circle(1.0), 1.0, "NE"),
        ([-100.0, 10.0], square(9000.0, 2000.0), MILE, "Quito"),
    ] {
        let center = Position::new(longitude, latitude).unwrap();
        let search = Search { center, shape, unit_metres };
        let scores: Vec<(f64, usize)> = PLACES.iter().map(|place| place.2 as f64).zip(0..).collect();
        let found: Vec<&str> = found(&search, &scores).into_iter().map(|number| PLACES[number].0).collect();
        assert_eq!(found, names.split_whitespace().collect::<Vec<_>>(), "{search:?}");
    }
}

#[test]
fn squares_out_of_reach_are_left_out() {
    let center = Position::new(13.361389, 38.115556).unwrap();
    let ranges =
        |radius| Search { center, shape: Shape::Circle { radius }, unit_metres: 1.0 }.score_ranges().count();
    assert_eq!(ranges(1e9), 4, "the four quarters of the map");
    assert!((1..9).contains(&ranges(1000.0)));
    assert_eq!(ranges(0.0), 1, "the middle");
}

/// Steps in each direction, taken with coordinates.
#[test]
fn neighbours_are_a_step_away_and_round_the_edges() {
    for steps in [1, 2, 3, 13, 26] {
        let end = 1u64 << steps;
        for (longitude, latitude) in
            [(0, 0), (end - 1, 0), (0, end - 1), (end - 1, end - 1), (end / 2, end / 2 - 1)]
        {
            let cell = Cell { bits: interleave(latitude as u32, longitude as u32), steps };
            for (east, north) in [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)] {
                let step = |from: u64, by: i8| (from.wrapping_add_signed(by.into()) % end) as u32;
                let bits = interleave(step(latitude, north), step(longitude, east));
                assert_eq!(cell.moved(east, north), Cell { bits, steps }, "{longitude} {latitude} of {end}");
            }
        }
    }
}

fn anywhere() -> impl Strategy<Value = Position> {
    (-LONGITUDE_MAX..LONGITUDE_MAX, -LATITUDE_MAX..LATITUDE_MAX)
        .prop_map(|(longitude, latitude)| Position { longitude, latitude })
}

proptest! {
    #[test]
    fn bits_are_interleaved(even in any::<u32>(), odd in any::<u32>()) {
        let bits = interleave(even, odd);
        for bit in 0..32 {
            prop_assert_eq!(bits >> (2 * bit) & 1, u64::from(even >> bit & 1));
            prop_assert_eq!(bits >> (2 * bit + 1) & 1, u64::from(odd >> bit & 1));
        }
        prop_assert_eq!((every_other_bit(bits), every_other_bit(bits >> 1)), (even, odd));
    }

    #[test]
    fn a_score_keeps_a_position_to_within_a_metre(position in anywhere()) {
        let score = position.score();
        prop_assert!(score < 1 << 52);
        let found = Position::of_score(score as f64);
        prop_assert!(position.distance(found) < 1.0, "{:?}", found);
        prop_assert_eq!(found.score(), score);
    }

    #[test]
    fn distances_are_the_same_both_ways(a in anywhere(), b in anywhere()) {
        let (there, back) = (a.distance(b), b.distance(a));
        prop_assert!((there - back).abs() < 1e-6);
        prop_assert!((0.0..=EARTH_RADIUS_METRES * std::f64::consts::PI).contains(&there));
    }

    /// Far from the edges nothing is missed, and nothing comes twice.
    #[test]
    fn searches_find_everything_in_the_shape(
        center in (-150.0..150.0, -65.0..65.0),
        radius in prop_oneof![0.1..1000.0, 1000.0..200_000.0],
        is_circle in any::<bool>(),
        directions in prop::collection::vec((-1.5..1.5, -1.5..1.5), 1..100),
    ) {
        let center = Position { longitude: center.0, latitude: center.1 };
        let shape = if is_circle {
            Shape::Circle { radius }
        } else {
            Shape::Box { width: radius, height: 1.7 * radius }
        };
        let search = Search { center, shape, unit_metres: 1.0 };
        let degrees = radius / EARTH_RADIUS_METRES / DEGREE;
        let scores: Vec<(f64, usize)> = directions
            .into_iter()
            .map(|(east, north): (f64, f64)| {
                let longitude = center.longitude + east * degrees / (center.latitude * DEGREE).cos();
                Position { longitude, latitude: center.latitude + north * degrees }.score() as f64
            })
            .zip(0..)
            .collect();
        let is_inside = |score| search.distance(Position::of_score(score)).is_some();
        let everything: Vec<usize> =
            scores.iter().filter(|(score, _)| is_inside(*score)).map(|&(_, number)| number).collect();
        let mut found = found(&search, &scores);
        found.sort_unstable();
        prop_assert_eq!(found, everything);
    }
}
