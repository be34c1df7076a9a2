//! Layout, values and in-place writing of entries.

use super::*;

fn text(key: &[u8], value: &[u8], expiry: Option<i64>) -> Entry {
    Entry::new(key, Kind::String, Content::Bytes(value), false, expiry, 0)
}

fn int(value: i64) -> Entry {
    Entry::new(b"k", Kind::String, Content::Int(value), false, None, 0)
}

/// An entry for writing, as the table gives it out.
fn writable(entry: &mut Entry) -> EntryMut<'_> {
    // SAFETY: the borrow is exclusive.
    unsafe { EntryMut::from_raw(entry.0) }
}

#[test]
fn entries_are_as_small_as_their_content() {
    let key = [b'k'; 16];
    let expected =
        [(text(&key, &[1; 16], None), 40), (text(&key, &[1; 16], Some(1)), 48), (text(b"k", b"", None), 16)];
    for (entry, bytes) in expected {
        assert_eq!(entry.as_ref().memory_bytes(), bytes, "{entry:?}");
    }
    let ints =
        [(0, 24), (-1, 24), (32_767, 24), (32_768, 32), (-2_147_483_648, 32), (1 << 31, 32), (i64::MIN, 32)];
    for (value, bytes) in ints {
        let entry = Entry::new(&key, Kind::String, Content::Int(value), false, None, 0);
        assert_eq!(entry.as_ref().memory_bytes(), bytes, "{value}");
    }
    let large = text(&key, &[1; 10_000], None);
    assert_eq!(large.as_ref().memory_bytes(), 32 + 10_240 + 40);
}

#[test]
fn every_shape_reads_back() {
    let longest = if cfg!(miri) { 1000 } else { 70_000 };
    let keys = [0, 1, 7, 8, 255, 256, longest].map(|len| (0..len).map(|n| n as u8).collect::<Vec<_>>());
    let values = [0, 1, 44, 45, 64, 255, 256, 1024, 4000, 4100, 20_000].map(|len| vec![b'v'; len]);
    for key in &keys {
        for expiry in [None, Some(0), Some(-5), Some(i64::MAX)] {
            for value in &values {
                let entry = text(key, value, expiry);
                let entry = entry.as_ref();
                assert_eq!((entry.key(), entry.expire_at()), (&key[..], expiry));
                assert_eq!(entry.string().unwrap().to_vec(), *value);
                assert_eq!(entry.kind().name(), "string");
                let copy = Entry::copy_of(entry, b"other", Some(3));
                assert_eq!((copy.as_ref().key(), copy.as_ref().expire_at()), (&b"other"[..], Some(3)));
                assert_eq!(copy.as_ref().string().unwrap().to_vec(), *value);
            }
            for value in [0, -1, 300, -40_000, 1 << 40, i64::MIN, i64::MAX] {
                let entry = Entry::new(key, Kind::String, Content::Int(value), false, expiry, 77);
                let entry = entry.as_ref();
                assert_eq!((entry.key(), entry.expire_at(), entry.access()), (&key[..], expiry, 77));
                assert_eq!(entry.string().unwrap().to_int(), Some(value));
                assert_eq!(entry.value_bytes_len(), value.to_string().len());
            }
        }
    }
}

#[test]
fn large_values_are_blobs_whose_buffer_is_kept() {
    let bytes = vec![9; 5000];
    let address = bytes.as_ptr();
    let entry = Entry::new(b"k", Kind::String, Content::Blob(Blob::from(bytes)), false, None, 0);
    assert_eq!(entry.as_ref().string().unwrap().blob().unwrap().as_ptr(), address);
    assert!(text(b"k", &[1; 4096], None).as_ref().string().unwrap().blob().is_none());
    assert!(text(b"k", &[1; 4097], None).as_ref().string().unwrap().blob().is_some());
}

#[test]
fn a_value_that_would_waste_its_class_is_boxed() {
    let key = [b'k'; 16];
    for (len, bytes) in
        [(512, 32 + 512), (1024, 32 + 1024), (1100, 1280), (4096, 32 + 4096), (100, 128), (64, 96)]
    {
        let mut entry = text(&key, &vec![1; len], None);
        assert_eq!(entry.as_ref().memory_bytes(), bytes, "{len}");
        let copy = Entry::copy_of(entry.as_ref(), &key, Some(1));
        assert!(writable(&mut entry).try_set(&Content::Bytes(&vec![2; len - 1]), false));
        assert_eq!(entry.as_ref().string().unwrap().to_vec(), vec![2; len - 1]);
        assert!(writable(&mut entry).try_resize(len) && !writable(&mut entry).try_resize(len + 200));
        assert_eq!(entry.as_ref().string().unwrap().to_vec(), [vec![2; len - 1], vec![0]].concat());
        assert_eq!(copy.as_ref().string().unwrap().to_vec(), vec![1; len]);
    }
}

#[test]
fn encodings_are_reported_as_redis_does() {
    assert_eq!(int(12).as_ref().encoding().name(), "int");
    assert_eq!(text(b"k", &[b'x'; 44], None).as_ref().encoding().name(), "embstr");
    assert_eq!(text(b"k", &[b'x'; 45], None).as_ref().encoding().name(), "raw");
    assert_eq!(text(b"k", &[b'x'; 5000], None).as_ref().encoding().name(), "raw");
    let mut changed = text(b"k", b"short", None);
    writable(&mut changed).set_mark(true);
    assert_eq!(changed.as_ref().encoding(), Encoding::Raw);
    assert_eq!(Entry::copy_of(changed.as_ref(), b"l", None).as_ref().encoding(), Encoding::Raw);
    assert!(writable(&mut changed).try_set(&Content::Bytes(b"other"), false));
    assert_eq!(changed.as_ref().encoding(), Encoding::Embstr);
}

#[test]
fn a_value_is_written_in_place_while_it_keeps_its_class() {
    // 8 bytes of header, 8 of expiry, 1 of key: the class of 48 bytes holds values of 24 to 31.
    let mut entry = text(b"k", &[1; 24], Some(1));
    for (len, fits) in [(31, true), (32, false), (24, true), (23, false), (27, true)] {
        let value = vec![len as u8; len];
        assert_eq!(writable(&mut entry).try_set(&Content::Bytes(&value), false), fits, "{len}");
        assert_eq!(entry.as_ref().string().unwrap().to_vec() == value, fits, "{len}");
        assert_eq!((entry.as_ref().key(), entry.as_ref().expire_at()), (&b"k"[..], Some(1)));
    }
}

#[test]
fn integers_are_written_in_place_in_their_form() {
    let mut entry = int(5);
    assert!(writable(&mut entry).try_set(&Content::Int(-32_768), false));
    assert!(!writable(&mut entry).try_set(&Content::Int(40_000), false));
    assert!(!writable(&mut entry).try_set(&Content::Bytes(b"x"), false));
    assert_eq!(entry.as_ref().string().unwrap().to_int(), Some(-32_768));
    let mut entry = int(40_000);
    assert!(writable(&mut entry).try_set(&Content::Int(-2_000_000_000), false));
    assert_eq!(entry.as_ref().string().unwrap().to_int(), Some(-2_000_000_000));
}

#[test]
fn resizing_in_place_adds_zeros() {
    let mut entry = text(b"k", b"abcdefgh", None); // 17 of 24 bytes
    assert!(writable(&mut entry).try_resize(15));
    assert_eq!(entry.as_ref().string().unwrap().to_vec(), b"abcdefgh\0\0\0\0\0\0\0");
    writable(&mut entry).bytes_mut()[14] = b'z';
    assert!(writable(&mut entry).try_resize(8) && writable(&mut entry).try_resize(15));
    assert_eq!(entry.as_ref().string().unwrap().to_vec(), b"abcdefgh\0\0\0\0\0\0\0");
}

#[test]
fn access_bits_and_lengths_share_a_word_in_peace() {
    let mut entry = text(b"k", &[7; 1000], None);
    entry.as_ref().set_access(0xffff_ffff);
    assert_eq!((entry.as_ref().access(), entry.as_ref().value_bytes_len()), (ACCESS_MASK, 1000));
    assert!(writable(&mut entry).try_resize(900));
    entry.as_ref().set_access(5);
    assert_eq!((entry.as_ref().access(), entry.as_ref().value_bytes_len()), (5, 900));
}

#[test]
fn expiry_is_set_in_place_where_there_is_room() {
    let mut entry = text(b"k", b"v", Some(5));
    assert!(writable(&mut entry).try_set_expiry(9));
    assert_eq!(entry.as_ref().expire_at(), Some(9));
    assert!(entry.as_ref().is_expired(10) && !entry.as_ref().is_expired(9));
    let mut without = text(b"k", b"v", None);
    assert!(!writable(&mut without).try_set_expiry(9));
    assert!(!without.as_ref().is_expired(i64::MAX));
}

#[test]
fn integers_are_strict() {
    let integers = ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "1000000000000000000"];
    for text in integers {
        assert_eq!(parse_int(text.as_bytes()).map(|value| value.to_string()).as_deref(), Some(text));
    }
    let others = [
        "",
        "-",
        "+1",
        "01",
        "-0",
        "-01",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "--1",
        "1-",
    ];
    for text in others {
        assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn an_entry_is_read_on_another_thread_while_its_access_bits_change() {
    let entry = text(b"key", &[3; 600], Some(1));
    let view = entry.as_ref();
    std::thread::scope(|scope| {
        let reader = scope
            .spawn(move || (0..100).all(|_| view.string().unwrap().len() == 600 && view.key() == b"key"));
        (0..100).for_each(|bits| view.set_access(bits));
        assert!(reader.join().unwrap());
    });
    assert_eq!(view.access(), 99);
}
