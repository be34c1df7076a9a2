//! The primitives: known bytes, round trips, hostile bytes.

use proptest::prelude::*;

use super::*;
use crate::lzf::Compressor;

/// What a function writes.
fn written(compress: bool, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut compressor = Compressor::default();
    let mut writer = Writer::new(11, compress.then_some(&mut compressor));
    write(&mut writer);
    writer.out
}

#[track_caller]
fn check_length(number: u64, bytes: &[u8]) {
    assert_eq!(written(false, |writer| writer.number(number)), bytes);
    let mut reader = Reader::new(bytes);
    assert_eq!(reader.len(), Ok(number));
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn lengths_grow_with_the_number() {
    check_length(0, &[0]);
    check_length(63, &[0x3f]);
    check_length(64, &[0x40, 64]);
    check_length(16_383, &[0x7f, 0xff]);
    check_length(16_384, &[0x80, 0, 0, 0x40, 0]);
    check_length(0xffff_ffff, &[0x80, 255, 255, 255, 255]);
    check_length(0x1_0000_0000, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]);
    check_length(u64::MAX, &[0x81, 255, 255, 255, 255, 255, 255, 255, 255]);
}

#[track_caller]
fn check_text(text: &[u8], bytes: &[u8]) {
    assert_eq!(
        written(true, |writer| writer.text(text)).escape_ascii().to_string(),
        bytes.escape_ascii().to_string()
    );
    assert_eq!(Reader::new(bytes).bytes().unwrap(), text);
}

#[test]
fn strings_take_the_encoding_that_redis_takes() {
    check_text(b"", b"\0");
    check_text(b"0", b"\xc0\0");
    check_text(b"-128", b"\xc0\x80");
    check_text(b"128", b"\xc1\x80\0");
    check_text(b"-32769", b"\xc2\xff\x7f\xff\xff");
    check_text(b"2147483647", b"\xc2\xff\xff\xff\x7f");
    check_text(b"-2147483648", b"\xc2\0\0\0\x80");
    check_text(b"2147483648", b"\x0a2147483648");
    check_text(b"-2147483649", b"\x0b-2147483649");
    check_text(b"007", b"\x03007");
    check_text(&[b'a'; 20], b"\x14aaaaaaaaaaaaaaaaaaaa");
    check_text(&[b'a'; 30], b"\xc3\x09\x1e\x01aa\xe0\x11\0\x01aa");
    assert_eq!(written(false, |writer| writer.text(&[b'a'; 30]))[..3], *b"\x1eaa");
}

#[track_caller]
fn check_refused<'a, T: std::fmt::Debug>(
    bytes: &'a [u8],
    read: fn(&mut Reader<'a>) -> Result<T, Error>,
    error: &str,
) {
    assert_eq!(read(&mut Reader::new(bytes)).unwrap_err().to_string(), error, "{}", bytes.escape_ascii());
}

#[test]
fn broken_bytes_are_named_with_their_offset() {
    let end = |offset| format!("the data ends too early, at offset {offset}");
    check_refused(b"", |reader| reader.len(), &end(0));
    check_refused(b"\x40", |reader| reader.len(), &end(1));
    check_refused(b"\x80\0\0\0", |reader| reader.len(), &end(1));
    check_refused(b"\x82", |reader| reader.len(), "an unknown form of a length, at offset 0");
    check_refused(b"\xc0\x01", |reader| reader.len(), "an encoded string where a length is due, at offset 0");
    check_refused(b"\x03ab", |reader| reader.count(), &end(1));
    check_refused(b"\x03ab", |reader| reader.bytes(), &end(1));
    check_refused(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", |reader| reader.bytes(), &end(9));
    check_refused(b"\xc1\0", |reader| reader.bytes(), &end(1));
    check_refused(b"\xc4", |reader| reader.bytes(), "an unknown encoding of a string, at offset 0");
    check_refused(b"\xc3\x02\x20", |reader| reader.bytes(), &end(3));
    check_refused(
        b"\xc3\x02\x81\0\0\x01\0\0\0\0\0\0a",
        |reader| reader.bytes(),
        "a compressed string that does not decompress, at offset 11",
    );
    check_refused(b"\x03abc", |reader| reader.textual_double(), "a score that is no number, at offset 1");
    check_refused(b"\xf3", |reader| reader.kind(), "unknown value type 243, at offset 0");
    check_refused(b"1234567", |reader| reader.double(), &end(0));
}

#[test]
fn old_scores_are_text() {
    let read = |bytes: &[u8]| Reader::new(bytes).textual_double().unwrap();
    assert_eq!(read(b"\x043.25"), 3.25);
    assert_eq!(read(b"\x18-1.7976931348623157e+308"), f64::MIN);
    assert_eq!(read(b"\xfe"), f64::INFINITY);
    assert_eq!(read(b"\xff"), f64::NEG_INFINITY);
    assert!(read(b"\xfd").is_nan());
}

proptest! {
    #[test]
    fn primitives_come_back(
        number in any::<u64>(),
        shift in 0u32..64,
        text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100),
            (any::<u8>(), 0usize..20_000).prop_map(|(byte, len)| vec![byte; len]),
            any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        ],
        double in any::<f64>(),
        at in any::<i64>(),
        compress in any::<bool>(),
    ) {
        let bytes = written(compress, |writer| {
            writer.number(number >> shift);
            writer.text(&text);
            writer.int(at >> shift);
            writer.double(double);
            writer.milliseconds(at);
        });
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.len().unwrap(), number >> shift);
        prop_assert_eq!(reader.bytes().unwrap(), text);
        prop_assert_eq!(reader.bytes().unwrap(), (at >> shift).to_string().into_bytes());
        prop_assert_eq!(reader.double().unwrap(), double);
        prop_assert_eq!(reader.milliseconds().unwrap(), at);
        prop_assert_eq!(reader.remaining(), 0);
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        for read in [
            |reader: &mut Reader<'_>| reader.len().map(drop),
            |reader: &mut Reader<'_>| reader.count().map(drop),
            |reader: &mut Reader<'_>| reader.text().map(drop),
            |reader: &mut Reader<'_>| reader.textual_double().map(drop),
            |reader: &mut Reader<'_>| reader.kind().map(drop),
        ] {
            let mut reader = Reader::new(&bytes);
            if let Err(error) = read(&mut reader) {
                prop_assert!(error.offset <= bytes.len());
            }
        }
    }
}
