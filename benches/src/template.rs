//! Command templates: one line of text becomes request bytes in which the random digits can be rewritten in place.
//!
//! The placeholder is the one of redis-benchmark, so that the same line drives both generators: `__rand_int__`
//! stands for twelve decimal digits. `__value__` stands for a value of the size under test.

/// What redis-benchmark replaces by a random number.
pub const RANDOM: &str = "__rand_int__";
/// What is replaced by a value of the size under test.
pub const VALUE: &str = "__value__";

const DIGIT_COUNT: usize = RANDOM.len();

/// A command as request bytes, with the places of its variable digits.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    digits_at: Vec<usize>,
}

impl Template {
    /// From words; the placeholders are still in them.
    #[must_use]
    pub fn new(words: &[String]) -> Template {
        let bytes = encode(words);
        let digits_at = memchr::memmem::find_iter(&bytes, RANDOM).collect();
        Template { bytes, digits_at }
    }

    /// `depth` copies in a row: one pipeline.
    #[must_use]
    pub fn repeated(&self, depth: usize) -> Template {
        let mut digits_at = Vec::with_capacity(self.digits_at.len() * depth);
        for copy in 0..depth {
            digits_at.extend(self.digits_at.iter().map(|at| at + copy * self.bytes.len()));
        }
        Template { bytes: self.bytes.repeat(depth), digits_at }
    }

    /// Writes a number below `keyspace` into every place.
    pub fn randomize(&mut self, random: &mut Random, keyspace: u64) {
        for &at in &self.digits_at {
            write_digits(&mut self.bytes[at..at + DIGIT_COUNT], random.below(keyspace));
        }
    }

    /// Writes the same number into every place.
    pub fn number(&mut self, number: u64) {
        for &at in &self.digits_at {
            write_digits(&mut self.bytes[at..at + DIGIT_COUNT], number);
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
    line.split_ascii_whitespace().map(|word| word.replace(VALUE, &value)).collect()
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
