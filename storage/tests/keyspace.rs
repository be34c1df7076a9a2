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
    assert!(db.rename(b"k", b"l"));
    assert_eq!((db.len(), db.expires_len()), (1, 1));
    assert!(keyspace.move_key(b"l", 0, 1));
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
    assert_eq!(keyspace.collect(10), 1);
}
