//! Both disks do the same as long as nothing goes wrong; the torn one loses what it may lose, and nothing else.

use std::io::ErrorKind;
use std::path::Path;

use super::*;

/// Runs on both disks, in an empty folder.
fn check(run: impl Fn(&dyn Disk, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    run(&Real, folder.path());
    run(&Torn::new(1), Path::new("/"));
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Box<dyn File> {
    let mut file = disk.create(path).unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(disk: &dyn Disk, path: &Path) -> Option<Vec<u8>> {
    match disk.read(path) {
        Ok(content) => Some(content.to_vec()),
        Err(error) if error.is_not_found() => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn files_are_written_appended_to_cut_renamed_and_removed() {
    check(|disk, folder| {
        let (a, b) = (folder.join("a"), folder.join("b"));
        let mut file = write(disk, &a, b"hello");
        file.sync_data().unwrap();
        file.truncate(4).unwrap();
        file.write_all(b"!").unwrap();
        file.begin_sync(0..1).unwrap();
        file.wait_for_sync(0..1).unwrap();
        file.forget_cached(0..1);
        assert_eq!((file.len().unwrap(), file.is_empty().unwrap()), (5, false));
        disk.append(&a).unwrap().write_all(b" world").unwrap();
        assert_eq!(read(disk, &a).unwrap(), b"hell! world");
        disk.truncate(&a, 5).unwrap();
        disk.rename(&a, &b).unwrap();
        disk.sync_folder(folder).unwrap();
        assert_eq!((read(disk, &a), read(disk, &b).unwrap()), (None, b"hell!".to_vec()));
        assert_eq!((disk.len(&a).unwrap(), disk.len(&b).unwrap()), (None, Some(5)));
        drop(disk.append(&a).unwrap());
        assert_eq!(disk.list(folder).unwrap(), ["a", "b"]);
        disk.remove(&b).unwrap();
        assert_eq!(disk.list(folder).unwrap(), ["a"]);
        drop(write(disk, &b, b"x"));
        drop(disk.create(&b).unwrap());
        assert_eq!(read(disk, &b).unwrap(), b"");
    });
}

#[test]
fn large_files_are_read_whole() {
    check(|disk, folder| {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        drop(write(disk, &folder.join("a"), &bytes));
        assert_eq!(read(disk, &folder.join("a")).unwrap(), bytes);
    });
}

#[test]
fn folders_are_created_once() {
    check(|disk, folder| {
        let inner = folder.join("inner");
        disk.create_folder(&inner).unwrap();
        disk.create_folder(&inner).unwrap();
        drop(write(disk, &inner.join("a"), b"1"));
        assert_eq!(disk.list(&inner).unwrap(), ["a"]);
        assert!(disk.create_folder(&inner.join("a")).is_err());
    });
}

#[test]
fn what_is_not_there_is_an_error_with_its_name() {
    check(|disk, folder| {
        let path = folder.join("none");
        let errors = [
            disk.read(&path).unwrap_err(),
            disk.remove(&path).unwrap_err(),
            disk.rename(&path, &folder.join("x")).unwrap_err(),
            disk.truncate(&path, 0).unwrap_err(),
            disk.list(&path).unwrap_err(),
            disk.sync_folder(&path).unwrap_err(),
            disk.lock(&path).unwrap_err(),
            disk.create(&path.join("x")).unwrap_err(),
            disk.create_folder(&path.join("x")).unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_not_found(), "{error:?}");
            assert!(error.to_string().contains(&format!("{}: ", error.path.display())), "{error}");
            assert!(error.path.starts_with(&path), "{error}");
            assert!(!error.to_string().contains("os error"), "{error}");
        }
    });
}

#[test]
fn a_lock_keeps_others_out_and_follows_its_file() {
    check(|disk, folder| {
        let (a, b) = (folder.join("a"), folder.join("b"));
        drop(write(disk, &a, b""));
        for path in [&a, folder] {
            let held = disk.lock(path).unwrap();
            let refused = disk.lock(path).unwrap_err();
            assert!(refused.is_locked(), "{refused:?}");
            assert_eq!(refused.to_string(), format!("{} is in use by another server", path.display()));
            drop(held);
            disk.lock(path).unwrap();
        }
        let held = disk.lock(&a).unwrap();
        disk.rename(&a, &b).unwrap();
        drop(write(disk, &a, b""));
        assert!(disk.lock(&b).is_err());
        disk.lock(&a).unwrap();
        drop(held);
        disk.lock(&b).unwrap();
    });
}

#[test]
fn synced_data_under_a_synced_name_outlives_the_power() {
    for seed in 0..500 {
        let disk = Torn::new(seed);
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        let mut file = write(&disk, a, &[7; 2000]);
        file.sync_data().unwrap();
        disk.rename(a, b).unwrap();
        disk.sync_folder(Path::new("/")).unwrap();
        file.write_all(&[8; 2000]).unwrap();
        let disk = disk.reboot();
        let content = read(&disk, b).unwrap();
        assert_eq!((read(&disk, a), &content[..2000]), (None, &[7; 2000][..]));
        assert!(content[2000..].iter().all(|byte| matches!(byte, 0 | 8)));
    }
}

/// What 500 cuts leave of 2,000 bytes under a name that replaced another.
fn left(sync_file: bool, sync_folder: bool) -> std::collections::BTreeSet<&'static str> {
    let left = |seed| {
        let disk = Torn::new(seed);
        let (temporary, name) = (Path::new("/temporary"), Path::new("/name"));
        write(&disk, name, b"old").sync_data().unwrap();
        disk.sync_folder(Path::new("/")).unwrap();
        let mut file = write(&disk, temporary, &[7; 2000]);
        if sync_file {
            file.sync_data().unwrap();
        }
        disk.rename(temporary, name).unwrap();
        if sync_folder {
            disk.sync_folder(Path::new("/")).unwrap();
        }
        match read(&disk.reboot(), name) {
            None => "nothing",
            Some(content) if content == b"old" => "old",
            Some(content) if content == [7; 2000] => "new",
            Some(_) => "torn",
        }
    };
    (0..500).map(left).collect()
}

#[test]
fn without_syncs_anything_may_be_left() {
    assert_eq!(Vec::from_iter(left(false, false)), ["new", "old", "torn"]);
    assert_eq!(Vec::from_iter(left(true, false)), ["new", "old"]);
    assert_eq!(Vec::from_iter(left(false, true)), ["new", "torn"]);
    assert_eq!(Vec::from_iter(left(true, true)), ["new"]);
}

#[test]
fn the_power_goes_at_the_chosen_change() {
    for operations in 0..4 {
        let disk = Torn::new(operations);
        disk.cut_power_after(operations);
        let mut done = 0;
        let result: Result<(), Error> = (|| {
            let mut file = disk.append(Path::new("/a"))?;
            done += 1;
            file.write_all(b"1")?;
            done += 1;
            file.sync_data()?;
            done += 1;
            disk.sync_folder(Path::new("/"))?;
            done += 1;
            Ok(())
        })();
        assert_eq!((done, result.is_err(), disk.is_dark()), (operations, true, true));
        assert!(disk.read(Path::new("/a")).is_err());
        assert!(!disk.reboot().is_dark());
    }
}

#[test]
fn faults_come_and_go() {
    let disk = Torn::new(1);
    let mut file = write(&disk, Path::new("/a"), b"12");
    file.sync_data().unwrap();
    disk.sync_folder(Path::new("/")).unwrap();

    disk.set_space(Some(3));
    assert_eq!(file.write(b"34567").unwrap(), 3);
    assert_eq!(file.write(b"67").unwrap_err().cause.kind(), ErrorKind::StorageFull);
    disk.fail(Operation::Sync, ErrorKind::Other);
    assert!(file.sync_data().is_err());
    disk.heal();

    // What a failed sync lost stays lost, though it can be read until then.
    file.sync_data().unwrap();
    assert_eq!(read(&disk, Path::new("/a")).unwrap(), b"12345");
    assert_eq!(read(&disk.reboot(), Path::new("/a")).unwrap(), b"12");
}

#[test]
fn short_writes_lose_nothing_to_who_writes_all() {
    let disk = Torn::new(1);
    disk.set_short_writes(true);
    let bytes: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
    drop(write(&disk, Path::new("/a"), &bytes));
    assert_eq!(read(&disk, Path::new("/a")).unwrap(), bytes);
    let mut file = disk.create(Path::new("/b")).unwrap();
    assert!((0..100).any(|_| file.write(b"1234").unwrap() < 4));
}
