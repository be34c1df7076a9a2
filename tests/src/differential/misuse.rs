//! Any command with any words: wrong arities, unknown names, options where none belong.

use super::Family;
use super::draw::Draw;
use super::script::{Compare, Step};
use crate::command;

/// The family.
pub const MISUSE: Family = Family { name: "misuse", steps, fresh_servers: true };

/// Commands that may be called with anything: their replies follow from what came before, and they neither block nor
/// stop the server nor change how later replies arrive.
const NAMES: &str = "
    append bitcount bitfield bitfield_ro bitop bitpos copy dbsize decr decrby del echo exists expire expireat
    expiretime flushall flushdb get getbit getdel getex getrange getset hello incr incrby incrbyfloat keys lcs
    mget move mset msetnx object persist pfadd pfcount pfdebug pfmerge pexpire pexpireat pexpiretime ping psetex pttl publish pubsub rename renamenx
    scan select set setbit setex setnx setrange spublish strlen substr swapdb time touch ttl type unlink
    multi exec discard watch unwatch auth client config command memory slowlog latency acl nosuch get|x config|get ''
";

/// Words that mean something somewhere.
const WORDS: &str = "
    EX PX EXAT PXAT NX XX GT LT GET KEEPTTL PERSIST LEN IDX MINMATCHLEN WITHMATCHLEN MATCH COUNT TYPE string BIT BYTE
    AND OR XOR NOT SET INCRBY OVERFLOW WRAP SAT FAIL u8 i16 #1 REPLACE DB SYNC ASYNC ENCODING FREQ IDLETIME REFCOUNT
    SETNAME GETNAME ID INFO LIST NUMPAT NUMSUB CHANNELS GETKEYS AUTH default RESETSTAT USAGE HISTORY WHOAMI * k?
";

/// Subcommands whose replies or effects differ by nature, or that would cut the connection.
const UNSUITED: &str = "
    client|id client|list client|info client|kill client|pause client|reply client|tracking client|trackinginfo
    client|no-touch client|setinfo client|help command| command|docs command|info command|list command|count
    command|help config|set config|rewrite config|help config|get memory|doctor memory|stats memory|usage
    memory|malloc-stats memory|purge memory|help slowlog|get slowlog|help latency|latest latency|doctor latency|graph
    latency|histogram latency|help latency|history acl|list acl|getuser acl|users acl|cat acl|log acl|help acl|genpass
    acl|setuser acl|deluser acl|dryrun acl|save acl|load object|help object|idletime pubsub|help time|
";

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let names: Vec<&str> = NAMES.split_whitespace().collect();
    let mut command = command![draw.word(&names)];
    for _ in 0..draw.below(6) {
        command.push(any_word(draw));
    }
    if unsuited(&command) || is_huge(&command) {
        return;
    }
    let name = String::from_utf8_lossy(&command[0]).to_ascii_lowercase();
    let compare = match name.as_str() {
        "ttl" | "expiretime" => Compare::Near(5),
        "pttl" | "pexpiretime" => Compare::Near(5000),
        "keys" | "pubsub" => Compare::Unordered,
        "hello" => Compare::Hello,
        "scan" => Compare::Kind,
        _ => Compare::Exact,
    };
    steps.push(Step::new(command, compare));
}

fn any_word(draw: &mut Draw) -> Vec<u8> {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    match draw.below(6) {
        0 | 1 => draw.word(&words),
        2 => draw.bit_offset(),
        3 => draw.value(),
        4 => draw.ttl_milliseconds(),
        _ => draw.key(),
    }
}

/// Whether the command might write bits far enough away to need much memory.
fn is_huge(command: &[Vec<u8>]) -> bool {
    let huge = |word: &Vec<u8>| {
        let digits = std::str::from_utf8(word).ok().map(|text| text.trim_start_matches('#'));
        digits.and_then(|text| text.parse::<u64>().ok()).is_some_and(|number| number > 1_000_000)
    };
    [b"setbit".as_slice(), b"bitfield"].iter().any(|name| command[0].eq_ignore_ascii_case(name))
        && command.iter().any(huge)
}

fn unsuited(command: &[Vec<u8>]) -> bool {
    let word = |at: usize| command.get(at).map(|word| String::from_utf8_lossy(word).to_ascii_lowercase());
    let (name, subcommand) = (word(0).unwrap_or_default(), word(1).unwrap_or_default());
    UNSUITED.split_whitespace().any(|unsuited| unsuited == format!("{name}|{subcommand}"))
}
