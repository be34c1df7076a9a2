//! Random words: keys from a small pool so that commands meet, values and numbers with every edge among them.

use crate::seed::Seed;

/// Numbers, and texts that are nearly numbers.
const NUMBERS: [&str; 48] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "8",
    "10",
    "63",
    "64",
    "100",
    "255",
    "256",
    "-100",
    "9999",
    "10000",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "123456789012345678901234567890",
    "+1",
    " 1",
    "1 ",
    "01",
    "-0",
    "+0",
    "--1",
    "0x10",
    "1e3",
    "",
    " ",
    "abc",
    "1.0",
    "1.5",
    "1\0",
    "nan",
    "inf",
    "1_000",
    "٣",
];

/// Floating-point texts, and texts that are nearly such.
const FLOATS: [&str; 40] = [
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1",
    "0.1",
    "0.2",
    "1.5",
    "-1.5",
    "3.0e3",
    "1e3",
    "1E-3",
    "5.0e-324",
    "1e-20",
    "123456.789",
    "0.3333333333333333",
    "3.141592653589793238462643",
    "1e17",
    "1e18",
    "1e20",
    "1e100",
    "1.7e308",
    "1e309",
    "-1e309",
    "1e4932",
    "1e5000",
    "9223372036854775807",
    "18446744073709551616",
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "nan",
    "0x1p3",
    " 1",
    "1 ",
    "",
    "1.2.3",
    "e5",
];

/// A source of random words and of the choices between them.
#[derive(Clone, Debug)]
pub struct Draw {
    seed: Seed,
    /// Whether the history speaks RESP3.
    pub resp3: bool,
}

impl Draw {
    /// The source of one history.
    pub fn new(seed: u64, resp3: bool) -> Self {
        Self { seed: Seed::new(seed), resp3 }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.seed.below(bound)
    }

    /// A number of the inclusive range.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        self.seed.range(low, high)
    }

    /// True once in `n` on average.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.seed.one_in(n)
    }

    /// One of these words, now and then in another case.
    pub fn word(&mut self, words: &[&str]) -> Vec<u8> {
        let word = *self.seed.pick(words);
        match self.below(4) {
            0 => word.to_ascii_lowercase().into_bytes(),
            1 => self.mixed_case(word),
            _ => word.as_bytes().to_vec(),
        }
    }

    /// One of these words as it is.
    pub fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// A key: mostly one of eight.
    pub fn key(&mut self) -> Vec<u8> {
        match self.below(24) {
            0 => Vec::new(),
            1 => b"\0\xff\r\n\x80 binary".to_vec(),
            2 => b"with space".to_vec(),
            3 => vec![b'k'; 300],
            4 => b"{tag}a".to_vec(),
            5 => b"{tag}b".to_vec(),
            6 => format!("many:{}", self.below(1000)).into_bytes(),
            _ => format!("k{}", self.below(8)).into_bytes(),
        }
    }

    /// One to `most` keys.
    pub fn keys(&mut self, most: usize) -> Vec<Vec<u8>> {
        (0..=self.below(most)).map(|_| self.key()).collect()
    }

    /// A value.
    pub fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 | 1 => self.number(),
            2 => self.float(),
            3 => Vec::new(),
            4 => self.text(44),
            5 => self.text(45),
            6 => {
                let length = self.below(300);
                self.bytes(length)
            }
            7 if self.one_in(20) => {
                let length = 10_000 + self.below(30_000);
                self.text(length)
            }
            _ => {
                let length = self.below(24);
                self.text(length)
            }
        }
    }

    /// A number in decimal, or an edge case of one.
    pub fn number(&mut self) -> Vec<u8> {
        if self.one_in(3) { self.small() } else { self.seed.pick(&NUMBERS).as_bytes().to_vec() }
    }

    /// A small number that is always valid.
    pub fn small(&mut self) -> Vec<u8> {
        self.range(-20, 120).to_string().into_bytes()
    }

    /// A floating-point number, or an edge case of one.
    pub fn float(&mut self) -> Vec<u8> {
        if self.one_in(3) {
            let (whole, part) = (self.range(-1000, 1000), self.below(10_000));
            return format!("{whole}.{part}").into_bytes();
        }
        self.seed.pick(&FLOATS).as_bytes().to_vec()
    }

    /// An offset to write at: near, beyond every limit, or no number; never one that needs much memory.
    pub fn offset(&mut self) -> Vec<u8> {
        const FAR: [&str; 10] = [
            "-1",
            "4294967296",
            "536870912",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "",
            "abc",
            "1.5",
            " 1",
        ];
        match self.below(8) {
            0 => self.seed.pick(&FAR).as_bytes().to_vec(),
            1 => self.range(0, 100_000).to_string().into_bytes(),
            _ => self.range(0, 200).to_string().into_bytes(),
        }
    }

    /// The same for bits.
    pub fn bit_offset(&mut self) -> Vec<u8> {
        let offset = self.offset();
        if offset == b"536870912" { b"4294967296".to_vec() } else { offset }
    }

    /// A deadline from now that does not pass during a run, in seconds; or one that has passed, or an edge case.
    pub fn ttl_seconds(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.edge_deadline(),
            1 => self.range(-1000, 0).to_string().into_bytes(),
            _ => self.range(1_000, 100_000_000).to_string().into_bytes(),
        }
    }

    /// The same in milliseconds.
    pub fn ttl_milliseconds(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.edge_deadline(),
            1 => self.range(-1_000_000, 0).to_string().into_bytes(),
            _ => self.range(1_000_000, 100_000_000_000).to_string().into_bytes(),
        }
    }

    /// A moment far in the past or in the future, in seconds since 1970. Some moments come often, to meet themselves.
    pub fn moment_seconds(&mut self) -> Vec<u8> {
        match self.below(10) {
            0 => self.edge_deadline(),
            1 => self.range(1, 1_000_000_000).to_string().into_bytes(),
            2..=5 => self.seed.pick(&["4102444800", "4102444801", "33177117420"]).as_bytes().to_vec(),
            _ => self.range(4_000_000_000, 9_000_000_000).to_string().into_bytes(),
        }
    }

    /// The same in milliseconds.
    pub fn moment_milliseconds(&mut self) -> Vec<u8> {
        match self.below(10) {
            0 => self.edge_deadline(),
            1 => self.range(1, 1_000_000_000_000).to_string().into_bytes(),
            2..=5 => {
                self.seed.pick(&["4102444800000", "4102444800001", "33177117420000"]).as_bytes().to_vec()
            }
            _ => self.range(4_000_000_000_000, 9_000_000_000_000).to_string().into_bytes(),
        }
    }

    /// A glob pattern.
    pub fn pattern(&mut self) -> Vec<u8> {
        const PATTERNS: [&str; 20] = [
            "*",
            "k*",
            "k?",
            "k[0-3]",
            "k[^0-3]",
            "k[3-0]",
            "*:*",
            "many:*1*",
            "{tag}*",
            "\\k*",
            "k\\*",
            "[",
            "[a",
            "k[0",
            "",
            "?",
            "k0",
            "**a**",
            "with space",
            "[\\k]1",
        ];
        self.seed.pick(&PATTERNS).as_bytes().to_vec()
    }

    /// Printable text of this length, over few letters.
    pub fn text(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"abcdeABC01 ,"[self.below(12)]).collect()
    }

    /// Any bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    fn edge_deadline(&mut self) -> Vec<u8> {
        const EDGES: [&str; 12] = [
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775",
            "9223372036854776",
            "9223372036854775808",
            "0",
            "-1",
            "",
            "abc",
            "1.5",
            "+100",
            " 100",
        ];
        self.seed.pick(&EDGES).as_bytes().to_vec()
    }

    fn mixed_case(&mut self, word: &str) -> Vec<u8> {
        let letters = word.bytes();
        letters.map(|letter| if self.one_in(2) { letter.to_ascii_lowercase() } else { letter }).collect()
    }
}
