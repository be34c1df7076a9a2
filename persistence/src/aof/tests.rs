//! What is written survives: power cuts at any moment leave whole writes, flipped bits are found, what others wrote is read.

use super::folder::Folder;
use super::log::Log;
use super::manifest::{BaseFormat, Manifest};
use super::scan::{Damage, Fault, Item, Scanner, Survey, survey};
use super::writer::{Loaded, StepError, Writer};
use crate::disk::{Disk, Operation, Torn};
use rufous_protocol::reply::{Reply, Resp};
use rufous_storage::Random;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

const NAME: &str = "a.1.incr.aof";

fn folder(disk: &Torn) -> Folder {
    let folder = Folder::new(Arc::new(disk.clone()), Path::new("/"), OsStr::new("dir"), OsStr::new("a"));
    folder.create().unwrap();
    folder
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    Reply::new(&mut out, Resp::V2).bulks(words);
    out
}

/// The commands of a file, a line each.
fn commands(bytes: &[u8]) -> Vec<String> {
    let mut scanner = Scanner::new(bytes, 0, false);
    let mut found = Vec::new();
    while let Some(Ok(item)) = scanner.next() {
        if item == Item::Command {
            let words: Vec<String> = scanner.words().map(|word| word.escape_ascii().to_string()).collect();
            found.push(words.join(" "));
        }
    }
    found
}

fn read(folder: &Folder) -> Vec<u8> {
    folder.disk().read(&folder.at(OsStr::new(NAME))).unwrap().to_vec()
}

/// A file of several writes, whose end says that it is done.
fn sample() -> Vec<u8> {
    let folder = folder(&Torn::new(1));
    let mut log = Log::create(&**folder.disk(), &folder.at(OsStr::new(NAME)), true).unwrap();
    for round in 0..4u8 {
        let ts = format!("#TS:170000000{round}\r\n").into_bytes();
        log.write(&mut [ts, command(&[b"SET", b"key", &[round; 5]]), command(&[b"INCR", b"n"])]).unwrap();
        if round != 2 {
            log.sync().unwrap();
        }
        let unit = [command(&[b"MULTI"]), command(&[b"SADD", b"s", b"\r\n#CRC32:"]), command(&[b"EXEC"])];
        log.write(&mut [unit.concat()]).unwrap();
    }
    log.close().unwrap();
    read(&folder)
}

#[test]
fn a_sound_file_is_whole() {
    let file = sample();
    let Survey { valid_len, damage, commands, .. } = survey(&file, 0, true);
    assert_eq!((valid_len, damage, commands), (file.len(), None, 4 * 5));
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let file = sample();
    let expected = commands(&file);
    let mut harmless = 0;
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match survey(&flipped, 0, true).damage {
            Some(Damage::Corrupt(_)) => {}
            None => {
                assert_eq!(commands(&flipped), expected, "bit {bit}");
                harmless += 1;
            }
            // Only the last line, behind which nothing was said to be on disk, may look torn.
            Some(damage) => {
                let kept = &flipped[..survey(&flipped, 0, true).valid_len];
                assert_eq!(commands(kept), expected, "bit {bit}: {damage:?}");
                harmless += 1;
            }
        }
    }
    assert!(harmless < 45 * 8, "{harmless} harmless bits: more than the last line has");
}

/// Three writes, each synced, the server killed after the last; the place where the last begins.
fn padded_sample() -> (Vec<u8>, usize) {
    let folder = folder(&Torn::new(1));
    let mut log = Log::create(&**folder.disk(), &folder.at(OsStr::new(NAME)), true).unwrap();
    log.set_pads(true);
    let mut last = 0;
    for number in [b"1", b"2", b"3"] {
        last = log.len() as usize;
        log.write(&mut [command(&[b"SET", b"key", number])]).unwrap();
        log.sync().unwrap();
    }
    (read(&folder), last)
}

#[test]
fn flips_in_front_of_padding_are_found_or_harmless() {
    let (file, last) = padded_sample();
    let end = survey(&file, 0, true).valid_len;
    let expected = commands(&file);
    assert_eq!((expected.len(), survey(&file, 0, true).damage), (3, None));
    assert!(file.len() > end + 1000, "{} bytes, {end} of them written", file.len());
    for bit in 0..(end + 200) * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let survey = survey(&flipped, 0, true);
        let kept = commands(&flipped[..survey.valid_len]);
        // That the last write was on disk is not said by a later one.
        let least = if bit / 8 < last {
            0
        } else if bit / 8 < end {
            2
        } else {
            3
        };
        match survey.damage {
            Some(Damage::Corrupt(_)) => assert!(bit / 8 < last, "bit {bit}"),
            _ => assert!(kept.len() >= least && kept == expected[..kept.len()], "bit {bit}: {kept:?}"),
        }
    }
}

#[test]
fn padding_goes_when_the_file_is_opened_or_closed() {
    let disk = Torn::new(1);
    let folder = folder(&disk);
    let path = folder.at(OsStr::new(NAME));
    let unit = |text: &[u8]| [command(&[b"SET", b"key", text])];
    let mut log = Log::create(&disk, &path, true).unwrap();
    log.set_pads(true);
    log.write(&mut unit(b"1")).unwrap();
    let survey_now = || survey(&read(&folder), 0, true);
    let Survey { valid_len, unsealed, .. } = survey_now();
    assert_eq!(valid_len as u64, log.len());
    let mut log = Log::open(&disk, &path, valid_len as u64, Some(unsealed)).unwrap();
    assert_eq!(read(&folder).len() as u64, log.len());
    log.set_pads(true);
    // After a long one it takes a while until short ones are usual again.
    let writes =
        [(100, true, 1, true), (1 << 20, true, 1, false), (100, true, 30, true), (100, false, 1, false)];
    for (len, pads, times, is_padded) in writes {
        log.set_pads(pads);
        (0..times).for_each(|_| log.write(&mut unit(&vec![b'x'; len])).unwrap());
        assert_eq!(read(&folder).len() as u64 > log.len(), is_padded, "{len} {pads}");
    }
    log.set_pads(true);
    log.write(&mut unit(b"2")).unwrap();
    log.close().unwrap();
    assert_eq!(read(&folder).len() as u64, log.len());
    log.reopen().unwrap();
    log.write(&mut unit(b"3")).unwrap();
    let Survey { damage, commands, .. } = survey_now();
    assert_eq!((damage, commands), (None, 36));
}

#[test]
fn padding_whose_sync_fails_takes_nothing_with_it() {
    let disk = Torn::new(1);
    let folder = folder(&disk);
    let unit = |text: &[u8]| [command(&[b"SET", b"key", text])];
    let mut log = Log::create(&disk, &folder.at(OsStr::new(NAME)), true).unwrap();
    log.write(&mut unit(b"1")).unwrap();
    log.set_pads(true);
    // The first write is still on its way. That it does not get there is told once, and must be passed on.
    disk.fail_once(Operation::Sync, ErrorKind::Other);
    assert!(log.write(&mut unit(b"2")).is_err() && !log.is_synced());
    log.sync().unwrap();
    disk.fail_once(Operation::Sync, ErrorKind::Other);
    log.write(&mut unit(b"3")).unwrap();
    assert_eq!(read(&folder).len() as u64, log.len(), "what is not on disk is no padding");
    log.write(&mut unit(b"4")).unwrap();
    assert!(read(&folder).len() as u64 > log.len() + 1000);
    log.sync().unwrap();
    assert_eq!(commands(&read(&folder)), ["SET key 1", "SET key 3", "SET key 4"]);
}

#[test]
fn commands_without_a_seal_in_front_of_padding_were_torn() {
    let (file, last) = padded_sample();
    let end = survey(&file, 0, true).valid_len;
    let seal = file[..end].windows(7).rposition(|bytes| bytes == b"#CRC32:").unwrap();
    let torn = [&file[..seal], &super::padding::between(seal as u64..end as u64 + 640)].concat();
    let survey = survey(&torn, 0, true);
    assert!(matches!(survey.damage, Some(Damage::Torn(_))), "{:?}", survey.damage);
    assert_eq!(survey.valid_len, last);
}

#[test]
fn a_flip_is_named_by_its_place() {
    let mut file = sample();
    let place = file.windows(3).rposition(|bytes| bytes == b"key").unwrap();
    file[place] ^= 1;
    let damage = survey(&file, 0, true).damage;
    let Some(Damage::Corrupt(trouble)) = damage else { panic!("{damage:?}") };
    assert!(matches!(&trouble.fault, Fault::Checksum(range) if range.contains(&place)), "{trouble:?}");
    // Whoever wants to load it all the same can.
    assert_eq!(survey(&file, 0, false).damage, None);
}

/// Writes random units until the power goes; returns those that were written, and how many of them were synced.
fn write_until_dark(log: &mut Log, random: &mut Random, history: &mut Vec<String>) -> usize {
    let mut synced = history.len();
    for _ in 0..200 {
        let mut parts = Vec::new();
        let mut unit = Vec::new();
        for _ in 0..1 + random.below(3) {
            let value = vec![b'a' + random.below(26) as u8; random.below(1500) as usize];
            let number = (history.len() + unit.len()).to_string();
            let words: [&[u8]; 3] = [b"SET", number.as_bytes(), &value];
            parts.push(command(&words));
            unit.push(words.map(|word| word.escape_ascii().to_string()).join(" "));
        }
        if unit.len() > 1 {
            parts.insert(0, command(&[b"MULTI"]));
            parts.push(command(&[b"EXEC"]));
        }
        // What the last write wrote may be there although it failed.
        history.append(&mut unit);
        if log.write(&mut [parts.concat()]).is_err() {
            return synced;
        }
        if random.below(4) == 0 {
            if log.sync().is_err() {
                return synced;
            }
            synced = history.len();
        }
    }
    synced
}

fn without_markers(bytes: &[u8]) -> Vec<String> {
    commands(bytes).into_iter().filter(|command| command != "MULTI" && command != "EXEC").collect()
}

/// Power cuts, one after the other, on the same file.
fn cut_again_and_again(seed: u64) {
    let mut random = Random::new(seed);
    let mut disk = Torn::new(seed);
    let mut history: Vec<String> = Vec::new();
    let mut log = Log::create(&disk, &folder(&disk).at(OsStr::new(NAME)), true).unwrap();
    disk.sync_folder(Path::new("/dir")).unwrap();
    disk.sync_folder(Path::new("/")).unwrap();
    for generation in 0..3 {
        disk.cut_power_after(1 + random.below(60));
        let synced = write_until_dark(&mut log, &mut random, &mut history);
        disk = disk.reboot();
        let folder = folder(&disk);
        let file = read(&folder);
        let survey = survey(&file, 0, true);
        let context = format!("seed {seed}, generation {generation}: {:?}", survey.damage);
        assert!(!matches!(survey.damage, Some(Damage::Corrupt(_))), "{context}");
        let kept = without_markers(&file[..survey.valid_len]);
        assert!(kept.len() >= synced, "{context}: {synced} were synced, {} are there", kept.len());
        assert_eq!(kept, history[..kept.len()], "{context}");
        history.truncate(kept.len());
        let path = folder.at(OsStr::new(NAME));
        log = Log::open(&disk, &path, survey.valid_len as u64, Some(survey.unsealed)).unwrap();
        log.set_pads(random.below(2) == 0);
    }
    log.close().unwrap();
    let file = read(&folder(&disk));
    assert_eq!(survey(&file, 0, true).damage, None, "seed {seed}");
    assert_eq!(without_markers(&file), history, "seed {seed}");
}

#[test]
fn power_cuts_leave_whole_writes() {
    let rounds = std::env::var("RUFOUS_POWER_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(700);
    (0..rounds).for_each(cut_again_and_again);
}

#[test]
fn failed_writes_leave_no_trace() {
    check_failing_writes(false);
    check_failing_writes(true);
}

fn check_failing_writes(pads: bool) {
    let disk = Torn::new(7);
    let folder = folder(&disk);
    let mut log = Log::create(&**folder.disk(), &folder.at(OsStr::new(NAME)), true).unwrap();
    log.set_pads(pads);
    let unit = |number: usize| [command(&[b"SET", b"k", number.to_string().as_bytes()])];
    log.write(&mut unit(1)).unwrap();
    disk.set_short_writes(true);
    log.write(&mut unit(2)).unwrap();
    disk.set_space(Some(10));
    // Padding goes on until it is used up.
    let fill = || log.write(&mut [command(&[b"PING", &[b'x'; 1000]])]).is_ok();
    let filled = std::iter::repeat_with(fill).take_while(|is_done| *is_done).count();
    assert_eq!(filled > 0, pads);
    let mut parts = unit(3);
    let failed = log.write(&mut parts).unwrap_err();
    assert_eq!(failed.error.reason(), "no storage space");
    assert_eq!(parts, unit(3), "the parts can be written again");
    disk.fail(Operation::Truncate, ErrorKind::Other);
    let failed = log.write(&mut unit(3)).unwrap_err();
    assert!(pads || failed.not_undone.is_some());
    assert!(log.write(&mut unit(3)).is_err(), "nothing is written behind what is left of a write");
    disk.heal();
    log.write(&mut unit(4)).unwrap();
    log.sync().unwrap();
    assert!(log.is_synced());
    let file = read(&folder);
    assert_eq!(survey(&file, 0, true).damage, None);
    let found: Vec<_> = commands(&file).into_iter().filter(|command| command.starts_with("SET")).collect();
    assert_eq!(found, ["SET k 1", "SET k 2", "SET k 4"]);
    disk.fail(Operation::Sync, ErrorKind::Other);
    log.write(&mut unit(5)).unwrap();
    assert!(log.sync().is_err() && !log.is_synced());
}

/// What of a file by Redis, without seals, is valid, and whether it is torn, open or corrupt.
#[track_caller]
fn check_foreign(file: &[u8], valid_len: usize, kind: &str) {
    for check in [true, false] {
        let survey = survey(file, 0, check);
        let found = match survey.damage {
            None => "whole",
            Some(Damage::Torn(_)) => "torn",
            Some(Damage::OpenTransaction) => "open",
            Some(Damage::Corrupt(_)) => "corrupt",
        };
        assert_eq!((found, survey.valid_len), (kind, valid_len), "{}", file.escape_ascii());
    }
}

#[test]
fn files_of_redis_are_judged_as_redis_does() {
    let set = command(&[b"SET", b"k", b"1"]);
    let with = |end: &[u8]| [&set, end].concat();
    check_foreign(b"", 0, "whole");
    check_foreign(&set, set.len(), "whole");
    check_foreign(&with(b"#TS:1\r\n#anything\r\n"), set.len() + 18, "whole");
    (1..set.len()).for_each(|cut| check_foreign(&with(&set[..cut]), set.len(), "torn"));
    let open = [command(&[b"multi"]), set.clone()].concat();
    check_foreign(&with(&open), set.len(), "open");
    check_foreign(&with(&open[..open.len() - 1]), set.len(), "torn");
    for bad in [
        "!hello\r\n",
        "*0\r\n",
        "*x\r\n",
        "*1\r\n+3\r\n",
        "*1\r\n$3\r\nfooo\r\n",
        "*1\r\n$-1\r\n",
        "\0\0\0\0",
    ] {
        check_foreign(&with(bad.as_bytes()), set.len(), "corrupt");
    }
    check_foreign(&with(b"*1\r\n$99999999999999999\r\nabc"), set.len(), "torn");
    check_foreign(&with(b"*99999999999999999\r\n$1\r\na\r\n"), set.len(), "torn");
    check_foreign(&with(&[&b"#"[..], &[b'x'; 2000], b"\r\n"].concat()), set.len(), "corrupt");
}

#[test]
fn what_redis_appended_to_a_file_of_ours_is_kept() {
    let set = command(&[b"SET", b"k", b"1"]);
    let closed = sample();
    let end = survey(&closed[..closed.len() - 1], 0, true).valid_len;
    // Of a server that stopped, of one that was killed, and the same with padding.
    for file in [closed.clone(), closed[..end].to_vec(), padded_sample().0] {
        let appended = [&file[..], &set, &set[..5]].concat();
        let survey = survey(&appended, 0, true);
        assert_eq!(survey.valid_len, file.len() + set.len());
        assert!(matches!(survey.damage, Some(Damage::Torn(_))));
    }
}

/// A base that stands for all units up to a number.
fn write_base(disk: &Torn, path: &Path, upto: u64) -> Result<(), crate::disk::Error> {
    super::base::make_way(disk, path);
    let mut log = Log::create(disk, path, true)?;
    log.write(&mut [command(&[b"SET", b"base", upto.to_string().as_bytes()])])
        .map_err(|failed| failed.error)?;
    log.close()
}

/// What a start finds: the number of the last unit, all before being there; and how to go on.
fn recover(disk: &Torn, context: &str) -> (u64, Manifest, Loaded) {
    let folder = folder(disk);
    let manifest = match folder.read_manifest() {
        Ok(manifest) => manifest.unwrap_or_default(),
        Err(error) => panic!("{context}: {error}"),
    };
    let mut last = 0;
    let mut loaded = Loaded::default();
    let parts: Vec<_> = manifest.parts().cloned().collect();
    for (at, part) in parts.iter().enumerate() {
        let path = folder.at(&part.name);
        let file = disk.read(&path).unwrap_or_else(|error| panic!("{context}: {error}"));
        let survey = survey(&file, 0, true);
        let is_last = at + 1 == parts.len();
        assert!(survey.damage.is_none() || is_last, "{context}: {part:?}: {:?}", survey.damage);
        assert!(
            !matches!(survey.damage, Some(Damage::Corrupt(_))),
            "{context}: {:?} {}",
            survey.damage,
            file.escape_ascii()
        );
        for line in commands(&file[..survey.valid_len]) {
            let (kind, number) = line.trim_start_matches("SET ").split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            assert!(kind == "base" || number == last + 1, "{context}: {number} after {last}");
            last = number;
        }
        let len = survey.valid_len as u64;
        loaded = Loaded { unsealed: survey.unsealed, has_seals: survey.has_seals, len };
    }
    (last, manifest, loaded)
}

/// Units, syncs and rewrites until the power goes; gives the last unit that was synced.
fn work_until_dark(writer: &mut Writer, disk: &Torn, random: &mut Random, last: &mut u64) -> u64 {
    let mut synced = writer.synced();
    let temporary = Path::new("/temp-base");
    let pads = random.below(2) == 0;
    for _ in 0..100 {
        *last += 1;
        writer.set_pads(pads);
        writer.accept(None, command(&[b"SET", b"unit", last.to_string().as_bytes()]), *last);
        let done = match random.below(8) {
            0 => writer
                .rotate()
                .and_then(|_| write_base(disk, temporary, *last).map_err(StepError::Sync))
                .and_then(|()| writer.install(temporary, BaseFormat::Commands).map(drop))
                .and_then(|()| {
                    let garbage = writer.retire().map_err(StepError::Manifest)?;
                    garbage.iter().try_for_each(|part| writer.remove(part)).map_err(StepError::Sync)
                })
                .is_ok(),
            1 | 2 => writer.flush().is_ok() && writer.sync().is_ok(),
            3 => writer.flush().is_ok(),
            _ => true,
        };
        synced = synced.max(writer.synced());
        if !done && disk.is_dark() {
            break;
        }
    }
    synced
}

#[test]
fn power_cuts_in_rewrites_lose_nothing_that_was_synced() {
    let rounds = std::env::var("RUFOUS_POWER_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    for seed in 0..rounds {
        let mut random = Random::new(seed ^ 0xa0f);
        let mut disk = Torn::new(seed);
        folder(&disk);
        let (mut last, mut synced) = (0, 0);
        for generation in 0..3 {
            let context = format!("seed {seed}, generation {generation}");
            let (found, manifest, loaded) = recover(&disk, &context);
            assert!(found >= synced && found <= last, "{context}: {found} of {last}, {synced} synced");
            last = found;
            disk.cut_power_after(3 + random.below(80));
            // The start itself may be cut short.
            synced = last;
            if let Ok(mut writer) = Writer::start(folder_of(&disk), manifest, loaded, true, last) {
                synced = work_until_dark(&mut writer, &disk, &mut random, &mut last);
            }
            disk = disk.reboot();
            folder(&disk);
        }
    }
}

fn folder_of(disk: &Torn) -> Folder {
    Folder::new(Arc::new(disk.clone()), Path::new("/"), OsStr::new("dir"), OsStr::new("a"))
}

#[test]
fn steps_that_fail_change_nothing() {
    let disk = Torn::new(1);
    let mut writer = Writer::start(folder(&disk), Manifest::default(), Loaded::default(), true, 0).unwrap();
    let mut last = 0;
    for operation in [Operation::Create, Operation::Rename, Operation::Sync, Operation::SyncFolder] {
        last += 1;
        writer.accept(None, command(&[b"SET", b"unit", last.to_string().as_bytes()]), last);
        let before = writer.manifest().clone();
        disk.fail(operation, ErrorKind::Other);
        let rotated = writer.rotate();
        assert!(rotated.is_err(), "{operation:?}");
        assert_eq!(writer.manifest(), &before, "{operation:?}");
        disk.heal();
        write_base(&disk, Path::new("/temp-base"), last).unwrap();
        let before = writer.manifest().clone();
        disk.fail(Operation::Rename, ErrorKind::Other);
        assert!(writer.install(Path::new("/temp-base"), BaseFormat::Commands).is_err());
        assert_eq!(writer.manifest(), &before);
        disk.heal();
        writer.flush().unwrap();
        writer.sync().unwrap();
        assert_eq!(writer.synced(), last);
        assert_eq!(recover(&disk.clone(), "as it is").0, last);
    }
}

#[test]
fn nobody_writes_the_increment_of_another() {
    let disk = Torn::new(1);
    let first = Writer::start(folder(&disk), Manifest::default(), Loaded::default(), true, 0).unwrap();
    let second = || Writer::start(folder(&disk), first.manifest().clone(), Loaded::default(), true, 0);
    assert!(matches!(second(), Err(StepError::Locked(_))));
    let manifest = first.manifest().clone();
    drop(first);
    Writer::start(folder(&disk), manifest, Loaded::default(), true, 0).unwrap();
}
