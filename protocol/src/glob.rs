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
