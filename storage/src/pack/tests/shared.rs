//! Shared blocks against their model: edits through one handle, which other handles must not see, on this and other threads.

use std::sync::mpsc;
use std::thread;

use proptest::prelude::*;

use super::model::{Model, Step, apply, check, step};
use crate::pack::{Item, Pack};

#[derive(Clone, Debug)]
enum Move {
    Edit(usize, Step),
    Share(usize),
    Split(usize, usize),
    Drop(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        10 => (any::<usize>(), step()).prop_map(|(handle, step)| Move::Edit(handle, step)),
        3 => any::<usize>().prop_map(Move::Share),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(handle, index)| Move::Split(handle, index)),
        2 => any::<usize>().prop_map(Move::Drop),
    ];
    proptest::collection::vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 256 }))]

    #[test]
    fn no_handle_sees_the_edits_of_another(moves in moves()) {
        let mut handles = vec![(Pack::new(), Model::new())];
        for one in moves {
            let count = handles.len();
            match one {
                Move::Edit(handle, step) => {
                    let (pack, model) = &mut handles[handle % count];
                    apply(&mut pack.edit(), model, step);
                    check(pack.as_ref(), model);
                }
                Move::Share(handle) => {
                    let shared = handles[handle % count].clone();
                    prop_assert!(shared.0.is_same(&handles[handle % count].0));
                    prop_assert!(!shared.0.is_unique());
                    handles.push(shared);
                }
                Move::Split(handle, index) => {
                    let (pack, model) = &mut handles[handle % count];
                    let Some(index) = index.checked_rem(model.len()) else { continue };
                    let position = pack.as_ref().at(index as i64).expect("an index inside");
                    let tail = (pack.split_off(position), model.split_off(index));
                    check(tail.0.as_ref(), &tail.1);
                    handles.push(tail);
                }
                Move::Drop(handle) if count > 1 => drop(handles.swap_remove(handle % count)),
                Move::Drop(_) => (),
            }
            for (pack, model) in &handles {
                prop_assert!(pack.as_ref().iter().eq(model.iter().map(|bytes| Item::of(bytes))));
            }
        }
    }
}

#[test]
fn a_writer_edits_while_readers_on_other_threads_hold_what_was() {
    const ROUNDS: i64 = if cfg!(miri) { 30 } else { 2000 };
    thread::scope(|scope| {
        let (senders, readers): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (sender, receiver) = mpsc::channel::<(i64, Pack)>();
                let reader = move || {
                    for (last, pack) in receiver {
                        let copy = pack.clone();
                        assert_eq!(pack.as_ref().get(pack.as_ref().last().unwrap()), Item::Int(last));
                        drop(pack);
                        assert!(copy.as_ref().iter().eq((last - 4..=last).map(Item::Int)));
                    }
                };
                (sender, scope.spawn(reader))
            })
            .unzip();
        let mut pack = Pack::new();
        pack.edit().extend((0..5).map(Item::Int));
        for round in 5..5 + ROUNDS {
            for sender in &senders {
                sender.send((round - 1, pack.clone())).unwrap();
            }
            pack.edit().remove_range(0, 1);
            pack.edit().push_back(round);
        }
        drop(senders);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert!(pack.is_unique());
    });
}

#[test]
fn the_last_handle_frees_on_any_thread() {
    let pack = Pack::new();
    let copies: Vec<Pack> = (0..8).map(|_| pack.clone()).collect();
    drop(pack);
    thread::scope(|scope| {
        for mut copy in copies {
            scope.spawn(move || {
                copy.edit().push_back(7i64);
                assert_eq!(copy.as_ref().len(), 1);
            });
        }
    });
}
