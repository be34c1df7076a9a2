//! Lists against their model, a vector of byte strings: random changes, with frozen views that must not change.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rufous_storage::types::Limits;
use rufous_storage::types::list::{End, List, ListRef, Needle, NodeRef, Side};
use rufous_storage::{Encoding, Keyspace, KeyspaceView, Str};

type Elements = Vec<Vec<u8>>;
type Model = BTreeMap<Vec<u8>, Elements>;

const KEYS: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    Push(u8, End, Elements),
    Remove(u8, usize, usize),
    Set(u8, i64, Vec<u8>),
    Insert(u8, Side, Vec<u8>, Vec<u8>),
    RemoveEqual(u8, Vec<u8>, End, usize),
    Rotate(u8, End, End),
    Copy(u8, u8),
    Delete(u8),
    Freeze,
    Thaw(usize),
}

/// Few different ones, so that searches find some; of all lengths that matter.
fn element() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![12 => 0usize..3, 4 => 60usize..66, 2 => 1000usize..1002, 1 => 4090usize..4100, 1 => Just(9000)];
    prop_oneof![
        2 => (0i64..4).prop_map(|value| value.to_string().into_bytes()),
        1 => prop::sample::select(vec![-1, 4096, i64::MAX]).prop_map(|value: i64| value.to_string().into_bytes()),
        4 => (len, prop::sample::select(b"ab".to_vec())).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS;
    let end = || prop::sample::select(vec![End::Head, End::Tail]);
    let side = prop::sample::select(vec![Side::Before, Side::After]);
    prop_oneof![
        8 => (key(), end(), prop::collection::vec(element(), 1..12))
            .prop_map(|(key, end, elements)| Step::Push(key, end, elements)),
        4 => (key(), any::<usize>(), prop_oneof![4 => 1usize..4, 1 => 1usize..40])
            .prop_map(|(key, start, count)| Step::Remove(key, start, count)),
        4 => (key(), -20i64..20, element()).prop_map(|(key, index, element)| Step::Set(key, index, element)),
        6 => (key(), side, element(), element())
            .prop_map(|(key, side, pivot, element)| Step::Insert(key, side, pivot, element)),
        2 => (key(), element(), end(), prop::sample::select(vec![1, 2, 3, usize::MAX]))
            .prop_map(|(key, element, end, most)| Step::RemoveEqual(key, element, end, most)),
        2 => (key(), end(), end()).prop_map(|(key, from, to)| Step::Rotate(key, from, to)),
        1 => (key(), key()).prop_map(|(from, to)| Step::Copy(from, to)),
        1 => key().prop_map(Step::Delete),
        1 => Just(Step::Freeze),
        1 => any::<usize>().prop_map(Step::Thaw),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let size = prop_oneof![4 => prop::sample::select(vec![0, 1, 2, 3, 5, 16]), 2 => -5..0];
    let plain = prop::sample::select(vec![1, 3, 62, 4096, 1 << 30]);
    (size, plain).prop_map(|(list_size, list_plain_bytes)| Limits {
        list_size,
        list_plain_bytes,
        ..Limits::default()
    })
}

struct World {
    keyspace: Keyspace,
    model: Model,
    views: Vec<(KeyspaceView, Model)>,
    limits: Limits,
}

impl World {
    fn take(&mut self, step: Step) {
        let World { keyspace, model, views, limits } = self;
        match step {
            Step::Push(key, end, elements) => {
                let key = vec![key];
                let pushed: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
                let mut list = keyspace.db_mut(0).look_up(&key).edit_or_new::<List>(limits).expect("a list");
                list.push(end, &pushed);
                let held = model.entry(key).or_default();
                match end {
                    End::Head => drop(held.splice(0..0, elements.into_iter().rev())),
                    End::Tail => held.extend(elements),
                }
            }
            Step::Copy(from, to) => {
                keyspace.copy_key(0, &[from], 0, &[to]);
                if let Some(held) = model.get(&vec![from]).cloned() {
                    model.insert(vec![to], held);
                }
            }
            Step::Delete(key) => {
                assert_eq!(keyspace.db_mut(0).remove(&[key]).is_some(), model.remove(&vec![key]).is_some());
            }
            Step::Freeze => views.push((keyspace.freeze(), model.clone())),
            Step::Thaw(index) if !views.is_empty() => drop(views.swap_remove(index % views.len())),
            Step::Thaw(_) => {}
            Step::Remove(key, ..)
            | Step::Set(key, ..)
            | Step::Insert(key, ..)
            | Step::RemoveEqual(key, ..)
            | Step::Rotate(key, ..) => self.change(key, &step),
        }
    }

    /// Changes a list that is there; without elements it is removed.
    fn change(&mut self, key: u8, step: &Step) {
        let Some(held) = self.model.get_mut(&vec![key]) else { return };
        let db = self.keyspace.db_mut(0);
        let mut list = db.look_up(&[key]).edit::<List>(&self.limits).expect("a list");
        match step {
            Step::Remove(_, start, count) => {
                let start = start % held.len();
                let count = (*count).min(held.len() - start);
                drop(list.remove_range(start, count));
                held.drain(start..start + count);
            }
            Step::Set(_, index, element) => {
                let at = if *index < 0 { held.len() as i64 + index } else { *index };
                let place = usize::try_from(at).ok().and_then(|at| held.get_mut(at));
                assert_eq!(list.set(*index, element), place.is_some());
                if let Some(place) = place {
                    *place = element.clone();
                }
            }
            Step::Insert(_, side, pivot, element) => {
                let found = held.iter().position(|held| held == pivot);
                assert_eq!(list.insert(*side, Needle::new(pivot), element), found.is_some());
                if let Some(at) = found {
                    held.insert(at + usize::from(*side == Side::After), element.clone());
                }
            }
            Step::RemoveEqual(_, element, end, most) => {
                let equal: Vec<usize> = (0..held.len()).filter(|&at| held[at] == *element).collect();
                let count = equal.len().min(*most);
                assert_eq!(list.remove_equal(Needle::new(element), *end, *most), count);
                let first = if *end == End::Head { 0 } else { equal.len() - count };
                for &at in equal[first..first + count].iter().rev() {
                    held.remove(at);
                }
            }
            Step::Rotate(_, from, to) => {
                list.rotate(*from, *to);
                let element =
                    if *from == End::Head { held.remove(0) } else { held.pop().expect("an element") };
                held.insert(if *to == End::Head { 0 } else { held.len() }, element);
            }
            _ => unreachable!("a change of one list"),
        }
        if held.is_empty() {
            self.keyspace.db_mut(0).remove(&[key]);
            self.model.remove(&vec![key]);
        }
    }

    fn check(&self) {
        let db = self.keyspace.db(0);
        assert_eq!(db.len(), self.model.len());
        for entry in db.iter() {
            check(entry.typed::<List>().expect("a list"), &self.model[entry.key()]);
            assert!(entry.memory_bytes() > 0);
            if entry.encoding() == Encoding::Listpack {
                let list = entry.typed::<List>().expect("a list");
                assert!(
                    list.nodes().count() == 1 && list.nodes().all(|node| matches!(node, NodeRef::Pack(_)))
                );
            }
        }
        for (view, model) in &self.views {
            let db = &view.dbs()[0];
            assert_eq!(db.len(), model.len());
            for entry in db.iter() {
                check(entry.typed::<List>().expect("a list"), &model[entry.key()]);
            }
        }
    }
}

fn bytes(element: Str<'_>) -> Vec<u8> {
    element.as_bytes(&mut itoa::Buffer::new()).to_vec()
}

/// Every way of reading agrees with the model.
fn check(list: ListRef<'_>, model: &Elements) {
    assert_eq!(list.len(), model.len());
    assert_eq!(list.is_empty(), model.is_empty());
    assert!(list.elements(0).map(bytes).eq(model.iter().cloned()));
    assert!(list.elements_back(model.len() - 1).map(bytes).eq(model.iter().rev().cloned()));
    assert_eq!(list.nodes().map(NodeRef::count).sum::<usize>(), model.len());
    for start in [0, 1, model.len() / 2, model.len() - 1, model.len(), model.len() + 9] {
        let from = model.get(start..).unwrap_or_default();
        assert!(list.elements(start).map(bytes).eq(from.iter().cloned()));
        if start < model.len() {
            assert!(list.elements_back(start).map(bytes).eq(model[..=start].iter().rev().cloned()));
        }
        assert_eq!(list.get(start as i64).map(bytes).as_ref(), model.get(start));
        let from_back = model.len().checked_sub(start + 1).map(|at| &model[at]);
        assert_eq!(list.get(!(start as i64)).map(bytes).as_ref(), from_back);
    }
    for index in [i64::MIN, i64::MAX] {
        assert!(list.get(index).is_none());
    }
    assert_eq!(bytes(list.end(End::Head)), model[0]);
    assert_eq!(Some(&bytes(list.end(End::Tail))), model.last());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn lists_agree_with_vectors(limits in limits(), steps in prop::collection::vec(step(), 1..80)) {
        let keyspace = Keyspace::new(1, 7);
        let mut world = World { keyspace, model: Model::new(), views: Vec::new(), limits };
        for step in steps {
            world.take(step);
            world.check();
        }
    }
}
