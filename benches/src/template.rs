//! Command templates: one line of text becomes request bytes in which the random digits can be rewritten in place.
//!
//! The placeholder is the one of redis-benchmark, so that the same line drives both generators: `__rand_int__`
//! stands for twelve decimal digits. `__value__` stands for a value of the size under test.
//!
//! | written | stands for |
//! |---|---|
//! | `__rand_int__` | a number below the keyspace |
//! | `__same_int__` | the number before it in the line, once more |
//! | `[words]` | the words ten times, with the digits 0 to 9 for every `#` in them |
//! | ` ; ` | the end of a command: another one may follow. Only the built-in generator knows it |

/// What redis-benchmark replaces by a random number.
pub const RANDOM: &str = "__rand_int__";
/// What is replaced by the number before it.
pub const SAME: &str = "__same_int__";
/// What is replaced by a value of the size under test.
pub const VALUE: &str = "__value__";
/// The word that ends a command.
pub const NEXT: &str = ";";

const DIGIT_COUNT: usize = RANDOM.len();
const BRACKET_LEN: usize = 10;

/// Commands as request bytes, with the places of their variable digits.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    commands: usize,
    digits: Vec<Digits>,
}

#[derive(Clone, Copy, Debug)]
struct Digits {
    at: usize,
    /// The number of the digits before.
    same: bool,
}

impl Template {
    /// From words; the placeholders are still in them.
    #[must_use]
    pub fn new(words: &[String]) -> Template {
        let commands: Vec<Vec<u8>> =
            words.split(|word| word == NEXT).filter(|words| !words.is_empty()).map(encode).collect();
        let bytes = commands.concat();
        let found = |text, same| memchr::memmem::find_iter(&bytes, text).map(move |at| Digits { at, same });
        let mut digits: Vec<Digits> = found(RANDOM, false).chain(found(SAME, true)).collect();
        digits.sort_unstable_by_key(|digits| digits.at);
        Template { bytes, commands: commands.len(), digits }
    }

    /// As many copies in a row as make `depth` commands, at least one: one pipeline.
    #[must_use]
    pub fn repeated(&self, depth: usize) -> Template {
        let copies = (depth / self.commands).max(1);
        let mut all = Vec::with_capacity(self.digits.len() * copies);
        for copy in 0..copies {
            let moved = |digits: &Digits| Digits { at: digits.at + copy * self.bytes.len(), ..*digits };
            all.extend(self.digits.iter().map(moved));
        }
        Template { bytes: self.bytes.repeat(copies), commands: self.commands * copies, digits: all }
    }

    /// How many commands it is.
    #[must_use]
    pub fn commands(&self) -> usize {
        self.commands
    }

    /// Writes a number below `keyspace` into every place.
    pub fn randomize(&mut self, random: &mut Random, keyspace: u64) {
        let mut number = 0;
        for &Digits { at, same } in &self.digits {
            if !same {
                number = random.below(keyspace);
            }
            write_digits(&mut self.bytes[at..at + DIGIT_COUNT], number);
        }
    }

    /// Writes the same number into every place.
    pub fn number(&mut self, number: u64) {
        for digits in &self.digits {
            write_digits(&mut self.bytes[digits.at..digits.at + DIGIT_COUNT], number);
        }
    }

    /// The request bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Splits a line into words and puts a value of `value_bytes` in.
#[must_use]
pub fn words(line: &str, value_bytes: usize) -> Vec<String> {
    let value = "x".repeat(value_bytes);
    expand(line).split_ascii_whitespace().map(|word| word.replace(VALUE, &value)).collect()
}

/// How many elements a line's brackets write: 1 without any.
#[must_use]
pub fn elements(line: &str) -> u64 {
    if line.contains('[') { BRACKET_LEN as u64 } else { 1 }
}

/// Writes brackets out.
fn expand(line: &str) -> String {
    let mut parts = line.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, after) = part.split_once(']').unwrap_or((part, ""));
        for digit in 0..BRACKET_LEN {
            out.push_str(&inside.replace('#', &digit.to_string()));
            out.push(' ');
        }
        out.push_str(after);
    }
    out
}

/// A request as the protocol writes it: an array of bulk strings.
#[must_use]
pub fn encode(words: &[String]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A small seeded generator of random numbers (SplitMix64): the same seed sends the same keys to every server.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number from 0 up to, not including, `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(limit)) >> 64) as u64
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_land_in_every_place_of_every_copy() {
        let mut pipeline = Template::new(&words("MGET key:__rand_int__ key:__rand_int__", 0)).repeated(2);
        pipeline.number(42);
        let once = "*3\r\n$4\r\nMGET\r\n$16\r\nkey:000000000042\r\n$16\r\nkey:000000000042\r\n";
        assert_eq!(String::from_utf8_lossy(pipeline.bytes()), once.repeat(2));
    }

    #[test]
    fn brackets_are_written_ten_times() {
        let line = "HSET h:__rand_int__ [f:# __value__] end";
        assert_eq!(words(line, 1)[..6], ["HSET", "h:__rand_int__", "f:0", "x", "f:1", "x"]);
        assert_eq!(words(line, 1)[20..], ["f:9", "x", "end"]);
        assert_eq!((elements(line), elements("GET key")), (10, 1));
    }

    #[test]
    fn commands_in_a_row_may_share_their_number() {
        let pair = Template::new(&words("LPUSH l:__rand_int__ x ; RPOP l:__same_int__", 0));
        assert_eq!(pair.commands(), 2);
        assert_eq!((pair.repeated(1).commands(), pair.repeated(16).commands()), (2, 16));
        let mut pipeline = pair.repeated(4);
        pipeline.randomize(&mut Random::new(7), 1_000_000);
        let text = String::from_utf8_lossy(pipeline.bytes()).into_owned();
        let keys: Vec<&str> = text.lines().filter(|line| line.starts_with("l:")).collect();
        assert_eq!((keys.len(), keys[0], keys[2]), (4, keys[1], keys[3]));
        assert_ne!(keys[0], keys[2]);
    }

    #[test]
    fn random_numbers_differ_and_stay_below_the_keyspace() {
        let mut pipeline = Template::new(&words("GET __rand_int__", 0)).repeated(64);
        pipeline.randomize(&mut Random::new(7), 1000);
        let text = String::from_utf8_lossy(pipeline.bytes()).into_owned();
        let numbers: Vec<u64> =
            text.lines().filter(|line| line.len() == 12).map(|line| line.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 64);
        assert!(numbers.iter().all(|number| *number < 1000));
        assert!(numbers.iter().collect::<std::collections::HashSet<_>>().len() > 50);
    }

    #[test]
    fn the_value_has_the_size_asked_for() {
        assert_eq!(words("SET k __value__", 4), ["SET", "k", "xxxx"]);
        assert_eq!(encode(&words("SET k __value__", 4)), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nxxxx\r\n");
    }
}
