//! The payload of DUMP and RESTORE: one value on its way between servers.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | the value's type, see [`crate::rdb::Type`] |
//! | n | the value, as in an RDB file |
//! | 2 | RDB version, little-endian |
//! | 8 | CRC-64 of all before, little-endian |
//!
//! Invariant: what [`open`] gives was not changed on its way, unless somebody meant to: the checksum keeps no secret.

use crate::crc64;

/// The newest RDB version of Redis whose values are understood.
pub const VERSION_MAX: u16 = 13;
/// The RDB version of Valkey 9. Its values are those of Redis 7.2, and hashes with expiring fields of its own.
pub const VERSION_VALKEY: u16 = 80;

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// A payload taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The RDB version of the server that made it.
    pub version: u16,
    /// Type and value.
    pub body: &'a [u8],
}

/// Makes type and value a payload, by appending version and checksum.
pub fn seal(body: &mut Vec<u8>, version: u16) {
    body.extend_from_slice(&version.to_le_bytes());
    let checksum = crc64::checksum(body);
    body.extend_from_slice(&checksum.to_le_bytes());
}

/// Takes a payload apart. `None` if it is too short, its version is not understood, or its checksum, which is looked at
/// only when `verify`, is wrong.
pub fn open(payload: &[u8], verify: bool) -> Option<Opened<'_>> {
    let (content, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (body, version) = content.split_last_chunk::<VERSION_BYTES>()?;
    let version = u16::from_le_bytes(*version);
    let understood = version <= VERSION_MAX || version == VERSION_VALKEY;
    let intact = !verify || crc64::checksum(content) == u64::from_le_bytes(*checksum);
    (understood && intact).then_some(Opened { version, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_sealed_as_by_redis() {
        // SET a hello; DUMP a
        let mut sealed = b"\0\x05hello".to_vec();
        seal(&mut sealed, 11);
        assert_eq!(sealed, REDIS_7_2);
    }

    #[test]
    fn a_payload_comes_apart() {
        assert_eq!(open(REDIS_7_2, true), Some(Opened { version: 11, body: b"\0\x05hello" }));
        assert_eq!(open(&REDIS_7_2[1..], false), Some(Opened { version: 11, body: b"\x05hello" }));
        assert_eq!(open(&REDIS_7_2[REDIS_7_2.len() - 10..], false), Some(Opened { version: 11, body: b"" }));
    }

    #[test]
    fn broken_payloads_stay_shut() {
        for at in 0..REDIS_7_2.len() {
            let mut flipped = REDIS_7_2.to_vec();
            flipped[at] ^= 1;
            assert_eq!(open(&flipped, true), None);
            assert_eq!(open(&REDIS_7_2[..at], true), None);
        }
        assert_eq!(open(&[0; 9], false), None);
    }

    #[test]
    fn versions_that_nobody_wrote_are_refused() {
        for (version, expected) in
            [(0, true), (12, true), (13, true), (14, false), (79, false), (80, true), (81, false)]
        {
            let mut sealed = b"\0\x05hello".to_vec();
            seal(&mut sealed, version);
            assert_eq!(open(&sealed, true).is_some(), expected, "{version}");
        }
    }

    const REDIS_7_2: &[u8] = b"\x00\x05hello\x0b\x00\x0a\xadb\x05\x98\xab\xc9\x83";
}
