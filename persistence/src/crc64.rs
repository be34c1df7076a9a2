//! The checksum of RDB files and DUMP payloads: CRC-64 with Jones' polynomial, reflected, starting from 0 and ending as it
//! is.

use crc_fast::CrcAlgorithm;

/// The checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_catalogue_s_check_value_comes_out() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(checksum(b""), 0);
    }
}
