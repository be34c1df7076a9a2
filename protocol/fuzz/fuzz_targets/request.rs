//! Any bytes, cut anywhere: the request parser neither panics nor answers differently than for the bytes at once.
//!
//! The input's first bytes are limits and the length of the pieces; the rest is the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rufous_protocol::{Batch, Limits, Parser, Progress, ProtocolError};

type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fn receive(stream: &[u8], limits: &Limits, piece_len: usize, in_place: bool) -> Outcome {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let (mut buf, mut requests, mut rest) = (Vec::new(), Vec::new(), stream);
    while !rest.is_empty() {
        let mut taken = rest.len().min(piece_len);
        match parser.large_target().filter(|_| in_place) {
            Some(target) => {
                taken = taken.min(target.missing);
                target.bytes.extend_from_slice(&rest[..taken]);
            }
            None => buf.extend_from_slice(&rest[..taken]),
        }
        rest = &rest[taken..];
        loop {
            let progress = parser.parse(&buf, &mut consumed, limits, &mut batch, 3);
            for i in 0..batch.len() {
                requests.push(batch.request(i, &buf).iter().map(<[u8]>::to_vec).collect());
            }
            batch.clear();
            match progress {
                Progress::Full => (),
                Progress::NeedMore => break,
                Progress::Failed(failure) => return (requests, Some(failure)),
            }
        }
        if in_place {
            buf.truncate(buf.len() - parser.take_moved());
        }
        buf.drain(..std::mem::take(&mut consumed));
        // What is held is what has come, the first allocation of a large argument apart.
        assert!(parser.memory() + batch.memory() <= 300 * 1024 + 8 * stream.len());
    }
    (requests, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((&[flags, piece_len, large_len_min], stream)) = input.split_first_chunk::<3>() else { return };
    let limits = Limits {
        inline_len_max: if flags & 2 == 0 { 64 } else { 64 * 1024 },
        bulk_len_max: if flags & 4 == 0 { 200 } else { 512 * 1024 * 1024 },
        large_len_min: large_len_min.into(),
        authenticated: flags & 1 == 0,
        ..Limits::default()
    };
    let whole = receive(stream, &limits, usize::MAX, false);
    let cut = receive(stream, &limits, usize::from(piece_len) + 1, flags & 8 == 0);
    assert_eq!(whole, cut);
});
