//! Memory, chance, growth and shrinking; what the three shapes offer.

use std::thread;

use super::{audit, scaled};
use crate::db::Ttl;
use crate::dict::{Dict, Fields, Members, Scores};
use crate::hash::Hasher;
use crate::pack::Item;
use crate::random::Random;

fn numbers(count: usize) -> Dict<Members> {
    let mut dict = Dict::new(Hasher::new(5));
    for number in 0..count {
        assert!(dict.insert(&dict.key(number.to_string().as_bytes())));
    }
    dict
}

#[test]
#[cfg(not(miri))]
fn memory_is_as_small_as_promised() {
    let count = 100_000;
    let (mut names, mut fields, mut scores) =
        (Dict::new(Hasher::new(5)), Dict::<Fields>::new(Hasher::new(5)), Dict::<Scores>::new(Hasher::new(5)));
    for number in 0..count {
        let bytes = format!("member:{number:09}").into_bytes();
        let key = names.key(&bytes);
        names.insert(&key);
        fields.set(&key, Item::Bytes(&bytes), Ttl::Clear);
        scores.update(&key, |_| Some(number as f64));
    }
    let bytes_each = |bytes: usize| bytes as f64 / count as f64;
    assert!(
        bytes_each(Dict::<Members>::memory_bytes(&names)) <= 24.0,
        "{}",
        bytes_each(names.memory_bytes())
    );
    assert!(
        bytes_each(numbers(count).memory_bytes()) <= 9.0,
        "{}",
        bytes_each(numbers(count).memory_bytes())
    );
    assert!(bytes_each(fields.memory_bytes()) <= 42.0, "{}", bytes_each(fields.memory_bytes()));
    assert!(bytes_each(scores.memory_bytes()) <= 33.0, "{}", bytes_each(scores.memory_bytes()));
}

#[test]
fn shrinking_gives_memory_back() {
    let count = if cfg!(miri) { 2000 } else { 20_000 };
    let mut dict = numbers(count);
    let full = dict.memory_bytes();
    for number in 0..count * 15 / 16 {
        assert!(dict.remove(&dict.key(number.to_string().as_bytes())));
    }
    audit(&dict);
    assert!(dict.memory_bytes() <= full / 6, "{} of {full} bytes", dict.memory_bytes());
    for number in 0..count {
        dict.remove(&dict.key(number.to_string().as_bytes()));
    }
    assert_eq!((dict.len(), dict.memory_bytes(), dict.scan(0, |_| ())), (0, 0, 0));
}

#[test]
#[cfg(not(miri))] // statistics
fn every_element_has_the_same_chance() {
    let mut random = Random::new(9);
    let (count, draws) = (400, 40_000);
    let mut dict = numbers(count);
    // Blocks of one huge element and of thin ranges must not change the chances.
    dict.insert(&dict.key(&[b'x'; 9000]));
    let mut counts = vec![0usize; count];
    for _ in 0..draws {
        let Some(Item::Int(number)) = dict.random(&mut random) else { continue };
        counts[number as usize] += 1;
    }
    for count_distinct in [1, count / 10, count / 2] {
        for _ in 0..draws / count_distinct {
            let mut seen = Vec::new();
            dict.random_distinct(count_distinct, &mut random, |item| seen.push(item.to_vec()));
            seen.sort();
            let len = seen.len();
            seen.dedup();
            assert_eq!((seen.len(), len), (count_distinct, count_distinct));
            seen.iter()
                .filter_map(|item| str::from_utf8(item).ok()?.parse::<usize>().ok())
                .for_each(|n| counts[n] += 1);
        }
    }
    let expected = 4.0 * draws as f64 / count as f64;
    let deviation = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum::<f64>();
    // Chi-squared of `count` degrees of freedom, six standard deviations above the mean.
    assert!(deviation < count as f64 + 6.0 * (2.0 * count as f64).sqrt(), "{deviation}");
    let mut all = 0;
    dict.random_distinct(count + 5, &mut random, |_| all += 1);
    assert_eq!(all, count + 1);
}

#[test]
fn expired_fields_come_in_order_of_time() {
    let mut dict = Dict::<Fields>::new(Hasher::new(3));
    let count = scaled(4000).max(500) as i64;
    for number in 0..count {
        let name = format!("field:{number}").into_bytes();
        assert!(dict.set(&dict.key(&name), Item::Int(number), Ttl::At(number * 7919 % count)));
    }
    assert_eq!((dict.expiring_len() as i64, dict.earliest_expiry()), (count, Some(0)));
    let frozen = dict.clone();
    let forever = dict.key(b"field:0");
    assert!(!dict.set(&forever, Item::Bytes(b"10"), Ttl::Keep));
    assert_eq!(dict.get(&forever).and_then(|field| field.expiry), Some(0));
    assert!(dict.set_expiry(&forever, None) && !dict.set_expiry(&dict.key(b"absent"), Some(1)));
    assert_eq!(dict.get(&forever).map(|field| (field.value, field.expiry)), Some((Item::Int(10), None)));
    for time in 1..count / 2 {
        assert_eq!(dict.remove_expired(time, |_| ()), None);
        let expiry = dict.remove_expired(time + 1, |field| field.expiry).flatten();
        assert_eq!(expiry, Some(time));
    }
    audit(&dict);
    let last =
        (0..count).find(|number| number * 7919 % count == count - 1).expect("a field that expires last");
    let last = format!("field:{last}").into_bytes();
    let last = dict.key(&last);
    assert!(!dict.set(&last, Item::Int(1), Ttl::Clear));
    assert_eq!(dict.get(&last).and_then(|field| field.expiry), None);
    while dict.remove_expired(i64::MAX, |_| ()).is_some() {}
    assert_eq!((dict.len(), dict.expiring_len(), dict.earliest_expiry()), (2, 0, None));
    assert_eq!((frozen.len() as i64, frozen.expiring_len() as i64), (count, count));
    audit(&frozen);
}

#[test]
fn scores_are_written_in_place() {
    let mut dict = Dict::<Scores>::new(Hasher::new(3));
    let key = dict.key(b"member");
    let mut set = |score: Option<f64>| dict.update(&key, |_| score);
    assert_eq!([set(None), set(Some(1.5)), set(Some(1.5))], [None, Some((None, 1.5)), None]);
    assert_eq!([set(Some(-0.0)), set(Some(0.0)), set(None)], [Some((Some(1.5), -0.0)), None, None]);
    assert_eq!(dict.score(&key).map(f64::to_bits), Some((-0.0f64).to_bits()));
}

#[test]
fn integers_and_their_digits_are_one_key() {
    let mut dict = numbers(10);
    assert!(dict.contains(&dict.key_of(Item::Int(7))) && dict.contains(&dict.key_of(Item::Bytes(b"7"))));
    assert!(!dict.contains(&dict.key(b"07")));
    assert!(!dict.insert(&dict.key_of(Item::Bytes(b"7"))));
}

#[test]
fn a_clone_is_read_and_dropped_elsewhere() {
    let mut dict = numbers(scaled(4000));
    let frozen = dict.clone();
    let reader = thread::spawn(move || {
        let sum: i64 = frozen.iter().filter_map(Item::as_int).sum();
        (frozen.len(), sum)
    });
    let count = dict.len() as i64;
    for number in 0..count {
        dict.remove(&dict.key_of(Item::Int(number)));
        dict.insert(&dict.key_of(Item::Int(-1 - number)));
    }
    assert_eq!(reader.join().ok(), Some((count as usize, count * (count - 1) / 2)));
    audit(&dict);
}

#[test]
fn a_huge_element_stays_where_it_is() {
    let mut dict = Dict::<Members>::new(Hasher::new(8));
    let huge = vec![b'h'; 1 << 20];
    for number in 0..scaled(1000) as i64 {
        dict.insert(&dict.key_of(Item::Int(number)));
    }
    dict.insert(&dict.key(&huge));
    let address = |dict: &Dict<Members>| match dict.get(&dict.key(&huge)) {
        Some(Item::Bytes(bytes)) => bytes.as_ptr(),
        other => panic!("{other:?}"),
    };
    let first = address(&dict);
    for number in 0..scaled(4000) as i64 {
        dict.insert(&dict.key_of(Item::Int(-number)));
    }
    for number in 0..scaled(1000) as i64 {
        dict.remove(&dict.key_of(Item::Int(number)));
    }
    assert_eq!(address(&dict), first);
    audit(&dict);
}
