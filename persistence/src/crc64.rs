//! The checksum of RDB files and DUMP payloads: CRC-64 with Jones' polynomial, reflected, starting from 0 and ending as it
//! is.

use crc_fast::CrcAlgorithm;

/// The checksum of bytes that come one after the other.
#[derive(Clone, Debug)]
pub struct Digest(crc_fast::Digest);

impl Default for Digest {
    fn default() -> Digest {
        Digest::new()
    }
}

impl Digest {
    /// Nothing yet.
    pub fn new() -> Digest {
        Digest(crc_fast::Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

/// The checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::{Digest, checksum};

    #[test]
    fn parts_make_the_whole() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| (i * 7) as u8).collect();
        for at in [0, 1, 17, 256, 4999, 5000] {
            let mut digest = Digest::new();
            digest.update(&bytes[..at]);
            digest.update(&bytes[at..]);
            assert_eq!(digest.value(), checksum(&bytes), "{at}");
        }
    }

    #[test]
    fn the_catalogue_s_check_value_comes_out() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(checksum(b""), 0);
    }
}
