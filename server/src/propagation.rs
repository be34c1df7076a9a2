//! The stream of writes: what changed, as commands that come to the same on another server or after a restart.
//!
//! ```text
//! a handler                          its commands are in the stream
//! changed something, says no more -> as the client sent it
//! cx.propagate_as(words![..])     -> so instead; several calls are several commands
//! cx.propagate_nothing()          -> not at all
//! cx.propagate_anyway()           -> as the client sent it, even if nothing changed
//! ```
//! What one request set off is a *unit*: its own commands, the keys that it found expired, all that EXEC ran. Several commands
//! of a unit stand between MULTI and EXEC. Keys that expire or are evicted by themselves are each their own unit.
//!
//! The stream is encoded once, here, for all who read it (the append-only file, later the replicas), and is cut into blocks at
//! the turns of the loop. SELECT stands in front of a command wherever the database is another than that of the command before;
//! a reader that joins makes the next command name its database, so that the stream can be read from there on.
//!
//! Invariants: without readers nothing is encoded, and a command pays one test; commands stand in the order in which they ran;
//! a unit is never torn by the end of a block.

#[cfg(test)]
mod tests;

use crate::context::Ctx;
use crate::effects::Listening;
use bitflags::bitflags;
use rufous_protocol::reply::{Reply, Resp};
use rufous_protocol::request::Args;

/// More capacity is not kept for the next block, in bytes.
const BLOCK_CAPACITY_MAX: usize = 512 * 1024;
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

bitflags! {
    /// Who reads the stream.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Readers: u8 {
        /// The append-only file.
        const APPEND_ONLY_FILE = 1 << 0;
    }
}

/// A word of a command that a handler names.
#[derive(Clone, Copy)]
pub enum Word<'a> {
    /// As it is.
    Bytes(&'a [u8]),
    /// In decimal.
    Int(i64),
}

impl<'a> From<&'a [u8]> for Word<'a> {
    fn from(bytes: &'a [u8]) -> Word<'a> {
        Word::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Word<'a> {
    fn from(bytes: &'a [u8; N]) -> Word<'a> {
        Word::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Word<'a> {
    fn from(bytes: &'a Vec<u8>) -> Word<'a> {
        Word::Bytes(bytes)
    }
}

impl From<i64> for Word<'_> {
    fn from(number: i64) -> Word<'static> {
        Word::Int(number)
    }
}

/// The words of a command: `words![b"SET", key, value, b"PXAT", at]`.
#[macro_export]
macro_rules! words {
    ($($word:expr),+ $(,)?) => { &[$($crate::propagation::Word::from($word)),+] };
}

/// How the running command goes into the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Form {
    /// As the client sent it, if something changed.
    #[default]
    Verbatim,
    /// As the client sent it.
    Forced,
    /// The handler has seen to it.
    Settled,
}

/// See the file head.
#[derive(Default)]
pub struct Propagation {
    readers: Readers,
    form: Form,
    /// Expired keys are told as UNLINK and not as DEL (`lazyfree-lazy-expire`).
    pub unlinks_expired: bool,
    /// Finished units, then the unit under way.
    block: Vec<u8>,
    /// Where the unit under way begins.
    unit_at: usize,
    /// Commands in the unit under way.
    commands: usize,
    /// The database of the last command in the stream.
    selected: Option<usize>,
    /// Bytes of the stream before the block.
    block_offset: u64,
}

impl Propagation {
    /// Somebody reads the stream from its present end on.
    pub fn join(&mut self, readers: Readers) {
        self.readers |= readers;
        self.selected = None;
        self.form = Form::default();
    }

    /// Somebody reads it no longer.
    pub fn leave(&mut self, readers: Readers) {
        self.readers -= readers;
        if self.readers.is_empty() {
            self.block_offset += self.unit_at as u64;
            self.block = Vec::new();
            (self.unit_at, self.commands) = (0, 0);
        }
    }

    /// Who reads it.
    pub fn readers(&self) -> Readers {
        self.readers
    }

    /// Bytes of the stream so far, without the unit under way.
    pub fn offset(&self) -> u64 {
        self.block_offset + self.unit_at as u64
    }

    /// The units that finished since blocks were last taken.
    pub fn finished(&self) -> &[u8] {
        &self.block[..self.unit_at]
    }

    /// Moves the finished units, between two units, behind what is there.
    pub fn drain(&mut self, into: &mut Vec<u8>) {
        debug_assert_eq!(self.unit_at, self.block.len(), "a unit is never torn");
        self.block_offset += self.unit_at as u64;
        self.unit_at = 0;
        if into.is_empty() {
            std::mem::swap(into, &mut self.block);
        } else {
            into.append(&mut self.block);
        }
        if self.block.capacity() > BLOCK_CAPACITY_MAX {
            self.block = Vec::new();
        }
    }

    /// Appends a command about `db` to the unit under way.
    pub fn command<'a>(
        &mut self,
        db: usize,
        words: impl IntoIterator<Item = Word<'a>, IntoIter: ExactSizeIterator>,
    ) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            self.encode(words![b"SELECT", db as i64].iter().copied());
        }
        self.encode(words.into_iter());
        self.commands += 1;
    }

    /// Appends a request as the client sent it.
    pub fn request(&mut self, db: usize, args: Args<'_>) {
        match args.encoded().filter(|_| self.selected == Some(db)) {
            Some(bytes) => {
                self.block.extend_from_slice(bytes);
                self.commands += 1;
            }
            None => self.command(db, args.iter().map(Word::Bytes)),
        }
    }

    /// Appends the removal of a key to the unit under way.
    #[cold]
    pub fn removed(&mut self, db: usize, key: &[u8], unlinks: bool) {
        let name: &[u8] = if unlinks { b"UNLINK" } else { b"DEL" };
        self.command(db, words![name, key].iter().copied());
    }

    /// Ends the unit under way. Several commands become a transaction, unless they have no more to do with each other than that
    /// a command came across them. True if the unit holds anything.
    #[inline]
    pub fn end_unit(&mut self, is_transaction: impl FnOnce() -> bool) -> bool {
        let commands = std::mem::take(&mut self.commands);
        if commands > 1 && is_transaction() {
            self.block.splice(self.unit_at..self.unit_at, MULTI.iter().copied());
            self.block.extend_from_slice(EXEC);
        }
        self.unit_at = self.block.len();
        commands > 0
    }

    fn encode<'a>(&mut self, words: impl ExactSizeIterator<Item = Word<'a>>) {
        let mut out = Reply::new(&mut self.block, Resp::V2);
        out.array(words.len());
        for word in words {
            match word {
                Word::Bytes(bytes) => out.bulk(bytes),
                Word::Int(number) => out.bulk_from_int(number),
            }
        }
    }
}

impl Ctx<'_> {
    /// Does anybody read the stream of writes? Asked by handlers whose form takes work to make.
    #[inline]
    pub fn propagates(&self) -> bool {
        self.db.store.effects.listening.contains(Listening::WRITES)
    }

    /// Puts a command into the stream in the place of the running one; may be called several times.
    #[inline]
    pub fn propagate_as(&mut self, words: &[Word<'_>]) {
        if self.propagates() {
            propagate_as(self, words);
        }
    }

    /// As a DEL of the key, or an UNLINK.
    pub fn propagate_removal(&mut self, key: &[u8], unlinks: bool) {
        let name: &[u8] = if unlinks { b"UNLINK" } else { b"DEL" };
        self.propagate_as(words![name, key]);
    }

    /// Keeps the running command out of the stream.
    #[inline]
    pub fn propagate_nothing(&mut self) {
        self.db.store.effects.writes.form = Form::Settled;
    }

    /// Puts the running command into the stream as the client sent it, even if nothing changed.
    #[inline]
    pub fn propagate_anyway(&mut self) {
        self.db.store.effects.writes.form = Form::Forced;
    }
}

#[cold]
fn propagate_as(cx: &mut Ctx<'_>, words: &[Word<'_>]) {
    let writes = &mut cx.db.store.effects.writes;
    writes.command(cx.db.index, words.iter().copied());
    writes.form = Form::Settled;
}

/// After a command ran, `changed` something or not: puts it into the stream as its handler wants it. Only while somebody reads
/// the stream.
pub fn after_call(cx: &mut Ctx<'_>, args: Args<'_>, changed: bool) {
    let writes = &mut cx.db.store.effects.writes;
    match std::mem::take(&mut writes.form) {
        Form::Verbatim if !changed => {}
        Form::Verbatim | Form::Forced => writes.request(cx.db.index, args),
        Form::Settled => {}
    }
}
