//! The hash slot of a key: CRC16 (XMODEM) modulo 16384, over the first non-empty `{tag}` if there is one.

/// Number of hash slots.
pub const SLOT_COUNT: u16 = 16384;

/// The slot of `key`.
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hashed_part(key)) % SLOT_COUNT
}

/// CRC16 with polynomial 0x1021, initial value 0, no reflection.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

fn hashed_part(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&byte| byte == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        let known: [(&[u8], u16); 6] = [
            (b"", 0),
            (b"foo", 12182),
            (b"bar", 5061),
            (b"hello", 866),
            (b"somekey", 11058),
            (b"123456789", 12739),
        ];
        for (key, slot) in known {
            assert_eq!(key_slot(key), slot, "{}", key.escape_ascii());
        }
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn a_tag_decides_unless_it_is_empty_or_open() {
        let tagged: [(&[u8], &[u8]); 5] = [
            (b"{foo}.a", b"foo"),
            (b"a{foo}b{bar}", b"foo"),
            (b"a{{foo}}", b"{foo"),
            (b"a{}{foo}", b"a{}{foo}"),
            (b"a{foo", b"a{foo"),
        ];
        for (key, part) in tagged {
            assert_eq!(key_slot(key), crc16(part) % SLOT_COUNT, "{}", key.escape_ascii());
        }
    }
}
