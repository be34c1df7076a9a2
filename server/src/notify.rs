//! Keyspace-event classes: the letters of `notify-keyspace-events`.

use bitflags::bitflags;

bitflags! {
    /// Event classes; the letter is in each doc line.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Class: u32 {
        /// `K`: publish to `__keyspace@<db>__:<key>`.
        const KEYSPACE = 1 << 0;
        /// `E`: publish to `__keyevent@<db>__:<event>`.
        const KEYEVENT = 1 << 1;
        /// `g`: type-independent commands.
        const GENERIC = 1 << 2;
        /// `$`
        const STRING = 1 << 3;
        /// `l`
        const LIST = 1 << 4;
        /// `s`
        const SET = 1 << 5;
        /// `h`
        const HASH = 1 << 6;
        /// `z`
        const SORTED_SET = 1 << 7;
        /// `x`
        const EXPIRED = 1 << 8;
        /// `e`
        const EVICTED = 1 << 9;
        /// `t`
        const STREAM = 1 << 10;
        /// `m`: reads that found nothing; not part of `A`.
        const KEY_MISS = 1 << 11;
        /// `d`
        const MODULE = 1 << 13;
        /// `n`: a key came into being; not part of `A`.
        const NEW = 1 << 14;
        /// `A`
        const ALL = Self::GENERIC.bits() | Self::STRING.bits() | Self::LIST.bits() | Self::SET.bits()
            | Self::HASH.bits() | Self::SORTED_SET.bits() | Self::EXPIRED.bits() | Self::EVICTED.bits()
            | Self::STREAM.bits() | Self::MODULE.bits();
    }
}

const LETTERS: [(u8, Class); 14] = [
    (b'g', Class::GENERIC),
    (b'$', Class::STRING),
    (b'l', Class::LIST),
    (b's', Class::SET),
    (b'h', Class::HASH),
    (b'z', Class::SORTED_SET),
    (b'x', Class::EXPIRED),
    (b'e', Class::EVICTED),
    (b't', Class::STREAM),
    (b'd', Class::MODULE),
    (b'n', Class::NEW),
    (b'K', Class::KEYSPACE),
    (b'E', Class::KEYEVENT),
    (b'm', Class::KEY_MISS),
];

impl Class {
    /// Parses letters; `None` if one is unknown.
    pub fn parse(letters: &[u8]) -> Option<Class> {
        letters.iter().try_fold(Class::empty(), |classes, letter| match letter {
            b'A' => Some(classes | Class::ALL),
            _ => LETTERS.iter().find(|(known, _)| known == letter).map(|(_, class)| classes | *class),
        })
    }

    /// The letters as CONFIG GET shows them.
    pub fn letters(self) -> String {
        let all = self.contains(Class::ALL);
        let mut text = String::new();
        if all {
            text.push('A');
        }
        for (letter, class) in LETTERS {
            if self.contains(class) && !(all && Class::ALL.contains(class)) {
                text.push(letter as char);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn letters_round_trip() {
        for (letters, shown) in
            [("KEA", "AKE"), ("", ""), ("xKg", "gxK"), ("g$lshzxetd", "A"), ("AmnK", "AnKm")]
        {
            assert_eq!(Class::parse(letters.as_bytes()).unwrap().letters(), shown);
        }
        assert_eq!(Class::parse(b"KQ"), None);
    }
}
