//! Any bytes: the reply decoder neither panics nor reads past a reply, and a reply's beginning is never an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rufous_protocol::decode::decode;

fuzz_target!(|input: &[u8]| {
    let Ok(Some((value, used))) = decode(input) else { return };
    assert!(used <= input.len());
    assert_eq!(decode(&input[..used]), Ok(Some((value, used))));
    for end in 0..used.min(200) {
        assert_eq!(decode(&input[..end]), Ok(None));
    }
});
