//! Random operations on streams that share their parts, against maps.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Fields, Twin, TwinGroup, audit, fields, items};
use crate::types::Limits;
use crate::types::stream::{Bound, Deletion, Group, Name, References, Stream, StreamId, Trim};

#[derive(Clone, Debug)]
enum Step {
    Add(u8, Fields),
    Delete(u16, References),
    Trim(Trim, References),
    Range(u16, u16),
    /// Keeps a clone, to be compared at the end.
    Freeze,
    CreateGroup(u8, u16),
    RemoveGroup(u8),
    Meet(u8, u8),
    DeleteConsumer(u8, u8),
    /// Delivers so many new entries to a consumer.
    Deliver(u8, u8, u8),
    DeliverAgain(u8, u16),
    Assign(u8, u8, u16),
    Acknowledge(u8, u16),
}

/// Steps that name entries name them by their place among all IDs that may be.
fn id(place: u16) -> StreamId {
    StreamId::new(u64::from(place / 4 % 400), u64::from(place % 4))
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-200..5000i32).prop_map(|number| number.to_string().into_bytes()),
        4 => vec(b'a'..b'd', 0..4),
        1 => (0..300usize).prop_map(|len| vec![b'l'; len]),
    ]
}

fn entry() -> impl Strategy<Value = Fields> {
    let same = vec(text(), 2)
        .prop_map(|values| vec![b"a".to_vec(), b"b".to_vec()].into_iter().zip(values).collect());
    prop_oneof![3 => same, 1 => vec((text(), text()), 1..4)]
}

fn references() -> impl Strategy<Value = References> {
    prop_oneof![4 => Just(References::Keep), 1 => Just(References::Remove), 1 => Just(References::Respect)]
}

fn trim() -> impl Strategy<Value = Trim> {
    let bound = prop_oneof![
        (0..150u64).prop_map(Bound::Length),
        any::<u16>().prop_map(|place| Bound::Id(id(place))),
    ];
    (bound, any::<bool>(), proptest::option::of(1..40u64)).prop_map(|(bound, is_approximate, limit)| Trim {
        bound,
        is_approximate,
        limit: limit.filter(|_| is_approximate),
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (any::<u8>(), entry()).prop_map(|(gap, fields)| Step::Add(gap, fields)),
        12 => (any::<u16>(), references()).prop_map(|(place, references)| Step::Delete(place, references)),
        2 => (trim(), references()).prop_map(|(trim, references)| Step::Trim(trim, references)),
        5 => (any::<u16>(), any::<u16>()).prop_map(|(start, end)| Step::Range(start, end)),
        3 => Just(Step::Freeze),
        3 => (0..4u8, any::<u16>()).prop_map(|(group, place)| Step::CreateGroup(group, place)),
        1 => (0..4u8).prop_map(Step::RemoveGroup),
        4 => (0..4u8, 0..5u8).prop_map(|(group, consumer)| Step::Meet(group, consumer)),
        1 => (0..4u8, 0..5u8).prop_map(|(group, consumer)| Step::DeleteConsumer(group, consumer)),
        15 => (0..4u8, 0..5u8, 1..20u8).prop_map(|(group, consumer, count)| Step::Deliver(group, consumer, count)),
        4 => (0..4u8, any::<u16>()).prop_map(|(group, place)| Step::DeliverAgain(group, place)),
        8 => (0..4u8, 0..5u8, any::<u16>())
            .prop_map(|(group, consumer, place)| Step::Assign(group, consumer, place)),
        20 => (0..4u8, any::<u16>()).prop_map(|(group, place)| Step::Acknowledge(group, place)),
    ]
}

fn name(of: &str, number: u8) -> Vec<u8> {
    format!("a {of} with a long name {number}").into_bytes()
}

/// What trimming leaves out, by the rules in words: whole nodes only if approximate, unless references are looked at.
fn trimmed(twin: &Twin, trim: Trim, references: References) -> Vec<StreamId> {
    let due = match trim.bound {
        Bound::Length(len) => twin.entries.len().saturating_sub(len as usize),
        Bound::Id(_) => usize::MAX,
    };
    let before = |id: &&StreamId| !matches!(trim.bound, Bound::Id(bound) if **id >= bound);
    let refers = |id: StreamId| {
        twin.groups.values().any(|group| group.last_id < id || group.pending.contains_key(&id))
    };
    let may_go = |id: &&StreamId| references != References::Respect || !refers(**id);
    twin.entries.keys().take_while(before).filter(may_go).take(due).copied().collect()
}

struct Run {
    stream: Stream,
    twin: Twin,
    limits: Limits,
    now: i64,
}

impl Run {
    fn step(&mut self, step: &Step) {
        self.now += 1;
        match step {
            Step::Add(gap, fields) => self.add(*gap, fields),
            Step::Delete(place, references) => self.delete(id(*place), *references),
            Step::Trim(trim, references) => self.trim(*trim, *references),
            Step::Range(start, end) => self.range(id(*start), id(*end)),
            Step::Freeze => {}
            _ => self.group_step(step),
        }
    }

    fn add(&mut self, gap: u8, fields: &Fields) {
        let last = self.twin.last_id;
        let id = if gap.is_multiple_of(3) {
            StreamId::new(last.ms + 1 + u64::from(gap % 4), 0)
        } else {
            last.next().unwrap()
        };
        let (items, bytes) = items(fields);
        self.stream.log_mut().append(id, &items, bytes, &self.limits);
        self.twin.entries.insert(id, fields.clone());
        self.twin.last_id = id;
        self.twin.entries_added += 1;
    }

    fn delete(&mut self, id: StreamId, references: References) {
        let deletion = self.stream.delete(id, references);
        let refers =
            self.twin.groups.values().any(|group| group.last_id < id || group.pending.contains_key(&id));
        let exists = self.twin.entries.contains_key(&id);
        let expected = match exists {
            _ if references == References::Respect && refers => Deletion::Refused,
            false => Deletion::Absent,
            true => Deletion::Done,
        };
        assert_eq!(deletion, expected);
        assert_eq!(self.stream.log().contains(id), exists && expected == Deletion::Refused);
        if expected == Deletion::Done {
            self.twin.entries.remove(&id);
            self.twin.max_deleted_id = self.twin.max_deleted_id.max(id);
            if references == References::Remove {
                let forgotten = self.stream.forget(&[id]);
                let groups = self.twin.groups.values_mut();
                let had = groups.filter_map(|group| group.pending.remove(&id)).count();
                assert_eq!(forgotten.len(), had);
            }
        }
    }

    fn trim(&mut self, trim: Trim, references: References) {
        let due = trimmed(&self.twin, trim, references);
        let before: Vec<StreamId> = self.twin.entries.keys().copied().collect();
        let count = self.stream.trim(trim, references).count;
        let left: Vec<StreamId> =
            self.stream.log().range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
        let gone: Vec<StreamId> = before.iter().filter(|id| !left.contains(id)).copied().collect();
        assert_eq!(gone.len() as u64, count);
        // Whole nodes, or a limit, leave some that are due.
        let is_whole = trim.is_approximate && references == References::Keep;
        if is_whole || trim.limit.is_some() {
            assert!(due.starts_with(&gone), "{gone:?} of {due:?}");
            assert!(count <= trim.limit.unwrap_or(u64::MAX));
        } else {
            assert_eq!(gone, due);
        }
        gone.iter().for_each(|id| _ = self.twin.entries.remove(id));
        if references == References::Remove {
            let groups = self.twin.groups.values_mut();
            groups.for_each(|group| group.pending.retain(|id, _| !gone.contains(id)));
        }
    }

    fn range(&self, start: StreamId, end: StreamId) {
        let log = self.stream.log();
        let ours: Vec<_> = log.range(start, end).map(|entry| (entry.id, fields(entry))).collect();
        let expected: Vec<_> = match start <= end {
            true => self.twin.entries.range(start..=end).map(|(id, fields)| (*id, fields.clone())).collect(),
            false => Vec::new(),
        };
        assert_eq!(ours, expected);
        let back: Vec<_> = log.range_back(start, end).map(|entry| entry.id).collect();
        assert_eq!(back, expected.iter().rev().map(|(id, _)| *id).collect::<Vec<_>>());
    }

    fn group_step(&mut self, step: &Step) {
        match *step {
            Step::CreateGroup(group, place) => {
                let (name, last_id) = (name("group", group), id(place));
                let added = self.stream.add_group(Group::new(Name::from(name.as_slice()), last_id, None));
                assert_eq!(added, !self.twin.groups.contains_key(&name));
                let new = || TwinGroup { last_id, ..TwinGroup::default() };
                self.twin.groups.entry(name).or_insert_with(new);
            }
            Step::RemoveGroup(group) => {
                let name = name("group", group);
                let removed = self.stream.remove_group(&name).is_some();
                assert_eq!(removed, self.twin.groups.remove(&name).is_some());
            }
            Step::Meet(group, consumer) => self.in_group(group, |run, group, twin| {
                let consumer = name("consumer", consumer);
                assert_eq!(group.meet(&consumer, run), !twin.consumers.contains_key(&consumer));
                twin.consumers.entry(consumer).or_default();
            }),
            Step::DeleteConsumer(group, consumer) => self.in_group(group, |_, group, twin| {
                let consumer = name("consumer", consumer);
                let had = twin.pending.values().filter(|pending| pending.0 == consumer).count();
                let expected = twin.consumers.remove(&consumer).map(|_| had);
                assert_eq!(group.delete_consumer(&consumer), expected);
                twin.pending.retain(|_, pending| pending.0 != consumer);
            }),
            Step::Deliver(group, consumer, count) => self.deliver(group, consumer, count),
            Step::DeliverAgain(group, place) => self.in_group(group, |now, group, twin| {
                group.deliver_again(id(place), now);
                if let Some((_, at, deliveries)) = twin.pending.get_mut(&id(place)) {
                    (*at, *deliveries) = (now, *deliveries + 1);
                }
            }),
            Step::Assign(group, consumer, place) => self.in_group(group, |now, group, twin| {
                let consumer = name("consumer", consumer);
                group.assign(id(place), &consumer, now, 7);
                if twin.consumers.contains_key(&consumer) {
                    twin.pending.insert(id(place), (consumer, now, 7));
                }
            }),
            Step::Acknowledge(group, place) => self.in_group(group, |_, group, twin| {
                // Often one of those that are pending.
                let known = twin.pending.keys().nth(usize::from(place) % (twin.pending.len() + 1)).copied();
                let id = known.unwrap_or_else(|| id(place));
                assert_eq!(group.acknowledge(id), twin.pending.remove(&id).is_some());
            }),
            _ => unreachable!("not a step of groups"),
        }
    }

    fn in_group(&mut self, group: u8, change: impl FnOnce(i64, &mut Group, &mut TwinGroup)) {
        let name = name("group", group);
        let Some(twin) = self.twin.groups.get_mut(&name) else {
            assert!(self.stream.group(&name).is_none());
            return;
        };
        let now = self.now;
        self.stream.edit_group(&name, |group, _| change(now, group, twin)).expect("the twin's group");
    }

    fn deliver(&mut self, group: u8, consumer: u8, count: u8) {
        let (name, consumer, now) = (name("group", group), name("consumer", consumer), self.now);
        let Some(twin) =
            self.twin.groups.get_mut(&name).filter(|twin| twin.consumers.contains_key(&consumer))
        else {
            return;
        };
        let after = twin.last_id.next().unwrap();
        let ids: Vec<StreamId> =
            self.twin.entries.range(after..).map(|(id, _)| *id).take(count.into()).collect();
        self.stream.edit_group(&name, |group, log| {
            group.read(log, &ids);
            group.deliver(&ids, &consumer, now);
        });
        for id in ids {
            twin.last_id = id;
            twin.pending.insert(id, (consumer.clone(), now, 1));
            twin.consumers.insert(consumer.clone(), Some(now));
        }
        if let Some(active) = twin.consumers.get_mut(&consumer) {
            *active = Some(now);
        }
    }
}

fn run(limits: Limits, steps: &[Step]) {
    let mut run = Run { stream: Stream::default(), twin: Twin::default(), limits, now: 0 };
    let mut frozen = Vec::new();
    for step in steps {
        run.step(step);
        if matches!(step, Step::Freeze) {
            frozen.push((run.stream.clone(), run.twin.clone()));
        }
    }
    audit(&run.stream, &run.twin);
    frozen.iter().for_each(|(stream, twin)| audit(stream, twin));
    drop(run);
    frozen.iter().for_each(|(stream, twin)| audit(stream, twin));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 80 }, ..ProptestConfig::default() })]

    #[test]
    fn streams_are_what_their_twins_are(
        stream_entries in prop_oneof![Just(0), Just(1), Just(3), Just(100)],
        stream_bytes in prop_oneof![Just(0), Just(64), Just(4096)],
        steps in vec(step(), 1..if cfg!(miri) { 60 } else { 400 }),
    ) {
        run(Limits { stream_entries, stream_bytes, ..Limits::default() }, &steps);
    }
}
