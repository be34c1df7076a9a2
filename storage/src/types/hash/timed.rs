//! Hashes whose fields may expire, at a moment: what has expired by then is there in memory, but not shown.
//!
//! Whoever looks a key up takes expired fields out first, a bounded number (`Lookup::expire_fields`); what is left, or stays
//! because expiry is paused, is passed over here.

use super::triples::Triples;
use super::{HashTable, triples};
use crate::dict::{Dict, Field, Fields};
use crate::entry::{Content, EntryRef, State};
use crate::pack::{Item, PackMut, PackRef};
use crate::random::Random;
use crate::value::ValueMut;

/// Fields drawn by chance before an expired one is no longer answered by another draw.
const DRAWS_MAX: usize = 64;

/// A hash whose fields may expire, for reading.
#[derive(Clone, Copy, Debug)]
pub struct TimedRef<'a> {
    form: Form<'a>,
    /// What expires before this time (unix ms) is not shown.
    now: i64,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Pack(Triples<'a>),
    Table(&'a Dict<Fields>),
}

impl<'a> TimedRef<'a> {
    pub(crate) fn of(entry: EntryRef<'a>, now: i64) -> TimedRef<'a> {
        let form = match entry.bytes() {
            Some(bytes) => Form::Pack(Triples::new(PackRef::new(bytes))),
            None => Form::Table(entry.structure::<HashTable>().expect("a hash of bytes or structure")),
        };
        TimedRef { form, now }
    }

    /// What has expired.
    pub(crate) fn state(self) -> State {
        if self.first_expiry().is_none_or(|at| at >= self.now) {
            return State::Live;
        }
        let last = match self.form {
            Form::Pack(triples) => triples.last_expiry(),
            Form::Table(table) => table.latest_expiry().filter(|_| table.expiring_len() == table.len()),
        };
        if last.is_some_and(|at| at < self.now) { State::Empty } else { State::Stale }
    }

    /// When the first field expires (unix ms), shown or not.
    pub fn first_expiry(self) -> Option<i64> {
        match self.form {
            Form::Pack(triples) => triples.first_expiry(),
            Form::Table(table) => table.earliest_expiry(),
        }
    }

    /// The block of a small hash, as an RDB file takes it.
    pub fn pack(self) -> Option<PackRef<'a>> {
        match self.form {
            Form::Pack(triples) => Some(triples.pack()),
            Form::Table(_) => None,
        }
    }

    /// Number of fields.
    pub(super) fn len(self) -> usize {
        self.stored_len() - self.hidden_len()
    }

    pub(super) fn get(self, name: &[u8]) -> Option<Field<'a>> {
        let field = match self.form {
            Form::Pack(triples) => triples.find(name)?.1,
            Form::Table(table) => table.get(&table.key(name))?,
        };
        Some(field).filter(|field| self.shows(field))
    }

    pub(super) fn each(self, mut visit: impl FnMut(Field<'a>)) {
        let visit = |field| {
            if self.shows(&field) {
                visit(field);
            }
        };
        match self.form {
            Form::Pack(triples) => triples.fields().for_each(visit),
            Form::Table(table) => table.iter().for_each(visit),
        }
    }

    /// Each with the same chance.
    pub(super) fn random(self, random: &mut Random) -> Field<'a> {
        let stored_len = self.stored_len() as u64;
        for _ in 0..DRAWS_MAX {
            let field = self.nth(random.below(stored_len) as usize);
            if self.shows(&field) {
                return field;
            }
        }
        // Nearly all are expired.
        let mut left = random.below(self.len() as u64);
        let mut chosen = None;
        self.each(|field| {
            if left == 0 && chosen.is_none() {
                chosen = Some(field);
            }
            left = left.saturating_sub(1);
        });
        chosen.expect("a hash that is not empty")
    }

    pub(super) fn random_distinct(self, count: usize, random: &mut Random, mut visit: impl FnMut(Field<'a>)) {
        if let Form::Table(table) = self.form
            && self.hidden_len() == 0
        {
            return table.random_distinct(count, random, visit);
        }
        let (mut left, mut wanted) = (self.len() as u64, count as u64);
        self.each(|field| {
            if random.below(left) < wanted {
                visit(field);
                wanted -= 1;
            }
            left -= 1;
        });
    }

    pub(super) fn scan(self, cursor: u64, mut visit: impl FnMut(Field<'a>)) -> u64 {
        match self.form {
            Form::Pack(_) => {
                self.each(visit);
                0
            }
            Form::Table(table) => table.scan(cursor, |field| {
                if self.shows(&field) {
                    visit(field);
                }
            }),
        }
    }

    fn shows(self, field: &Field<'_>) -> bool {
        field.expiry.is_none_or(|at| at >= self.now)
    }

    /// Fields in memory.
    fn stored_len(self) -> usize {
        match self.form {
            Form::Pack(triples) => triples.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Expired fields in memory.
    fn hidden_len(self) -> usize {
        match self.form {
            Form::Pack(triples) => triples.len_before(self.now),
            Form::Table(table) => table.expiring_before(self.now),
        }
    }

    fn nth(self, index: usize) -> Field<'a> {
        let field = match self.form {
            Form::Pack(triples) => triples.nth(index),
            Form::Table(table) => table.nth(index),
        };
        field.expect("an index below the length")
    }
}

/// Takes expired fields out of a hash, at most so many, the earliest first, and shows their names; how many they were.
pub(crate) fn expire(
    value: &mut ValueMut<'_>,
    now: i64,
    most: usize,
    mut show: impl FnMut(Item<'_>),
) -> usize {
    let before = value.entry().field_expire_at();
    if before.is_none_or(|at| at >= now) {
        return 0;
    }
    let count = if let Some(table) = value.structure_mut::<HashTable>() {
        (0..most).take_while(|_| table.remove_expired(now, |field| show(field.name)).is_some()).count()
    } else {
        let triples = TimedRef::of(value.entry(), now);
        let Form::Pack(triples) = triples.form else { return 0 };
        let (first, count) = (triples.pack().first(), triples.len_before(now).min(most));
        triples.fields().take(count).for_each(|field| show(field.name));
        if let Some(first) = first {
            PackMut::new(&mut *value).remove(first, 3 * count);
        }
        count
    };
    value.note_field(before, value.entry().field_expire_at());
    count
}

/// Makes a hash one whose fields may expire.
pub(super) fn allow(value: &mut ValueMut<'_>) {
    if value.entry().mark() {
        return;
    }
    if value.structure_mut::<HashTable>().is_some() {
        return value.set_mark(true);
    }
    let bytes = value.entry().bytes().expect("a hash of bytes or structure");
    let triples = triples::of_pairs(PackRef::new(bytes));
    value.set(Content::Bytes(&triples), true);
}
