//! A base made of commands: what makes each value of a frozen view anew.
//!
//! | value | commands |
//! |---|---|
//! | string | `SET key value` |
//! | list | `RPUSH key element ...` |
//! | set | `SADD key member ...` |
//! | hash | `HMSET key field value ...` |
//! | sorted set | `ZADD key score member ...` |
//! | stream | `RESTORE key 0 payload`: nothing else brings all of it back |
//!
//! and `PEXPIREAT key time` behind a value that expires, `HPEXPIREAT key time FIELDS 1 field` for each field that does. A command has at most 64 elements.
//!
//! Invariant: memory does not grow with a collection; the caller is handed blocks of whole commands.

use crate::disk::Error;
use crate::dump;
use crate::rdb::{self, SaveError, Writer};
use rufous_protocol::number::write_f64_in_17_digits;
use rufous_protocol::reply::{Reply, Resp};
use rufous_storage::pack::Item;
use rufous_storage::types::hash::{Field, Hash};
use rufous_storage::types::list::List;
use rufous_storage::types::set::Set;
use rufous_storage::types::sorted_set::{Direction, SortedSet};
use rufous_storage::{EntryRef, KeyspaceView, Str};

/// Elements of one command.
const ELEMENTS_MAX: usize = 64;
/// A block is handed over from this length on.
const BLOCK_LEN: usize = 64 * 1024;

/// Takes a block of whole commands, and empties it.
pub type Spill<'s> = dyn FnMut(&mut Vec<u8>) -> Result<(), Error> + 's;

/// Writes all of a view. `each` is told of every key, and says whether to go on. False if it did not.
pub fn write_commands(
    view: &KeyspaceView,
    restore_version: u16,
    spill: &mut Spill<'_>,
    each: &mut dyn FnMut() -> bool,
) -> Result<bool, SaveError> {
    let mut commands = Commands { out: Vec::new(), spill, failure: None, restore_version };
    for (index, db) in view.dbs().iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        commands.header(b"SELECT", 1);
        commands.int(index as i64);
        for entry in db.iter() {
            commands.entry(entry);
            commands.end_of_block(BLOCK_LEN);
            if let Some(error) = commands.failure {
                return Err(error);
            }
            if !each() {
                return Ok(false);
            }
        }
    }
    commands.end_of_block(1);
    commands.failure.map_or(Ok(true), Err)
}

struct Commands<'s, 'f> {
    out: Vec<u8>,
    spill: &'s mut Spill<'f>,
    failure: Option<SaveError>,
    restore_version: u16,
}

impl Commands<'_, '_> {
    fn entry(&mut self, entry: EntryRef<'_>) {
        let key = entry.key();
        if let Some(string) = entry.string() {
            self.header(b"SET", 2);
            self.text(key);
            match string {
                Str::Int(value) => self.int(value),
                Str::Bytes(bytes) => self.text(bytes),
                Str::Blob(blob) => self.text(blob),
            }
        } else if let Some(list) = entry.typed::<List>() {
            let mut batch = Batch::new(b"RPUSH", key, list.len(), 1);
            list.elements(0).for_each(|element| {
                batch.next(self);
                self.text(element.as_bytes(&mut itoa::Buffer::new()));
            });
        } else if let Some(set) = entry.typed::<Set>() {
            let mut batch = Batch::new(b"SADD", key, set.len(), 1);
            set.iter().for_each(|member| {
                batch.next(self);
                self.item(member);
            });
        } else if let Some(hash) = entry.typed::<Hash>() {
            let mut batch = Batch::new(b"HMSET", key, hash.len(), 2);
            hash.each(|field, value| {
                batch.next(self);
                self.item(field);
                self.item(value);
            });
            hash.each_field(|field| self.field_expiry(key, field));
        } else if let Some(set) = entry.typed::<SortedSet>() {
            let mut batch = Batch::new(b"ZADD", key, set.len(), 2);
            set.visit(0..set.len(), Direction::Ascending, |member, score| {
                batch.next(self);
                self.text(write_f64_in_17_digits(&mut [0; 32], score));
                self.item(member);
            });
        } else {
            self.restore(entry);
        }
        if let Some(at) = entry.expire_at() {
            self.header(b"PEXPIREAT", 2);
            self.text(key);
            self.int(at);
        }
    }

    fn field_expiry(&mut self, key: &[u8], field: Field<'_>) {
        let Some(at) = field.expiry else { return };
        self.end_of_block(BLOCK_LEN);
        self.header(b"HPEXPIREAT", 5);
        self.text(key);
        self.int(at);
        self.text(b"FIELDS");
        self.int(1);
        self.item(field.name);
    }

    fn restore(&mut self, entry: EntryRef<'_>) {
        let version = rdb::version_for(entry, self.restore_version);
        let mut writer = Writer::new(version, None);
        rdb::write_value(&mut writer, entry);
        if let Some(what) = writer.refused() {
            let key = Some(entry.key().to_vec());
            self.failure.get_or_insert(SaveError::Version { version, what, key });
            return;
        }
        dump::seal(&mut writer.out, version);
        self.header(b"RESTORE", 3);
        self.text(entry.key());
        self.int(0);
        let payload = std::mem::take(&mut writer.out);
        self.text(&payload);
    }

    fn header(&mut self, name: &[u8], words: usize) {
        self.reply().array(1 + words);
        self.text(name);
    }

    fn text(&mut self, bytes: &[u8]) {
        self.reply().bulk(bytes);
    }

    fn int(&mut self, value: i64) {
        self.reply().bulk_from_int(value);
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(value) => self.int(value),
            Item::Bytes(bytes) => self.text(bytes),
        }
    }

    fn reply(&mut self) -> Reply<'_> {
        Reply::new(&mut self.out, Resp::V2)
    }

    /// Between two commands: hands the block over if it is that long.
    fn end_of_block(&mut self, len_min: usize) {
        if self.out.len() >= len_min {
            if self.failure.is_none() {
                self.failure = (self.spill)(&mut self.out).err().map(SaveError::Disk);
            }
            self.out.clear();
        }
    }
}

/// The elements of a collection, command by command.
struct Batch<'k> {
    name: &'static [u8],
    key: &'k [u8],
    left: usize,
    words_each: usize,
    in_command: usize,
}

impl<'k> Batch<'k> {
    fn new(name: &'static [u8], key: &'k [u8], len: usize, words_each: usize) -> Batch<'k> {
        Batch { name, key, left: len, words_each, in_command: 0 }
    }

    /// An element comes: where it is the first of a command, that begins.
    fn next(&mut self, commands: &mut Commands<'_, '_>) {
        if self.in_command == 0 {
            commands.end_of_block(BLOCK_LEN);
            commands.header(self.name, 1 + self.left.min(ELEMENTS_MAX) * self.words_each);
            commands.text(self.key);
        }
        self.left -= 1;
        self.in_command = (self.in_command + 1) % ELEMENTS_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::number::write_f64;
    use rufous_storage::types::{Limits, ScoreText};
    use rufous_storage::{Keyspace, NewStr, Ttl};

    fn commands(keyspace: &mut Keyspace) -> Vec<String> {
        let mut blocks = Vec::new();
        let view = keyspace.freeze();
        let whole = write_commands(
            &view,
            11,
            &mut |block| {
                blocks.push(std::mem::take(block));
                Ok(())
            },
            &mut || true,
        );
        assert!(whole.unwrap());
        let mut found = Vec::new();
        for block in blocks {
            let mut scanner = super::super::scan::Scanner::new(&block, 0, false);
            while let Some(item) = scanner.next() {
                item.unwrap();
                let words: Vec<_> = scanner.words().map(|word| String::from_utf8_lossy(word)).collect();
                found.push(words.join(" "));
            }
        }
        found
    }

    #[test]
    fn every_value_is_made_by_commands() {
        let mut keyspace = Keyspace::new(3, 1);
        let limits = Limits { score_text: ScoreText(write_f64), ..Limits::default() };
        let db = keyspace.db_mut(2);
        db.set_string(b"s", NewStr::Bytes(b"text"), Ttl::At(77));
        let mut set = db.fresh::<Set>();
        set.edit(&limits, |set| set.add(b"m"));
        db.store(b"set", set);
        let mut set = db.fresh::<SortedSet>();
        set.edit(&limits, |set| set.update(b"m", |_| Some(0.1)));
        db.store(b"zset", set);
        let mut hash = db.fresh::<Hash>();
        hash.edit(&limits, |hash| hash.set(b"f", b"1"));
        db.store(b"hash", hash);
        let mut found = commands(&mut keyspace);
        assert_eq!(found.remove(0), "SELECT 2");
        found.sort();
        let expected = ["HMSET hash f 1", "PEXPIREAT s 77", "SADD set m", "SET s text"];
        assert_eq!(found[..4], expected);
        assert_eq!(found[4], "ZADD zset 0.10000000000000001 m");
    }

    #[test]
    fn long_collections_take_several_commands() {
        let mut keyspace = Keyspace::new(1, 1);
        let db = keyspace.db_mut(0);
        let mut list = db.fresh::<List>();
        let element = vec![b'x'; 3000];
        list.edit(&Limits::default(), |list| {
            (0..130).for_each(|_| list.push(rufous_storage::types::list::End::Tail, &[&element]));
        });
        db.store(b"l", list);
        let lengths: Vec<usize> =
            commands(&mut keyspace).iter().map(|command| command.split(' ').count()).collect();
        assert_eq!(lengths, [2, 66, 66, 4]);
    }

    #[test]
    fn what_the_version_cannot_hold_is_an_error_and_not_half_a_payload() {
        let mut keyspace = Keyspace::new(1, 1);
        let db = keyspace.db_mut(0);
        let mut hash = db.fresh::<Hash>();
        hash.edit(&Limits::default(), |hash| hash.set_with(b"f", b"1", Ttl::At(77)));
        db.store(b"h", hash);
        let view = keyspace.freeze();
        let entry = view.dbs()[0].iter().next().unwrap();
        for (version, expected) in [(10, None), (11, Some(12)), (13, Some(13))] {
            let spill: &mut Spill<'_> = &mut |_| Ok(());
            let mut commands = Commands { out: Vec::new(), spill, failure: None, restore_version: version };
            commands.restore(entry);
            let sealed = commands.out.strip_suffix(b"\r\n").map(|out| out[out.len() - 10]);
            assert_eq!(sealed, expected, "{version}");
            assert_eq!(commands.failure.is_some(), expected.is_none(), "{version}");
        }
    }
}
