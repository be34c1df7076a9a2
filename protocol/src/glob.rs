//! Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET match them.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any bytes, also none |
//! | `?` | any byte |
//! | `[abc]`, `[a-c]`, `[c-a]`, `[^a]` | a byte of the class, or not of it; a class may lack its closing bracket |
//! | `\x` | the byte x, also inside a class |
//!
//! Every element but `*` takes exactly one byte. So it suffices to go back to the last `*` after a mismatch: the
//! time is at most pattern length x text length, and no pattern needs a stack.
//!
//! Kept from Redis: an empty text matches the empty pattern only (not `*`); ranges compare signed bytes; an escaped byte inside
//! a class is compared as it is, also when case is ignored; a pattern that gets past its thousandth `*` matches nothing.

/// Stars that a match may get past, the last byte of a pattern not counted.
const STARS_MAX: usize = 1000;

/// Whether the whole text matches the pattern.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    Matcher { pattern, nocase: false }.matches(text)
}

/// Whether the whole text matches the pattern, ASCII letters in any case.
pub fn matches_nocase(pattern: &[u8], text: &[u8]) -> bool {
    Matcher { pattern, nocase: true }.matches(text)
}

/// Whether a pattern has no special bytes, so that it matches itself only.
pub fn is_literal(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

struct Matcher<'a> {
    pattern: &'a [u8],
    nocase: bool,
}

impl Matcher<'_> {
    fn matches(&self, text: &[u8]) -> bool {
        if text.is_empty() {
            return self.pattern.is_empty();
        }
        let (mut p, mut t) = (0, 0);
        // What follows the last star, and where in the text it is being tried.
        let mut last_star: Option<(usize, usize)> = None;
        let mut stars = 0;
        loop {
            if t == text.len() {
                // Trying further on leaves less text for as many bytes: this is the answer.
                return self.skip_stars(p) == self.pattern.len();
            }
            if self.pattern.get(p) == Some(&b'*') {
                p = self.skip_stars(p);
                if p == self.pattern.len() {
                    return true;
                }
                stars += 1;
                if stars > STARS_MAX {
                    return false;
                }
                last_star = Some((p, t));
            } else if let Some(next) = self.element(p, text[t]) {
                (p, t) = (next, t + 1);
            } else if let Some((after, tried)) = last_star {
                last_star = Some((after, tried + 1));
                (p, t) = (after, tried + 1);
            } else {
                return false;
            }
        }
    }

    fn skip_stars(&self, p: usize) -> usize {
        p + self.pattern[p..].iter().take_while(|&&byte| byte == b'*').count()
    }

    /// Where the pattern goes on after the element at `p`, if that matches the byte.
    #[inline]
    fn element(&self, p: usize, byte: u8) -> Option<usize> {
        match *self.pattern.get(p)? {
            b'?' => Some(p + 1),
            b'[' => self.class(p + 1, byte),
            b'\\' if p + 1 < self.pattern.len() => self.same(self.pattern[p + 1], byte).then_some(p + 2),
            literal => self.same(literal, byte).then_some(p + 1),
        }
    }

    fn class(&self, mut p: usize, byte: u8) -> Option<usize> {
        let negated = self.pattern.get(p) == Some(&b'^');
        p += usize::from(negated);
        let mut found = false;
        loop {
            match self.pattern[p..] {
                [] => break,
                [b'\\', escaped, ..] => {
                    found |= escaped == byte;
                    p += 2;
                }
                [b']', ..] => {
                    p += 1;
                    break;
                }
                [first, b'-', last, ..] => {
                    found |= self.in_range(first, last, byte);
                    p += 3;
                }
                [literal, ..] => {
                    found |= self.same(literal, byte);
                    p += 1;
                }
            }
        }
        (found != negated).then_some(p)
    }

    fn same(&self, a: u8, b: u8) -> bool {
        a == b || (self.nocase && a.eq_ignore_ascii_case(&b))
    }

    fn in_range(&self, first: u8, last: u8, byte: u8) -> bool {
        let (low, high) = if first as i8 > last as i8 { (last, first) } else { (first, last) };
        let fold = |byte: u8| if self.nocase { byte.to_ascii_lowercase() as i8 } else { byte as i8 };
        (fold(low)..=fold(high)).contains(&fold(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &[u8], yes: &[&[u8]], no: &[&[u8]]) {
        for (texts, expected) in [(yes, true), (no, false)] {
            for text in texts {
                let name = format!("{} on {}", pattern.escape_ascii(), text.escape_ascii());
                assert_eq!(matches(pattern, text), expected, "{name}");
            }
        }
    }

    #[test]
    fn literals_and_wildcards() {
        check(b"", &[b""], &[b"a"]);
        check(b"abc", &[b"abc"], &[b"", b"ab", b"abcd", b"abd", b"ABC"]);
        check(b"h?llo", &[b"hello", b"h\nllo"], &[b"hllo", b"heello"]);
        check(b"h*llo", &[b"hllo", b"heeeello", b"hllollo"], &[b"hell", b"hllox"]);
        check(b"*", &[b"a", b"\0\xff"], &[b""]);
        check(b"**a***", &[b"a", b"bba", b"abb"], &[b"", b"bb"]);
        check(b"*a*b*c", &[b"abc", b"xaxbxc", b"abcbc"], &[b"abcx", b"acb"]);
        check(b"a*", &[b"a", b"ab"], &[b"", b"ba"]);
    }

    #[test]
    fn classes() {
        check(b"[abc]", &[b"a", b"c"], &[b"d", b"", b"ab"]);
        check(b"[a-c]x", &[b"ax", b"cx"], &[b"dx", b"-x"]);
        check(b"[c-a]", &[b"a", b"b", b"c"], &[b"d"]);
        check(b"[^a-c]", &[b"d", b"^"], &[b"a", b"b", b""]);
        check(b"[]", &[], &[b"a", b"]"]);
        check(b"[^]", &[b"a", b"]"], &[b""]);
        check(b"[a]]", &[b"a]"], &[b"a"]);
        check(b"[\\]-]", &[b"]", b"-"], &[b"\\"]);
        check(b"[a-]", &[b"a", b"]", b"_"], &[b"-", b"b"]);
        check(b"[\\a-c]", &[b"a", b"-", b"c"], &[b"b", b"\\"]);
        check(b"[\x7f-\x80]", &[b"a", b"\0", b"\xff", b"\x80", b"\x7f"], &[]);
    }

    #[test]
    fn classes_without_closing_bracket() {
        check(b"[", &[], &[b"[", b"a"]);
        check(b"[^", &[b"a", b"["], &[]);
        check(b"[ab", &[b"a", b"b"], &[b"c", b"[ab"]);
        check(b"*[a-", &[b"xa", b"x-"], &[b"x"]);
        check(b"[\\", &[b"\\"], &[b"a"]);
    }

    #[test]
    fn escapes() {
        check(b"\\*\\?\\[\\\\", &[b"*?[\\"], &[b"ab[\\"]);
        check(b"a\\", &[b"a\\"], &[b"a"]);
    }

    #[test]
    fn case_is_ignored_on_demand() {
        assert!(matches_nocase(b"AbC*", b"aBcd"));
        assert!(matches_nocase(b"[A-C]", b"b") && matches_nocase(b"[a-c]", b"B"));
        assert!(!matches_nocase(b"[\\A]", b"a"));
        assert!(!matches(b"AbC*", b"aBcd"));
    }

    #[test]
    fn no_pattern_takes_long() {
        let text = [b'a'; 100_000];
        assert!(!matches(b"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", &text));
        assert!(matches(&b"*a".repeat(1000), &text));
        assert!(!matches(&b"*a".repeat(1001), &text));
    }

    #[test]
    fn literal_patterns() {
        assert!(is_literal(b"key:1]^-"));
        assert!([&b"a*"[..], b"?", b"[a]", b"a\\b"].iter().all(|pattern| !is_literal(pattern)));
    }

    /// All ways a pattern of literals, `*` and `?` can match, tried one after the other.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            ([b'?', rest @ ..], [_, text @ ..]) => naive(rest, text),
            ([literal, rest @ ..], [byte, text @ ..]) => literal == byte && naive(rest, text),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn one_way_back_is_enough(pattern in "[ab*?]{0,10}", text in "[ab]{1,12}") {
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), naive(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn any_bytes_are_a_pattern(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text);
            let escaped: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
            prop_assert!(matches(&escaped, &text));
        }
    }
}
