//! Thresholds at which a value changes its encoding.

use super::feature::TYPES;
use crate::config::directive::{Directive, Traits, choice, number};

const INT_MIN: i128 = i32::MIN as i128;
const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    number!("hash-max-listpack-entries", hash_max_listpack_entries, 0, LONG_MAX, 512)
        .alias("hash-max-ziplist-entries"),
    number!("hash-max-listpack-value", hash_max_listpack_value, Bytes, 0, LONG_MAX, 64)
        .alias("hash-max-ziplist-value"),
    number!("set-max-intset-entries", set_max_intset_entries, 0, LONG_MAX, 512),
    number!("set-max-listpack-entries", set_max_listpack_entries, 0, LONG_MAX, 128),
    number!("set-max-listpack-value", set_max_listpack_value, 0, LONG_MAX, 64),
    number!("zset-max-listpack-entries", zset_max_listpack_entries, 0, LONG_MAX, 128)
        .alias("zset-max-ziplist-entries"),
    number!("zset-max-listpack-value", zset_max_listpack_value, Bytes, 0, LONG_MAX, 64)
        .alias("zset-max-ziplist-value"),
    number!("list-max-listpack-size", list_max_listpack_size, INT_MIN, INT_MAX, -2)
        .alias("list-max-ziplist-size"),
    number!("list-compress-depth", list_compress_depth, 0, INT_MAX, 0).is(Traits::DEBUG).later(TYPES),
    number!("hll-sparse-max-bytes", hll_sparse_max_bytes, Bytes, 0, LONG_MAX, 3000),
    number!("stream-node-max-bytes", stream_node_max_bytes, Bytes, 0, LONG_MAX, 4096).later(TYPES),
    number!("stream-node-max-entries", stream_node_max_entries, 0, LONG_MAX, 100).later(TYPES),
    choice!("sanitize-dump-payload", sanitize_dump_payload, SanitizeDumpPayload, No)
        .is(Traits::DEBUG)
        .later("DUMP and RESTORE"),
];
