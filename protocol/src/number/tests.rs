//! Numbers as literal vectors, each seen from a server that speaks the reference behaviour, and as round trips.

use super::*;
use proptest::prelude::*;

#[test]
fn integers_are_canonical() {
    for value in [0, 1, -1, 9, 10, 42, -99, i64::MAX, i64::MIN, i64::MAX - 1, 1_000_000_000_000_000_000] {
        assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
    }
    let refused: [&[u8]; 20] = [
        b"",
        b"-",
        b"+1",
        b"-0",
        b"00",
        b"01",
        b"-01",
        b" 1",
        b"1 ",
        b"1.0",
        b"1e3",
        b"0x1",
        b"a",
        b"1a",
        b"--1",
        b"\x001",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"18446744073709551616",
        b"100000000000000000000",
    ];
    for text in refused {
        assert_eq!(parse_i64(text), None, "{}", text.escape_ascii());
    }
}

#[test]
fn unsigned_integers_are_whatever_strtoull_takes() {
    let accepted: [(&[u8], u64); 9] = [
        (b"0", 0),
        (b"42", 42),
        (b"18446744073709551615", u64::MAX),
        (b"+5", 5),
        (b" \t7", 7),
        (b"007", 7),
        (b"-0", 0),
        (b"9223372036854775808", 1 << 63),
        (b"-9223372036854775809", (1 << 63) - 1),
    ];
    for (text, value) in accepted {
        assert_eq!(parse_u64(text), Some(value), "{}", text.escape_ascii());
    }
    for text in
        [&b""[..], b"-1", b"-9223372036854775808", b"18446744073709551616", b"1 ", b"x", b"- 1", b"+", b" "]
    {
        assert_eq!(parse_u64(text), None, "{}", text.escape_ascii());
    }
}

#[test]
fn memory_sizes_have_units() {
    let accepted: [(&[u8], u64); 14] = [
        (b"0", 0),
        (b"1024", 1024),
        (b"1b", 1),
        (b"2k", 2000),
        (b"2kb", 2048),
        (b"3M", 3_000_000),
        (b"3Mb", 3 << 20),
        (b"4g", 4_000_000_000),
        (b"4GB", 4 << 30),
        (b"", 0),
        (b"kb", 0),
        (b"007k", 7000),
        (b"18446744073709551615", u64::MAX),
        (b"99999999999999999999", u64::MAX),
    ];
    for (text, value) in accepted {
        assert_eq!(parse_memory(text), Some(value), "{}", text.escape_ascii());
    }
    for text in [&b"-1"[..], b"1t", b"1kbb", b"1 kb", b"1.5mb", b"x", &[b'1'; 128]] {
        assert_eq!(parse_memory(text), None, "{}", text.escape_ascii());
    }
}

#[test]
fn doubles_are_whatever_strtod_takes_whole() {
    let accepted: [(&[u8], f64); 20] = [
        (b"0", 0.0),
        (b"-0", -0.0),
        (b"1", 1.0),
        (b"+1", 1.0),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"1e3", 1000.0),
        (b"1E+3", 1000.0),
        (b"-2.5e-3", -0.0025),
        (b"inf", f64::INFINITY),
        (b"-Infinity", f64::NEG_INFINITY),
        (b"+INF", f64::INFINITY),
        (b"0x10", 16.0),
        (b"0X1.8p1", 3.0),
        (b"-0x.8", -0.5),
        (b"0x1.", 1.0),
        (b"5e-324", 5e-324),
        (b"1e-320", 1e-320),
        (b"0e99999", 0.0),
        (b"0e-99999999999999999999", 0.0),
    ];
    for (text, value) in accepted {
        assert_eq!(parse_f64(text).map(f64::to_bits), Some(value.to_bits()), "{}", text.escape_ascii());
    }
    let refused: [&[u8]; 24] = [
        b"",
        b" 1",
        b"1 ",
        b"nan",
        b"-nan",
        b"nan(1)",
        b"infinit",
        b"1e",
        b"1e+",
        b"e1",
        b".",
        b"-",
        b"+-1",
        b"0x",
        b"0x.",
        b"0x1p",
        b"1e309",
        b"-1e400",
        b"1e-400",
        b"1e99999999999999999999",
        b"1_0",
        b"1,5",
        b"1\0",
        b"\xff",
    ];
    for text in refused {
        assert_eq!(parse_f64(text), None, "{}", text.escape_ascii());
    }
}

#[test]
fn doubles_print_as_the_reference_prints_them() {
    let printed = [
        (0.1, "0.1"),
        (3.0, "3"),
        (-2.5, "-2.5"),
        (0.001, "0.001"),
        (1e-5, "0.00001"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.2e-6, "1.2e-6"),
        (1.25e-7, "1.25e-7"),
        (3.14e-5, "3.14e-5"),
        (0.00012345, "1.2345e-4"),
        (1.0 / 3.0, "0.3333333333333333"),
        (0.30000000000000004, "0.30000000000000004"),
        (123456.7, "123456.7"),
        (12345678.9, "12345678.9"),
        (87833.40378971731, "8.783340378971731e+4"),
        (100000.5, "100000.5"),
        (1000000000000000.5, "1000000000000000.5"),
        (1_756_288_210_057_239.3, "1756288210057239.3"),
        (9007199254740994.0, "9007199254740994"),
        (1e16, "10000000000000000"),
        (4611686018427387904.0, "4611686018427387904"),
        (-4611686018427387904.0, "-4611686018427387904"),
        (4611686018427388928.0, "4611686018427389000"),
        (9223372036854775808.0, "9223372036854776000"),
        (1e21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e23, "99999999999999990000000"),
        (1.5e300, "1.5e+300"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (0.0, "0"),
        (-0.0, "-0"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
    ];
    for (value, text) in printed {
        assert_eq!(write_f64(&mut [0; 32], value).escape_ascii().to_string(), text);
    }
}

#[test]
fn extended_doubles_add_as_on_x86() {
    let sums = [
        ("3.0e3", "1.5", "3001.5"),
        ("10.50", "0.1", "10.6"),
        ("5.0e3", "200", "5200"),
        ("0.1", "0.2", "0.3"),
        ("1.1", "-1.1", "0"),
        ("0", "1e-17", "0.00000000000000001"),
        ("0", "5e-18", "0"),
        ("0", "-4e-18", "0"),
        ("1", "1e-18", "1"),
        ("-0", "0", "0"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("1e20", "0", "100000000000000000000"),
        ("1e30", "0", "1000000000000000000024696061952"),
        ("1e-5", "0", "0.00001"),
        ("0.5", "0x10", "16.5"),
        ("0x.8p1", "0", "1"),
        ("1e-4940", "0", "0"),
        ("649130.82806192", "62398863.0", "63047993.82806192000134615"),
        ("0.7954041083763773", "2953.22", "2954.01540410837637718"),
        ("-928.6832215962739", "274.70924596104146", "-653.97397563523244002"),
        ("-149531.328300994006", "-8396.10", "-157927.42830099400599408"),
        ("40.87594575808407", "-604250611575131", "-604250611575090.12408447265625"),
        ("401839.1945", "-4.5e-281", "401839.194500000000005"),
        ("0.9963004597848403", "-318640583595105804E-12", "-318639.58729464601915993"),
        ("-4332.81", "133913054.125", "133908721.31500000000232831"),
        ("1e18", "-180.52", "999999999999999819.5"),
        ("0xb0106ae1d5f797.0p-86", "-8774.14", "-8774.13999999935948182"),
        ("-777610.20427736022975", "-4.8277030636173636e-88", "-777610.20427736022975296"),
        ("-218855.217355928150936961", "28721.228942871094", "-190133.98841305705693117"),
        ("-64984148997110639E-20", "5.", "4.99935015851002889"),
        ("94.528095593e-1714", "-2432.16", "-2432.15999999999999992"),
        ("0xb.19f0719p22", "284.66", "46562617.05062499999985448"),
        ("1593.54", "-80.8180318083231", "1512.72196819167690007"),
        ("-422.0381423685533", "0x1p-16445", "-422.0381423685533"),
    ];
    for (a, b, sum) in sums {
        assert_eq!(add(a, b).as_deref(), Some(sum), "{a} + {b}");
    }
    let large = add("1e4932", "0.5").expect("a finite number");
    assert_eq!((large.len(), &large[..40]), (4933, "1000000000000000000006018949387963891323"));
}

#[test]
fn extended_doubles_know_their_bounds() {
    for text in ["", " 1", "1 ", "nan", "1e", "1e5000", "-1e5000", "1e-5000", "0x1p16384", "0x1p-16447"] {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
    }
    assert!(LongDouble::parse(&[b'1'; 4931]).is_some_and(LongDouble::is_finite));
    assert_eq!(LongDouble::parse(&[b'0'; 5 * 1024]), None);
    assert!(LongDouble::parse(&[b'0'; 5 * 1024 - 1]).is_some());
    for (a, b) in [("inf", "1"), ("inf", "-inf"), ("1e4932", "1e4932"), ("-1e4932", "-1e4932")] {
        assert_eq!(add(a, b), None, "{a} + {b}");
    }
    let mut text = Vec::new();
    LongDouble::parse(b"-inf").expect("infinity is a number").write_human(&mut text);
    LongDouble::from(i64::MIN).write_human(&mut text);
    assert_eq!(text, b"-inf-9223372036854775808");
}

#[test]
fn doubles_are_printed_in_full() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (180.0, "180"),
        (0.1, "0.10000000000000001"),
        (13.361389338970184, "13.36138933897018433"),
        (-33.86880091934156, "-33.86880091934155956"),
        (85.05112878, "85.0511287799999991"),
        (0.000002682209014892578, "0.00000268220901489"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "0"),
    ] {
        let mut printed = Vec::new();
        LongDouble::from(value).write_human(&mut printed);
        assert_eq!(String::from_utf8(printed).unwrap(), text);
    }
}

#[test]
fn fixed_digits_are_rounded_and_filled_up() {
    for (value, digits, text) in [
        (0.0, 4, "0.0000"),
        (-0.00001, 4, "0.0000"),
        (0.00005, 4, "0.0000"),
        (0.0001, 4, "0.0001"),
        (0.775, 4, "0.7750"),
        (-1.5, 1, "-1.5"),
        (166274.1515696, 4, "166274.1516"),
        (12.25, 1, "12.2"),
        (12.75, 1, "12.8"),
        (1e300, 1, "922337203685477580.7"),
    ] {
        assert_eq!(fixed(value, digits), text, "{value}");
    }
}

fn add(a: &str, b: &str) -> Option<String> {
    let number = |text: &str| LongDouble::parse(text.as_bytes()).expect("a number");
    let mut text = Vec::new();
    number(a).checked_add(number(b))?.write_human(&mut text);
    String::from_utf8(text).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integers_come_back(value: i64) {
        prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        prop_assert_eq!(parse_u64((value as u64).to_string().as_bytes()), Some(value as u64));
    }

    #[test]
    fn texts_are_integers_only_if_they_print_back(text in "-?[0-9]{1,21}") {
        let expected = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
        prop_assert_eq!(parse_i64(text.as_bytes()), expected);
    }

    /// Few digits are read another way than many.
    #[test]
    fn digits_alone_are_doubles(text in "-?[0-9]{1,18}") {
        let expected: f64 = text.parse().unwrap();
        prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(expected.to_bits()));
    }

    #[test]
    fn doubles_come_back(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(!value.is_nan());
        let mut out = [0; 32];
        let text = write_f64(&mut out, value);
        prop_assert_eq!(parse_f64(text).map(f64::to_bits), Some(bits), "{}", text.escape_ascii());
    }

    /// The short way to read a decimal number and the long one agree.
    #[test]
    fn short_decimals_read_like_long_ones(digits: u64, point in 0usize..20, exponent in -30i32..30) {
        let mut text = digits.to_string();
        text.insert(point.min(text.len()), '.');
        let short = format!("{text}e{exponent}");
        // Zeros beyond what the short way takes.
        let long = format!("{text}{}e{exponent}", "0".repeat(30));
        prop_assert_eq!(LongDouble::parse(short.as_bytes()), LongDouble::parse(long.as_bytes()));
    }
}
