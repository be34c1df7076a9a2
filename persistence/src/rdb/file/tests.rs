//! Whole files: saved and loaded again, harmed, cut off, and written to disks that fail.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::disk::{Operation, Torn};
use crate::rdb::ahead::{Batch, read_ahead};
use crate::rdb::{Access, Error, Fault, Loader, Made, Piece, Writer, write_value};
use rufous_storage::evict::lru_bits_idle;
use rufous_storage::types::Limits;
use rufous_storage::types::hash::Hash;
use rufous_storage::types::list::{End, List};
use rufous_storage::types::set::Set;
use rufous_storage::types::sorted_set::SortedSet;
use rufous_storage::{Keyspace, NewStr, Ttl};

const SETTINGS: Settings = Settings { version: 11, compress: true, checksum: true, key_delay_us: 0 };

/// Some of everything; the number says how many elements large collections have.
fn sample(elements: usize) -> Keyspace {
    let limits = Limits::default();
    let mut keyspace = Keyspace::new(4, 1);
    let long = vec![b'x'; 200_000];
    let texts: [&[u8]; 5] = [b"", b"hello", b"12", b"-9223372036854775808", &long];
    for (at, text) in texts.into_iter().enumerate() {
        let ttl = if at % 2 == 0 { Ttl::At(10_000 + at as i64) } else { Ttl::Clear };
        keyspace.db_mut(at % 2).set_string(format!("string{at}").as_bytes(), NewStr::Bytes(text), ttl);
    }
    for len in [3, elements] {
        let names: Vec<String> = (0..len).map(|at| format!("element {}", at * 7919)).collect();
        let db = keyspace.db_mut(3);
        let mut set = db.fresh::<Set>();
        set.edit(&limits, |set| names.iter().for_each(|name| _ = set.add(name.as_bytes())));
        db.store(format!("set{len}").as_bytes(), set);
        let mut ints = db.fresh::<Set>();
        ints.edit(&limits, |set| (0..len).for_each(|at| _ = set.add(at.to_string().as_bytes())));
        db.store(format!("ints{len}").as_bytes(), ints);
        let mut hash = db.fresh::<Hash>();
        hash.edit(&limits, |hash| names.iter().for_each(|name| _ = hash.set(name.as_bytes(), b"17")));
        db.store(format!("hash{len}").as_bytes(), hash);
        let mut list = db.fresh::<List>();
        list.edit(&limits, |list| names.iter().for_each(|name| list.push(End::Tail, &[name.as_bytes()])));
        db.store(format!("list{len}").as_bytes(), list);
        let mut scores = db.fresh::<SortedSet>();
        scores.edit(&limits, |set| {
            for (at, name) in names.iter().enumerate() {
                set.update(name.as_bytes(), |_| Some(at as f64 / 3.0));
            }
        });
        db.store(format!("scores{len}").as_bytes(), scores);
        db.set_expire(format!("hash{len}").as_bytes(), Some(99));
    }
    keyspace
}

fn contents(keyspace: &mut Keyspace) -> Contents {
    let aux = vec![("redis-ver", "7.2.6".to_owned()), ("ctime", "1700000000".to_owned())];
    Contents { view: keyspace.freeze(), aux, libraries: Vec::new(), access: Access::None }
}

fn bytes(contents: &Contents, settings: Settings) -> Vec<u8> {
    let mut bytes = Vec::new();
    let out: &mut crate::rdb::Out<'_> = &mut |block| {
        bytes.extend_from_slice(block);
        Ok(())
    };
    save(contents, settings, &Progress::default(), out).unwrap();
    bytes
}

/// All keys with their expiry and value. Large collections are written in the order of their table, which loading may change.
type Digest = BTreeMap<(u64, Vec<u8>), (Option<i64>, Vec<u8>)>;

fn digest(keyspace: &Keyspace) -> Digest {
    let mut all = Digest::new();
    for (index, db) in keyspace.iter().enumerate() {
        for entry in db.iter() {
            let mut writer = Writer::new(11, None);
            write_value(&mut writer, entry);
            all.insert((index as u64, entry.key().to_vec()), (entry.expire_at(), writer.out));
        }
    }
    all
}

fn loaded(bytes: &[u8]) -> Result<Keyspace, Error> {
    let mut keyspace = Keyspace::new(4, 1);
    let mut loader = Loader::new(bytes, true)?;
    let (limits, mut database) = (Limits::default(), 0);
    loop {
        match loader.next_piece()? {
            Piece::Database(index) if index < 4 => database = index as usize,
            Piece::Database(_) => return Err(Error { offset: loader.offset(), fault: Fault::End }),
            Piece::Key(key) => {
                let offset = key.offset;
                let db = keyspace.db_mut(database);
                let made = key.value.make(db, &limits).map_err(|fault| Error { offset, fault })?;
                match made {
                    Made::String(string) => _ = db.set_string(&key.name, string, Ttl::Clear),
                    Made::Collection(fresh) => _ = db.store(&key.name, fresh),
                }
                db.set_expire(&key.name, key.expiry);
            }
            Piece::End { .. } => return Ok(keyspace),
            _ => {}
        }
    }
}

#[test]
fn what_is_saved_is_loaded_by_every_version() {
    let mut keyspace = sample(600);
    let expected = digest(&keyspace);
    assert_eq!(expected.len(), 15);
    let contents = contents(&mut keyspace);
    for version in 9..=13 {
        for (compress, checksum) in [(false, false), (true, true)] {
            let bytes = bytes(&contents, Settings { version, compress, checksum, key_delay_us: 0 });
            assert!(bytes.starts_with(format!("REDIS{version:04}").as_bytes()));
            let found = loaded(&bytes).unwrap_or_else(|error| panic!("version {version}: {error}"));
            let keys: Vec<_> = digest(&found).into_keys().collect();
            assert_eq!(keys, expected.keys().cloned().collect::<Vec<_>>());
            let expiries = |all: &Digest| all.values().map(|(at, _)| *at).collect::<Vec<_>>();
            assert_eq!(expiries(&digest(&found)), expiries(&expected));
        }
    }
}

/// All that a file comes to, up to its end or an error.
fn read_through(bytes: &[u8], ahead: bool) -> Vec<String> {
    let shown = |piece: &Piece<'_>| match piece {
        Piece::Key(key) => format!("{} {:?} at {}", key.name.escape_ascii(), key.kind, key.offset),
        piece => format!("{piece:?}"),
    };
    let mut seen = Vec::new();
    let mut loader = Loader::new(bytes, true).unwrap();
    if !ahead {
        loop {
            let piece = loader.next_piece();
            let is_last = matches!(piece, Err(_) | Ok(Piece::End { .. }));
            seen.push(piece.map_or_else(|error| error.to_string(), |piece| shown(&piece)));
            if is_last {
                return seen;
            }
        }
    }
    read_ahead(loader, |ahead| {
        loop {
            match ahead.next(Duration::from_millis(1)) {
                Ok(None) => continue,
                Ok(Some(Batch { keys, then, offset })) => {
                    seen.extend(
                        keys.into_iter().map(|key| shown(&Piece::Key(key))).chain(then.as_ref().map(shown)),
                    );
                    assert!(offset <= bytes.len());
                    if let Some(Piece::End { .. }) = then {
                        return seen;
                    }
                }
                Err(error) => {
                    seen.push(error.to_string());
                    return seen;
                }
            }
        }
    })
}

#[test]
fn reading_ahead_gives_the_same() {
    let mut keyspace = sample(50_000);
    for at in 0..20_000 {
        let key = format!("key {at}");
        keyspace.db_mut(2).set_string(key.as_bytes(), NewStr::Bytes(key.as_bytes()), Ttl::Clear);
    }
    let large = bytes(&contents(&mut keyspace), SETTINGS);
    let small = bytes(&contents(&mut sample(600)), SETTINGS);
    assert!(large.len() > 2_000_000 && small.len() < 250_000, "{} {}", large.len(), small.len());
    for whole in [large, small] {
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let cuts = (1..8).map(|eighth| &whole[..whole.len() / 8 * eighth]);
        for file in [whole.as_slice(), &flipped].into_iter().chain(cuts) {
            assert_eq!(read_through(file, true), read_through(file, false), "{} bytes", file.len());
        }
    }
}

#[test]
fn who_reads_ahead_ends_when_nobody_listens() {
    let mut keyspace = sample(50_000);
    let file = bytes(&contents(&mut keyspace), SETTINGS);
    let loader = Loader::new(&file, true).unwrap();
    // Returning is the proof: the thread is waited for.
    let first = read_ahead(loader, |ahead| ahead.next(Duration::from_secs(60)).map(|_| ()));
    assert_eq!(first, Ok(()));
}

#[test]
fn small_values_come_back_to_the_byte() {
    let mut keyspace = sample(3);
    let expected = digest(&keyspace);
    let bytes = bytes(&contents(&mut keyspace), SETTINGS);
    assert_eq!(digest(&loaded(&bytes).unwrap()), expected);
}

#[test]
fn a_large_collection_does_not_fill_the_buffer() {
    let mut keyspace = sample(50_000);
    let contents = contents(&mut keyspace);
    let (mut longest, mut all) = (0, 0);
    let settings = Settings { compress: false, ..SETTINGS };
    save(&contents, settings, &Progress::default(), &mut |block| {
        longest = longest.max(block.len());
        all += block.len();
        Ok(())
    })
    .unwrap();
    // The one string of 200,000 bytes is handed on as it is.
    assert!(all > 4_000_000 && longest == 200_000, "{longest} of {all}");
}

#[test]
fn idle_times_and_libraries_are_written() {
    let mut keyspace = Keyspace::new(1, 1);
    keyspace.set_fresh_access(lru_bits_idle(1_000_000_000, 90_000));
    keyspace.db_mut(0).set_string(b"a", NewStr::Int(1), Ttl::Clear);
    let contents = Contents {
        access: Access::Idle(1_000_000_000),
        libraries: vec![b"#!lua name=x".to_vec()],
        ..contents(&mut keyspace)
    };
    let bytes = bytes(&contents, SETTINGS);
    let mut loader = Loader::new(&bytes, true).unwrap();
    let mut seen = Vec::new();
    loop {
        match loader.next_piece().unwrap() {
            Piece::Key(key) => seen.push(format!("{:?} {:?}", key.idle_seconds, key.frequency)),
            Piece::Library(source) => seen.push(String::from_utf8_lossy(&source).into_owned()),
            Piece::End { checked } => break assert!(checked),
            _ => {}
        }
    }
    assert_eq!(seen, ["#!lua name=x", "Some(90) None"]);
    let refused = save(&contents, Settings { version: 9, ..SETTINGS }, &Progress::default(), &mut |_| Ok(()));
    assert_eq!(refused.unwrap_err().to_string(), "RDB version 9 cannot hold functions; see rdb-version");
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let mut keyspace = sample(3);
    keyspace.db_mut(1).remove(b"string4"); // long, and no different from others
    keyspace.db_mut(0).remove(b"string4");
    let expected = digest(&keyspace);
    let bytes = bytes(&contents(&mut keyspace), SETTINGS);
    let mut harmless = 0;
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(found) = loaded(&flipped) {
            assert_eq!(digest(&found), expected, "bit {bit}");
            harmless += 1;
        }
    }
    // Only the digits of the version: one becomes another without checksum, and the data is the same.
    assert!(harmless <= 2, "{harmless} of {}", bytes.len() * 8);
}

#[test]
fn every_truncation_is_an_error_with_its_place() {
    let mut keyspace = sample(3);
    let bytes = bytes(&contents(&mut keyspace), SETTINGS);
    for len in 0..bytes.len() {
        let error = loaded(&bytes[..len]).map(drop).unwrap_err();
        assert!(error.offset <= len, "{len}: {error}");
    }
}

#[test]
fn foreign_and_broken_heads_are_told_apart() {
    let check = |head: &[u8], expected: &str| {
        let error = Loader::new(head, true).unwrap_err();
        assert_eq!(error.to_string(), expected, "{}", head.escape_ascii());
    };
    check(b"REDIS0000", "Can't handle RDB format version 0, at offset 0");
    check(b"REDIS0014", "Can't handle RDB format version 14, at offset 0");
    check(b"VALKEY081", "Can't handle RDB format version 81, at offset 0");
    check(b"REDIS00x1", "wrong signature: this is no RDB file, at offset 0");
    check(b"RUFOUS011", "wrong signature: this is no RDB file, at offset 0");
    check(b"REDIS", "the data ends too early, at offset 0");
    assert_eq!(Loader::new(b"VALKEY080", true).unwrap().version(), 80);
}

#[test]
fn pieces_of_others_are_read() {
    let pieces = |bytes: &[u8]| {
        let all = [b"REDIS0011", bytes, b"\xff\0\0\0\0\0\0\0\0"].concat();
        let mut loader = Loader::new(&all, true)?;
        let mut seen = String::new();
        loop {
            match loader.next_piece()? {
                Piece::End { checked } => return Ok(format!("{seen}{checked}")),
                Piece::ModuleAux(name) => seen += &format!("{name} "),
                Piece::Empty(key) => seen += &format!("empty {} ", key.escape_ascii()),
                piece => seen += &format!("{piece:?} "),
            }
        }
    };
    let check = |bytes: &[u8], expected: &str| {
        let found = pieces(bytes).unwrap_or_else(|error: Error| error.to_string());
        assert_eq!(found, expected, "{}", bytes.escape_ascii());
    };
    check(b"", "false");
    check(b"\xfe\x02\xfb\x05\x01", "Database(2) Sizes { keys: 5, expiring: 1 } false");
    check(b"\xf4\x05\x01\x00", "Slots false");
    check(b"\xf3\x02ab\x01\x05\x07", "Slots false");
    check(b"\xf7\x81\0\0\0\0\0\0\0\0\x02\x02\x01\x07\x05\x01x\x03abcd\x04abcdefgh\x00", "AAAAAAAAA false");
    check(b"\xf7\x00\x02\x02\x06\x00", "a module's value of unknown kind, at offset 13");
    check(b"\xf6\x01x", "functions of a release candidate, which are not supported, at offset 10");
    check(b"\x07\x01k\x00", "data of the module type 'AAAAAAAAA', which cannot be loaded, at offset 12");
    check(b"\x08\x01k\x00", "unknown value type 8, at offset 9");
    check(b"\x02\x01k\x00\x09\x01m\x02\0\xff", "empty k empty m false");
}

/// A disk with a snapshot of an older data set, and the newer one.
struct Scene {
    disk: Torn,
    old: Vec<u8>,
    contents: Contents,
}

const NAME: &str = "/dump.rdb";

fn target() -> Target {
    Target {
        folder: "/".into(),
        name: "dump.rdb".into(),
        temporary: "temp-1.rdb".into(),
        growth: Growth { in_steps: true, keep_cached: false },
    }
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let disk = Torn::new(seed);
        replace(&disk, &target(), &contents(&mut Keyspace::new(4, 1)), SETTINGS, &Progress::default())
            .unwrap();
        let old = disk.read(Path::new(NAME)).unwrap().to_vec();
        Scene { disk, old, contents: contents(&mut sample(3)) }
    }

    fn replace(&self) -> Result<(), SaveError> {
        replace(&self.disk, &target(), &self.contents, SETTINGS, &Progress::default()).map(drop)
    }
}

#[test]
fn a_disk_that_fails_keeps_the_old_snapshot_and_no_remains() {
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename] {
        let scene = Scene::new(1);
        scene.disk.fail(operation, ErrorKind::Other);
        match scene.replace() {
            Err(SaveError::Disk(error)) => assert_eq!(error.operation, operation),
            other => panic!("{operation:?}: {other:?}"),
        }
        assert_eq!(&*scene.disk.read(Path::new(NAME)).unwrap(), scene.old, "{operation:?}");
        assert_eq!(scene.disk.list(Path::new("/")).unwrap(), ["dump.rdb"], "{operation:?}");
        scene.disk.heal();
        scene.replace().unwrap();
        loaded(&scene.disk.read(Path::new(NAME)).unwrap()).unwrap();
    }
}

#[test]
fn a_full_disk_and_short_writes() {
    let scene = Scene::new(2);
    for space in [0, 1, 100, 500] {
        scene.disk.set_space(Some(space));
        assert!(scene.replace().is_err());
        assert_eq!(&*scene.disk.read(Path::new(NAME)).unwrap(), scene.old);
    }
    scene.disk.heal();
    scene.disk.set_short_writes(true);
    scene.replace().unwrap();
    loaded(&scene.disk.read(Path::new(NAME)).unwrap()).unwrap();
}

#[test]
fn after_a_power_cut_there_is_the_old_snapshot_or_the_new_one() {
    let (mut olds, mut news) = (0, 0);
    for seed in 0..600 {
        let scene = Scene::new(seed);
        scene.disk.cut_power_after(seed % 8);
        let replaced = scene.replace().is_ok();
        let after = scene.disk.reboot();
        let found = after.read(Path::new(NAME)).unwrap();
        if *found == *scene.old {
            assert!(!replaced, "seed {seed}: what was reported as safe is lost");
            olds += 1;
        } else {
            assert_eq!(loaded(&found).unwrap().len(), 15 - 5, "seed {seed}");
            news += 1;
        }
    }
    assert!(olds > 50 && news > 50, "{olds} {news}");
}

#[test]
fn a_save_that_is_called_off_leaves_nothing() {
    let scene = Scene::new(3);
    let progress = Progress::default();
    assert!(progress.cancel());
    let saved = replace(&scene.disk, &target(), &scene.contents, SETTINGS, &progress);
    assert!(matches!(saved, Err(SaveError::Cancelled)));
    assert_eq!(&*scene.disk.read(Path::new(NAME)).unwrap(), scene.old);
    assert_eq!(scene.disk.list(Path::new("/")).unwrap(), ["dump.rdb"]);

    let progress = Progress::default();
    replace(&scene.disk, &target(), &scene.contents, SETTINGS, &progress).unwrap();
    assert!(!progress.cancel(), "too late");
}

#[test]
fn the_lock_goes_with_the_file() {
    let scene = Scene::new(4);
    let lock = replace(&scene.disk, &target(), &scene.contents, SETTINGS, &Progress::default()).unwrap();
    assert!(scene.disk.lock(Path::new(NAME)).unwrap_err().is_locked());
    drop(lock);
    scene.disk.lock(Path::new(NAME)).unwrap();
}
