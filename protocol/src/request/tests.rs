//! The request parser on literal bytes: what is a request, what is an error, what is held in memory.

use super::*;

/// Everything that a stream comes to: its requests, and how it ended.
type Parsed = (Vec<Vec<Vec<u8>>>, Progress);

fn read(batch: &Batch, buf: &[u8], into: &mut Vec<Vec<Vec<u8>>>) {
    into.extend((0..batch.len()).map(|i| batch.request(i, buf).iter().map(<[u8]>::to_vec).collect()));
}

/// Parses a stream that arrives at once.
fn parse_whole(bytes: &[u8], limits: &Limits) -> Parsed {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let progress = parser.parse(bytes, &mut consumed, limits, &mut batch, usize::MAX);
    let mut requests = Vec::new();
    read(&batch, bytes, &mut requests);
    (requests, progress)
}

/// Parses a stream that arrives byte by byte, one request a batch, consumed bytes dropped at once.
fn parse_bytewise(bytes: &[u8], limits: &Limits) -> Parsed {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let (mut buf, mut requests) = (Vec::new(), Vec::new());
    for &byte in bytes {
        match parser.large_target() {
            Some(target) => target.bytes.push(byte),
            None => buf.push(byte),
        }
        loop {
            let progress = parser.parse(&buf, &mut consumed, limits, &mut batch, 1);
            read(&batch, &buf, &mut requests);
            batch.clear();
            buf.drain(..std::mem::take(&mut consumed));
            match progress {
                Progress::Full => (),
                Progress::NeedMore => break,
                Progress::Failed(_) => return (requests, progress),
            }
        }
    }
    (requests, Progress::NeedMore)
}

#[track_caller]
fn check_with(limits: &Limits, bytes: &[u8], requests: &[&[&[u8]]], end: Progress) {
    let requests: Vec<Vec<Vec<u8>>> =
        requests.iter().map(|args| args.iter().map(|arg| arg.to_vec()).collect()).collect();
    assert_eq!(parse_whole(bytes, limits), (requests.clone(), end), "whole: {}", bytes.escape_ascii());
    assert_eq!(parse_bytewise(bytes, limits), (requests, end), "bytewise: {}", bytes.escape_ascii());
}

#[track_caller]
fn check(bytes: &[u8], requests: &[&[&[u8]]]) {
    check_with(&Limits::default(), bytes, requests, Progress::NeedMore);
}

#[track_caller]
fn check_failure(bytes: &[u8], failure: ProtocolError) {
    check_with(&Limits::default(), bytes, &[], Progress::Failed(failure));
}

fn unauthenticated() -> Limits {
    Limits { authenticated: false, ..Limits::default() }
}

fn multibulk(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::Reply::new(&mut out, crate::Resp::V2).bulks(args);
    out
}

#[test]
fn multibulk_requests() {
    check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]);
    check(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$1\r\n\r\r\n", &[&[b"GET", b""], &[b"\r"]]);
    check(
        b"*3\r\n$3\r\nSET\r\n$11\r\nkey\r\n$3\r\n\0\xff\r\n$1\r\nv\r\n",
        &[&[b"SET", b"key\r\n$3\r\n\0\xff", b"v"]],
    );
    check(b"*1\r\n$4\r\nPIN", &[]);
    check(b"", &[]);
    for len in [9, 10, 99, 100, 999, 1000, 20_000, 32_767, 32_768, 32_769, 70_000] {
        let long = vec![b'x'; len];
        check(&multibulk(&[b"ECHO", &long]), &[&[b"ECHO", &long]]);
    }
    let many: Vec<&[u8]> = vec![b"a"; 12_345];
    check(&multibulk(&many), &[&many]);
}

#[test]
fn requests_without_arguments_are_skipped() {
    check(b"*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n  \r\n*1\r\n$1\r\na\r\n", &[&[b"a"]]);
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let bytes = b"\r\n\n*0\r\n";
    parser.parse(bytes, &mut consumed, &Limits::default(), &mut batch, 1);
    assert_eq!((consumed, batch.len(), batch.blank_lines(), parser.is_idle()), (bytes.len(), 0, 2, true));
}

#[test]
fn line_ends_are_not_looked_at() {
    check(b"*1\r?$4\r?PING??", &[&[b"PING"]]);
}

#[test]
fn inline_requests() {
    check(b"PING\r\n", &[&[b"PING"]]);
    check(b"PING\n*1\r\n$1\r\na\r\n get  x \r\n", &[&[b"PING"], &[b"a"], &[b"get", b"x"]]);
    check(
        b"set k \"a \\x41\\n\" 'it\\'s' pre\"fix\"\r\nok\r\n",
        &[&[b"set", b"k", b"a A\n", b"it's", b"prefix"], &[b"ok"]],
    );
    check(b"a\rb\r\r\n", &[&[b"a", b"b"]]);
    check(b"a\0b\n", &[&[b"a\0b"]]);
    check(b"PING", &[]);
    check(b"$3\r\n", &[&[b"$3"]]);
    check_failure(b"set \"k\r\n", ProtocolError::UnbalancedQuotes);
    check_failure(b"set 'k'v\r\n", ProtocolError::UnbalancedQuotes);
}

#[test]
fn headers_that_are_no_numbers() {
    for count in [
        "",
        "a",
        "1a",
        "01",
        "+1",
        " 1",
        "1 ",
        "-",
        "--1",
        "2147483648",
        "3000000000",
        "99999999999999999999",
    ] {
        check_failure(format!("*{count}\r\n").as_bytes(), ProtocolError::MultibulkLen);
    }
    for len in
        ["", "a", "1a", "01", "+1", "-1", "-0", "536870913", "2000000000000", "99999999999999999999", "-99"]
    {
        check_failure(format!("*1\r\n${len}\r\n").as_bytes(), ProtocolError::BulkLen);
    }
    check_failure(b"*-0\r\n", ProtocolError::MultibulkLen);
    check_failure(b"*2\r\n$3\r\nGET\r\nfoo\r\n", ProtocolError::ExpectedBulk(b'f'));
    check_failure(b"*1\r\n\r\n", ProtocolError::ExpectedBulk(b'\r'));
    check_failure(b"*3\r\n*1\r\n", ProtocolError::ExpectedBulk(b'*'));
}

#[test]
fn an_error_comes_after_the_requests_in_front_of_it() {
    let limits = Limits::default();
    let failed = Progress::Failed(ProtocolError::BulkLen);
    check_with(&limits, b"PING\r\n*1\r\n$1\r\na\r\n*1\r\n$-1\r\n", &[&[b"PING"], &[b"a"]], failed);

    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let bytes = b"*1\r\n$-1\r\nPING\r\n";
    for _ in 0..2 {
        assert_eq!(parser.parse(bytes, &mut consumed, &limits, &mut batch, 9), failed);
        assert_eq!((consumed, batch.len(), parser.is_idle()), (0, 0, false));
    }
}

#[test]
fn lines_without_end_are_cut_off() {
    let limit = 64 * 1024;
    let long = |head: &str, len: usize| [head.as_bytes(), &vec![b'1'; len - head.len()]].concat();
    check(&long("a", limit), &[]);
    check_failure(&long("a", limit + 1), ProtocolError::InlineTooLong);
    check(&long("*", limit), &[]);
    check_failure(&long("*", limit + 1), ProtocolError::MultibulkHeaderTooLong);
    let bulk = [&b"*1\r\n"[..], &long("$", limit)].concat();
    check(&bulk, &[]);
    check_failure(&[&bulk[..], b"1"].concat(), ProtocolError::BulkHeaderTooLong);
    // Also when the end has come with the rest: the answer does not depend on how the bytes were cut.
    check_failure(&[&long("a", limit + 1)[..], b"\r\n"].concat(), ProtocolError::InlineTooLong);
}

#[test]
fn clients_that_have_not_authenticated_get_little() {
    let ten: Vec<&[u8]> = vec![b"x"; 10];
    check_with(&unauthenticated(), &multibulk(&ten), &[&ten], Progress::NeedMore);
    let failed = |failure| Progress::Failed(failure);
    check_with(&unauthenticated(), b"*11\r\n", &[], failed(ProtocolError::UnauthenticatedMultibulkLen));
    check_with(&unauthenticated(), b"*2147483648\r\n", &[], failed(ProtocolError::MultibulkLen));
    let allowed = vec![b'x'; 16_384];
    check_with(&unauthenticated(), &multibulk(&[&allowed]), &[&[&allowed]], Progress::NeedMore);
    check_with(&unauthenticated(), b"*1\r\n$16385\r\n", &[], failed(ProtocolError::UnauthenticatedBulkLen));
    check_with(&unauthenticated(), b"*1\r\n$536870913\r\n", &[], failed(ProtocolError::BulkLen));
}

#[test]
fn requests_parsed_ahead_are_checked_again() {
    let long = [b'a'; 16 * 1024 + 1];
    let check = |args: &[&[u8]]| {
        let (mut parser, mut batch, mut consumed) = (Parser::default(), Batch::default(), 0);
        let bytes = multibulk(args);
        parser.parse(&bytes, &mut consumed, &Limits::default(), &mut batch, 1);
        assert_eq!(Limits::default().check(batch.request(0, &bytes)), Ok(()));
        unauthenticated().check(batch.request(0, &bytes))
    };
    assert_eq!(check(&[b"a".as_slice(); 10]), Ok(()));
    assert_eq!(check(&[b"a".as_slice(); 11]), Err(ProtocolError::UnauthenticatedMultibulkLen));
    assert_eq!(check(&[b"a", &long[1..]]), Ok(()));
    assert_eq!(check(&[b"a", &long]), Err(ProtocolError::UnauthenticatedBulkLen));
}

#[test]
fn configured_bulk_length_is_the_limit() {
    let limits = Limits { bulk_len_max: 5, ..Limits::default() };
    check_with(&limits, b"*1\r\n$5\r\n12345\r\n", &[&[b"12345"]], Progress::NeedMore);
    check_with(&limits, b"*1\r\n$6\r\n123456\r\n", &[], Progress::Failed(ProtocolError::BulkLen));
}

#[test]
fn a_batch_ends_at_its_size() {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let bytes = b"*1\r\n$1\r\na\r\nb\r\n*1\r\n$1\r\nc\r\n";
    let limits = Limits::default();
    assert_eq!(parser.parse(bytes, &mut consumed, &limits, &mut batch, 2), Progress::Full);
    assert_eq!((consumed, batch.len()), (14, 2));
    assert_eq!(parser.parse(bytes, &mut consumed, &limits, &mut batch, 2), Progress::Full);
    batch.clear();
    assert_eq!(parser.parse(bytes, &mut consumed, &limits, &mut batch, 2), Progress::NeedMore);
    assert_eq!((consumed, batch.len(), batch.request(0, bytes).get(0)), (25, 1, &b"c"[..]));
}

#[test]
fn a_large_argument_is_received_in_place_and_shared() {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let limits = Limits::default();
    let body: Vec<u8> = (0..3_000_000u32).map(|i| i as u8).collect();
    let mut buf = format!("PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", body.len()).into_bytes();
    buf.extend_from_slice(&body[..1000]);
    assert_eq!(parser.parse(&buf, &mut consumed, &limits, &mut batch, 9), Progress::NeedMore);
    assert_eq!((consumed, batch.len()), (6, 1));
    batch.clear();
    buf.drain(..consumed);
    consumed = 0;

    let rest = [&body[1000..], b"\r\n"].concat();
    let (mut sent, mut allocations) = (0, 0);
    let mut capacity = 0;
    while let Some(target) = parser.large_target() {
        assert!(target.bytes.capacity() > target.bytes.len());
        assert!(target.bytes.capacity() <= (4 * target.bytes.len()).max(256 * 1024 + 2000));
        allocations += usize::from(target.bytes.capacity() != capacity);
        capacity = target.bytes.capacity();
        let n = target.missing.min(50_000).min(capacity - target.bytes.len());
        target.bytes.extend_from_slice(&rest[sent..sent + n]);
        sent += n;
        parser.parse(&buf, &mut consumed, &limits, &mut batch, 9);
    }
    assert_eq!(sent, rest.len());
    assert!(allocations <= 4, "{allocations} allocations");
    buf.extend_from_slice(b"PING\r\n");
    assert_eq!(parser.parse(&buf, &mut consumed, &limits, &mut batch, 9), Progress::NeedMore);
    assert_eq!((consumed, batch.len(), parser.is_idle()), (buf.len(), 2, true));

    let args = batch.request(0, &buf);
    assert_eq!((args.get(0), args.get(1)), (&b"SET"[..], &b"k"[..]));
    assert!(args.get(2) == body && args.shared(1).is_none());
    let address = args.get(2).as_ptr();
    let kept = args.shared(2).expect("the argument has its own allocation").clone();
    let queued = args.to_owned();
    assert!(*kept == body && kept.as_ptr() == address && queued.args().get(2).as_ptr() == address);
    assert_eq!(batch.request(1, &buf).get(0), b"PING");
}

#[test]
fn bytes_of_an_unfinished_request_are_counted_once() {
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    let limits = Limits { large_len_min: 100, ..Limits::default() };
    let request = [b"*4\r\n$3\r\nSET\r\n$2\r\nkk\r\n$200\r\n", &[b'v'; 200][..], b"\r\n$1\r\nx\r\n"].concat();
    let mut figures = Vec::new();
    for end in [0, 5, 14, 22, 30, 40, 130, 231, request.len()] {
        parser.parse(&request[..end], &mut consumed, &limits, &mut batch, 9);
        figures.push((parser.large_len(), parser.argument_bytes()));
    }
    assert_eq!(figures, [(0, 0), (0, 0), (0, 3), (0, 5), (3, 5), (13, 5), (103, 5), (200, 205), (0, 0)]);
    assert_eq!((batch.len(), batch.request(0, &request).bytes_total()), (1, 206));
}

#[test]
fn announced_lengths_allocate_nothing_to_speak_of() {
    let limits = Limits::default();
    for header in ["*2147483647\r\n", "*2\r\n$1\r\na\r\n$536870912\r\n"] {
        let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
        assert_eq!(
            parser.parse(header.as_bytes(), &mut consumed, &limits, &mut batch, 9),
            Progress::NeedMore
        );
        parser.large_target();
        assert!(parser.memory() + batch.memory() <= 300 * 1024);
    }
}

#[test]
fn argument_views() {
    let bytes = b"a 1 b 2 'c'\n";
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    parser.parse(bytes, &mut consumed, &Limits::default(), &mut batch, 9);
    let args = batch.request(0, bytes);
    let all = |args: Args<'_>| args.iter().collect::<Vec<_>>().concat();
    assert_eq!((args.len(), args.is_empty(), args.bytes_total()), (5, false, 5));
    assert_eq!(format!("{args:?}"), r#"["a", "1", "b", "2", "c"]"#);
    assert_eq!((all(args.from(3)), all(args.to(2))), (b"2c".to_vec(), b"a1".to_vec()));
    assert_eq!((all(args.from(9)), all(args.to(9))), (b"".to_vec(), b"a1b2c".to_vec()));
    assert_eq!((args.find(4), args.find(5)), (Some(&b"c"[..]), None));
    assert!(args.pairs().is_none());
    let pairs: Vec<_> = args.to(4).pairs().expect("four arguments are two pairs").collect();
    assert_eq!(pairs, [[b"a", b"1"], [b"b", b"2"]]);
    assert_eq!(args.iter().next_back(), Some(&b"c"[..]));
}

#[test]
fn owned_requests_keep_their_bytes() {
    let large = vec![b'x'; 40_000];
    let mut bytes = multibulk(&[b"SET", b"k", &large]);
    let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
    parser.parse(&bytes[..100], &mut consumed, &Limits::default(), &mut batch, 9);
    parser.parse(&bytes, &mut consumed, &Limits::default(), &mut batch, 9);
    let owned = batch.request(0, &bytes).to_owned();
    batch.clear();
    bytes.fill(0);
    let args: Vec<_> = owned.args().iter().collect();
    assert_eq!(args, [&b"SET"[..], b"k", &large]);
    assert!(owned.memory() >= large.len() && owned.memory() < large.len() + 1000);
}

#[test]
fn replies_and_log_reasons() {
    let reply = |failure: ProtocolError| failure.reply().to_string();
    assert_eq!(reply(ProtocolError::ExpectedBulk(b'x')), "ERR Protocol error: expected '$', got 'x'");
    assert_eq!(reply(ProtocolError::MultibulkLen), "ERR Protocol error: invalid multibulk length");
    assert_eq!(ProtocolError::MultibulkLen.log_reason(), "invalid mbulk count");
}

/// Whether requests are found encoded as replies are, wherever they begin in the buffer.
#[track_caller]
fn check_encoded(request: &[u8], expected: bool) {
    for before in [&b""[..], b"\r\n", b"*2\r\n$4\r\nECHO\r\n$6\r\n*1\r\n$8\r\n"] {
        let buf = [before, request].concat();
        let (mut parser, mut batch, mut consumed) = (Parser::new(), Batch::new(), 0);
        parser.parse(&buf, &mut consumed, &Limits::default(), &mut batch, usize::MAX);
        let args = batch.request(batch.len() - 1, &buf);
        let mut encoded = Vec::new();
        crate::reply::Reply::new(&mut encoded, crate::reply::Resp::V2).bulks(args.iter());
        assert_eq!(args.encoded(), expected.then_some(&encoded[..]), "{}", buf.escape_ascii());
        assert_eq!(args.to_owned().args().encoded(), None);
    }
}

#[test]
fn requests_are_taken_over_as_they_came() {
    let long = format!("*2\r\n$3\r\nDEL\r\n$1234\r\n{}\r\n", "x".repeat(1234));
    let many = format!("*11\r\n$4\r\nRPUSH\r\n{}", "$0\r\n\r\n".repeat(10)).replace("$4", "$5");
    for request in [
        "*1\r\n$8\r\nFLUSHALL\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$12\r\n\r\n$1\r\nabcdef\r\n",
        &long,
        &many,
    ] {
        check_encoded(request.as_bytes(), true);
    }
    // Redis looks at no line feeds, nor at what stands behind an argument.
    let others = [
        "*2\rx$3\r\nDEL\r\n$1\r\na\r\n",
        "*2\r\n$3\rxDEL\r\n$1\r\na\r\n",
        "*2\r\n$3\r\nDELxx$1\r\na\r\n",
        "*2\r\n$3\r\nDEL\r\n$1\r\na\rx",
        "*2\r\n$3\r\nDEL\r\n$1\r\naxx",
        "*2\r\n$3\r\nDEL\r\n$12\rxabcdefghijkl\r\n",
        "SET a b\r\n",
        "SET      a      b\r\n",
        "DEL \t\r\r  aa\n",
        "FLUSHALL\r\n",
    ];
    others.into_iter().for_each(|request| check_encoded(request.as_bytes(), false));
}
