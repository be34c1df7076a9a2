//! However a byte stream is cut into pieces, read into large arguments' own allocations, dropped from the buffer's front and
//! batched: the requests and the error are those of the same stream parsed at once. And requests that were encoded come
//! back as they were.

use proptest::prelude::*;
use rufous_protocol::{Batch, Limits, Parser, Progress, ProtocolError, Reply, Resp};

type Request = Vec<Vec<u8>>;

/// What a stream comes to.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    requests: Vec<Request>,
    failure: Option<ProtocolError>,
    idle: bool,
}

/// How a stream arrives.
#[derive(Clone, Debug)]
struct Arrival {
    /// Lengths of the pieces, over and over.
    pieces: Vec<usize>,
    /// Requests in a batch at most.
    batch: usize,
    /// Whether the pieces go into large arguments' allocations where possible.
    in_place: bool,
    /// Whether consumed bytes are dropped after each piece, or never.
    dropping: bool,
}

fn receive(stream: &[u8], limits: &Limits, arrival: &Arrival) -> Outcome {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let (mut buf, mut outcome, mut sent) = (Vec::new(), Outcome::default(), 0);
    for &piece in arrival.pieces.iter().cycle() {
        let piece = piece.min(stream.len() - sent);
        sent += append(&mut parser, &mut buf, &stream[sent..sent + piece], arrival.in_place);
        loop {
            let progress = parser.parse(&buf, &mut consumed, limits, &mut batch, arrival.batch);
            assert!(consumed <= buf.len() && batch.len() <= arrival.batch);
            for i in 0..batch.len() {
                let args = batch.request(i, &buf);
                assert!(!args.is_empty());
                outcome.requests.push(args.iter().map(<[u8]>::to_vec).collect());
            }
            batch.clear();
            match progress {
                Progress::Full => (),
                Progress::NeedMore => break,
                Progress::Failed(failure) => {
                    outcome.failure = Some(failure);
                    return outcome;
                }
            }
        }
        if arrival.in_place {
            buf.truncate(buf.len() - parser.take_moved());
        }
        if arrival.dropping {
            buf.drain(..std::mem::take(&mut consumed));
        }
        if sent == stream.len() {
            break;
        }
    }
    outcome.idle = parser.is_idle();
    outcome
}

/// Gives a piece to the parser; returns how much of it was taken.
fn append(parser: &mut Parser, buf: &mut Vec<u8>, piece: &[u8], in_place: bool) -> usize {
    match parser.large_target().filter(|_| in_place) {
        Some(target) => {
            let taken = piece.len().min(target.missing);
            target.bytes.extend_from_slice(&piece[..taken]);
            taken
        }
        None => {
            buf.extend_from_slice(piece);
            piece.len()
        }
    }
}

/// Small limits, so that short streams reach all of them.
fn limits() -> impl Strategy<Value = Limits> {
    (any::<bool>(), 0usize..40, 32usize..80).prop_map(|(authenticated, large_len_min, inline_len_max)| {
        Limits { multibulk_len_max: 20, bulk_len_max: 100, inline_len_max, large_len_min, authenticated }
    })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let pieces = prop::collection::vec(prop_oneof![1usize..4, 1usize..60], 1..20);
    (pieces, 1usize..5, any::<bool>(), any::<bool>())
        .prop_map(|(pieces, batch, in_place, dropping)| Arrival { pieces, batch, in_place, dropping })
}

/// Bytes that look like requests, some sound and some not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let argument = prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..90);
    let sound = prop::collection::vec(argument, 0..12).prop_map(|args| encode(&args));
    let inline = "[a-z \t]{0,20}('[^'\n]{0,9}'|\"(\\\\x[0-9a-g]{2}|\\\\[nrtabq\"]|[^\"\\\\\n])*\")?\r?\n";
    let fragment = prop::sample::select(vec![
        &b"*"[..],
        b"$",
        b"\r\n",
        b"\r",
        b"\n",
        b"*1\r\n",
        b"*-1\r\n",
        b"*11\r\n",
        b"$-1\r\n",
        b"$101\r\n",
        b"0",
        b"-",
        b"\"",
        b"'",
        b"*20\r\n",
        b"*21\r\n",
        b"$100\r\n",
        b"*3\r\n$3\r\nGET\r\n",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ]);
    let part = prop_oneof![
        6 => sound,
        2 => inline.prop_map(String::into_bytes),
        1 => fragment.prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn encode(args: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    Reply::new(&mut out, Resp::V2).bulks(args);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_change_nothing(stream in stream(), limits in limits(), arrival in arrival()) {
        let at_once = Arrival { pieces: vec![usize::MAX], batch: usize::MAX, in_place: false, dropping: false };
        prop_assert_eq!(receive(&stream, &limits, &at_once), receive(&stream, &limits, &arrival));
    }

    #[test]
    fn encoded_requests_come_back(
        requests in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..20), 0..9),
        large_len_min in 0usize..120,
        arrival in arrival(),
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(|request| encode(request)).collect();
        let limits = Limits { large_len_min, ..Limits::default() };
        let expected = Outcome { requests, failure: None, idle: true };
        prop_assert_eq!(receive(&stream, &limits, &arrival), expected);
    }
}
