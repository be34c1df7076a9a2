//! The keyspace through its public door.

use rufous_storage::{Db, Encoding, Keyspace, NewStr, Str, Ttl};

fn text(db: &Db, key: &[u8]) -> Option<Vec<u8>> {
    db.find(key).and_then(|entry| entry.string()).map(Str::to_vec)
}

#[test]
fn strings_are_set_changed_and_removed() {
    let mut keyspace = Keyspace::new(2, 1);
    let db = keyspace.db_mut(0);
    assert!(!db.set_string(b"k", NewStr::Bytes(b"12"), Ttl::At(100)).was_present);
    assert_eq!(db.find(b"k").unwrap().encoding(), Encoding::Int);
    let mut value = db.string_mut(b"k").unwrap();
    value.append(b"ab");
    value.write_at(6, b"z");
    value.as_mut_bytes()[0] = b'9';
    assert_eq!(text(db, b"k").unwrap(), b"92ab\0\0z");
    assert_eq!(db.find(b"k").unwrap().encoding(), Encoding::Raw);
    assert_eq!(db.find(b"k").unwrap().expire_at(), Some(100));
    assert!(db.rename(b"k", b"l").is_some());
    assert_eq!((db.len(), db.expires_len()), (1, 1));
    assert!(keyspace.move_key(b"l", 0, 1).is_some());
    assert_eq!((keyspace.db(0).expires_len(), keyspace.db(1).expires_len()), (0, 1));
    let mut due = Vec::new();
    keyspace.db_mut(1).due(100, 10, &mut |key| due.push(key.to_vec()));
    assert!(due.is_empty());
    keyspace.db_mut(1).due(101, 10, &mut |key| due.push(key.to_vec()));
    assert_eq!(due, [b"l"]);
    assert!(keyspace.db_mut(1).remove(b"l").is_some());
    assert!(keyspace.is_empty());
}

#[test]
fn a_view_does_not_change() {
    let mut keyspace = Keyspace::new(1, 1);
    keyspace.db_mut(0).set_string(b"k", NewStr::Bytes(b"old"), Ttl::Clear);
    let view = keyspace.freeze();
    keyspace.db_mut(0).string_mut(b"k").unwrap().append(b"er");
    let seen: Vec<_> = view.dbs()[0].iter().map(|entry| entry.string().unwrap().to_vec()).collect();
    assert_eq!(seen, [b"old"]);
    assert_eq!(text(keyspace.db(0), b"k").unwrap(), b"older");
    drop(view);
    assert!(!keyspace.take_garbage().is_empty());
}

#[test]
fn a_lookup_changes_the_place_it_found() {
    let mut keyspace = Keyspace::new(1, 1);
    let db = keyspace.db_mut(0);
    assert!(db.look_up(b"k").entry().is_none());
    assert!(db.look_up(b"k").into_string_mut().is_none());
    assert!(db.look_up(b"k").set_string(NewStr::Bytes(b"7"), Ttl::At(100)).is_none());
    let mut lookup = db.look_up(b"k");
    assert_eq!(lookup.entry().unwrap().encoding(), Encoding::Int);
    assert!(lookup.take().is_some());
    assert!(lookup.entry().is_none() && lookup.take().is_none());
    lookup.set_string(NewStr::Text(b"8"), Ttl::Keep);
    assert_eq!((db.len(), db.expires_len()), (1, 0));
    assert_eq!(db.look_up(b"k").into_entry().unwrap().encoding(), Encoding::Embstr);
    db.look_up(b"k").set_expire(Some(50));
    assert_eq!((db.find(b"k").unwrap().expire_at(), db.expires_len()), (Some(50), 1));
    db.look_up(b"k").into_string_mut().unwrap().append(b"9");
    db.look_up(b"new").into_string_mut_or_new().unwrap().write_at(1, b"x");
    assert_eq!((text(db, b"k").unwrap(), text(db, b"new").unwrap()), (b"89".to_vec(), b"\0x".to_vec()));
    assert_eq!(db.find(b"new").unwrap().encoding(), Encoding::Raw);
}

#[test]
fn buffers_are_taken_over_when_they_are_large() {
    let mut keyspace = Keyspace::new(1, 1);
    let db = keyspace.db_mut(0);
    for (value, encoding) in [
        (NewStr::Raw(b"12".to_vec()), Encoding::Raw),
        (NewStr::Large(b"12".to_vec()), Encoding::Int),
        (NewStr::Large(b"1x".to_vec()), Encoding::Embstr),
    ] {
        db.set_string(b"k", value, Ttl::Clear);
        let entry = db.find(b"k").unwrap();
        assert_eq!(entry.encoding(), encoding);
        assert!(entry.string().unwrap().blob().is_none());
    }
    let bytes = vec![b'x'; 10_000];
    let address = bytes.as_ptr();
    db.set_string(b"k", NewStr::Raw(bytes), Ttl::Clear);
    assert_eq!(db.find(b"k").unwrap().string().unwrap().blob().unwrap().as_ptr(), address);
}

/// What leaves the command loop can be used and dropped on other threads.
#[test]
fn what_leaves_the_loop_is_send() {
    fn check<T: Send>() {}
    check::<Keyspace>();
    check::<rufous_storage::KeyspaceView>();
    check::<rufous_storage::Garbage>();
    check::<rufous_storage::Removed>();
    check::<rufous_storage::Blob>();
}

#[test]
fn a_cleared_database_is_freed_elsewhere_and_starts_anew() {
    let mut keyspace = Keyspace::new(2, 1);
    for n in 0..100 {
        let ttl = if n % 2 == 0 { Ttl::At(n) } else { Ttl::Clear };
        keyspace.db_mut(0).set_string(&n.to_le_bytes(), NewStr::Large(vec![1; 5000]), ttl);
    }
    let garbage = keyspace.clear();
    assert_eq!(garbage.len(), 100);
    std::thread::spawn(move || drop(garbage)).join().unwrap();
    assert_eq!((keyspace.len(), keyspace.expires_len()), (0, 0));
    keyspace.db_mut(0).due(1000, 1000, &mut |_| panic!("nothing is there"));
    keyspace.db_mut(0).set_string(b"k", NewStr::Int(1), Ttl::At(5));
    assert_eq!((keyspace.len(), keyspace.expires_len()), (1, 1));
}

#[test]
fn what_a_view_held_goes_to_another_thread_when_it_ends() {
    let mut keyspace = Keyspace::new(1, 1);
    for n in 0..1000i64 {
        keyspace.db_mut(0).set_string(&n.to_le_bytes(), NewStr::Int(n), Ttl::Clear);
    }
    let view = keyspace.freeze();
    for n in 0..1000i64 {
        keyspace.db_mut(0).set_string(&n.to_le_bytes(), NewStr::Bytes(b"x"), Ttl::Clear);
    }
    assert!(keyspace.take_garbage().is_empty());
    assert_eq!(view.dbs()[0].iter().filter(|entry| entry.encoding() == Encoding::Int).count(), 1000);
    drop(view);
    let garbage = keyspace.take_garbage();
    assert!(!garbage.is_empty());
    std::thread::spawn(move || drop(garbage)).join().unwrap();
    assert!(keyspace.take_garbage().is_empty());
}
