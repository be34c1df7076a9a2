//! Errors of one family of commands each.

use super::{ReplyError, WORD_LEN_MAX, clipped, text, texts, word};

// Connection and CLIENT.
texts! {
    NO_PROTO = "NOPROTO unsupported protocol version";
    PROTO_NOT_AN_INTEGER = "ERR Protocol version is not an integer or out of range";
    CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    CLIENT_ID_INVALID = "ERR Invalid client ID";
    CLIENT_ID_NOT_POSITIVE = "ERR client-id should be greater than 0";
    NO_SUCH_CLIENT = "ERR No such client";
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    UNBLOCKED_REPLICA = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    WAIT_FOR_DISABLED_AOF = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    TRACKING_TWO_REDIRECTS = "ERR A client can only redirect to a single other client";
    TRACKING_NO_REDIRECT = "ERR The client ID you want redirect to does not exist";
    TRACKING_PREFIX_WITHOUT_BCAST = "ERR PREFIX option requires BCAST mode to be enabled";
    TRACKING_BCAST_SWITCH = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
    TRACKING_OPT_WITH_BCAST = "ERR OPTIN and OPTOUT are not compatible with BCAST";
    TRACKING_OPTIN_AND_OPTOUT = "ERR You can't specify both OPTIN mode and OPTOUT mode";
    TRACKING_OPT_SWITCH = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
    CACHING_WITHOUT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    CACHING_YES = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    CACHING_NO = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
    RESET_NORMAL_ONLY = "ERR can only reset normal client connections";
    MAXMEMORY_CLIENTS_DISABLED = "ERR maxmemory-clients is disabled.";
}

/// `ERR Syntax error in HELLO option '<option>'`
pub fn hello_option(option: &[u8]) -> ReplyError {
    text(&[b"ERR Syntax error in HELLO option '", word(option), b"'"])
}

/// `ERR Unknown client type '<type>'`
pub fn unknown_client_type(name: &[u8]) -> ReplyError {
    text(&[b"ERR Unknown client type '", word(name), b"'"])
}

/// `ERR No such user '<user>'`
pub fn no_such_user(user: &[u8]) -> ReplyError {
    text(&[b"ERR No such user '", word(user), b"'"])
}

/// `ERR <attribute> cannot contain spaces, newlines or special characters.` (CLIENT SETINFO)
pub fn client_attribute(attribute: &str) -> ReplyError {
    text(&[b"ERR ", attribute.as_bytes(), b" cannot contain spaces, newlines or special characters."])
}

/// `ERR Unrecognized option '<option>'` (CLIENT SETINFO)
pub fn unrecognized_option(option: &[u8]) -> ReplyError {
    text(&[b"ERR Unrecognized option '", word(option), b"'"])
}

/// `ERR Prefix '<prefix>' overlaps with an existing prefix '<existing>'. ...`
pub fn tracking_prefix_overlaps_existing(prefix: &[u8], existing: &[u8]) -> ReplyError {
    let tail = b"'. Prefixes for a single client must not overlap.";
    let middle = b"' overlaps with an existing prefix '";
    text(&[b"ERR Prefix '", word(prefix), middle, word(existing), tail])
}

/// `ERR Prefix '<prefix>' overlaps with another provided prefix '<other>'. ...`
pub fn tracking_prefix_overlaps_provided(prefix: &[u8], other: &[u8]) -> ReplyError {
    let tail = b"'. Prefixes for a single client must not overlap.";
    let middle = b"' overlaps with another provided prefix '";
    text(&[b"ERR Prefix '", word(prefix), middle, word(other), tail])
}

// Strings and bitmaps.
texts! {
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    INCREMENT_OVERFLOW = "ERR increment or decrement would overflow";
    DECREMENT_OVERFLOW = "ERR decrement would overflow";
    INCREMENT_NAN = "ERR increment would produce NaN or Infinity";
    LCS_NOT_STRINGS = "ERR The specified keys must contain string values";
    LCS_LEN_AND_IDX = "ERR If you want both the length and indexes, please just use IDX.";
    LCS_TOO_LONG = "ERR String too long for LCS";
    LCS_MEMORY = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    LCS_ALLOCATION = "ERR Insufficient memory, failed allocating transient memory for LCS";
    BIT_OFFSET = "ERR bit offset is not an integer or out of range";
    BIT_VALUE = "ERR bit is not an integer or out of range";
    BIT_ARGUMENT = "ERR The bit argument must be 1 or 0.";
    BITOP_NOT = "ERR BITOP NOT must be called with a single source key.";
    BITFIELD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    BITFIELD_OVERFLOW = "ERR Invalid OVERFLOW type specified";
    BITFIELD_RO = "ERR BITFIELD_RO only supports the GET subcommand";
}

// HyperLogLog.
texts! {
    HLL_INVALID = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    HLL_CORRUPT = "INVALIDOBJ Corrupted HLL object detected";
    PFDEBUG_KEY = "ERR The specified key does not exist";
    PFDEBUG_NOT_SPARSE = "ERR HLL encoding is not sparse";
}

/// `ERR Unknown PFDEBUG subcommand '<subcommand>'`
pub fn pfdebug_unknown(subcommand: &[u8]) -> ReplyError {
    text(&[b"ERR Unknown PFDEBUG subcommand '", word(subcommand), b"'"])
}

/// `ERR TESTFAILED <fault>` (PFSELFTEST)
pub fn test_failed(fault: &str) -> ReplyError {
    text(&[b"ERR TESTFAILED ", fault.as_bytes()])
}

// SORT.
texts! {
    SORT_WEIGHT = "ERR One or more scores can't be converted into double";
    SORT_BY_IN_CLUSTER = "ERR BY option of SORT denied in Cluster mode.";
    SORT_GET_IN_CLUSTER = "ERR GET option of SORT denied in Cluster mode.";
}

// Geography.
texts! {
    GEO_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI";
    GEO_RADIUS = "ERR need numeric radius";
    GEO_RADIUS_NEGATIVE = "ERR radius cannot be negative";
    GEO_WIDTH = "ERR need numeric width";
    GEO_HEIGHT = "ERR need numeric height";
    GEO_BOX_NEGATIVE = "ERR height or width cannot be negative";
    GEO_NO_MEMBER = "ERR could not decode requested zset member";
    GEO_COUNT = "ERR COUNT must be > 0";
    GEO_ANY_WITHOUT_COUNT = "ERR the ANY argument requires COUNT argument";
    GEOSEARCHSTORE_WITH = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    GEORADIUS_STORE_WITH = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
}

/// `ERR invalid longitude,latitude pair <longitude>,<latitude>`
pub fn geo_position(longitude: f64, latitude: f64) -> ReplyError {
    ReplyError::formatted(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
}

/// `ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for <name>`
pub fn geo_from(name: &[u8]) -> ReplyError {
    text(&[b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ", word(name)])
}

/// `ERR exactly one of BYRADIUS and BYBOX can be specified for <name>`
pub fn geo_by(name: &[u8]) -> ReplyError {
    text(&[b"ERR exactly one of BYRADIUS and BYBOX can be specified for ", word(name)])
}

// Sorted sets.
texts! {
    ZADD_NX_AND_XX = "ERR XX and NX options at the same time are not compatible";
    ZADD_NX_GT_LT = "ERR GT, LT, and/or NX options at the same time are not compatible";
    ZADD_INCR_PAIRS = "ERR INCR option supports a single increment-element pair";
    SCORE_NAN = "ERR resulting score is not a number (NaN)";
    RANGE_NOT_FLOATS = "ERR min or max is not a float";
    RANGE_NOT_STRINGS = "ERR min or max not valid string range item";
    ZRANGE_LIMIT = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    ZRANGE_WITHSCORES = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    WEIGHT_NOT_A_FLOAT = "ERR weight value is not a float";
    LIMIT_NEGATIVE = "ERR LIMIT can't be negative";
}

/// `ERR at least 1 input key is needed for '<name>' command`
pub fn input_key_needed(name: &str) -> ReplyError {
    text(&[b"ERR at least 1 input key is needed for '", name.as_bytes(), b"' command"])
}

// Streams.
texts! {
    STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    STREAM_ID_ZERO = "ERR The ID specified in XADD must be greater than 0-0";
    STREAM_ID_SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    STREAM_EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items";
    STREAM_TOO_LARGE = "ERR Elements are too large to be stored";
    STREAM_TRIM_TWICE = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    STREAM_MAXLEN_NEGATIVE = "ERR The MAXLEN argument must be >= 0.";
    STREAM_LIMIT_NEGATIVE = "ERR The LIMIT argument must be >= 0.";
    STREAM_LIMIT_ALONE = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    STREAM_LIMIT_EXACT = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    STREAM_TRIM_HOW = "ERR syntax error, XTRIM must be called with a trimming strategy";
    STREAM_START = "ERR invalid start ID for the interval";
    STREAM_END = "ERR invalid end ID for the interval";
    STREAM_NUMIDS = "ERR Number of IDs must be a positive integer";
    STREAM_NUMIDS_MISMATCH = "ERR The `numids` parameter must match the number of arguments";
    XREAD_GROUP = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_NOACK = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_NEW = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    XREADGROUP_GROUP = "ERR Missing GROUP option for XREADGROUP";
    XREADGROUP_LAST = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.";
    XREADGROUP_LAST_ENTRY = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.";
    XGROUP_KEY = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    XGROUP_BUSY = "BUSYGROUP Consumer Group name already exists";
    XGROUP_ENTRIESREAD = "ERR value for ENTRIESREAD must be positive or -1";
    XSETID_ADDED = "ERR entries_added must be positive";
    XSETID_BELOW_GIVEN = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    XSETID_BELOW_DELETED = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    XSETID_BELOW_LAST = "ERR The ID specified in XSETID is smaller than the target stream top item";
    XSETID_ADDED_LESS = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    XCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XCLAIM";
    XCLAIM_IDLE = "ERR Invalid IDLE option argument for XCLAIM";
    XCLAIM_TIME = "ERR Invalid TIME option argument for XCLAIM";
    XCLAIM_RETRYCOUNT = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
    XAUTOCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    XAUTOCLAIM_COUNT = "ERR COUNT must be > 0";
}

/// `ERR Unbalanced '<name>' list of streams: for each stream key an ID or '<symbol>' must be specified.`
pub fn unbalanced_streams(name: &str, symbol: &str) -> ReplyError {
    let tail = b"' must be specified.";
    let middle = b"' list of streams: for each stream key an ID or '";
    text(&[b"ERR Unbalanced '", name.as_bytes(), middle, symbol.as_bytes(), tail])
}

/// `NOGROUP No such key '<key>' or consumer group '<group>'`
pub fn no_key_or_group(key: &[u8], group: &[u8]) -> ReplyError {
    text(&[b"NOGROUP No such key '", word(key), b"' or consumer group '", word(group), b"'"])
}

/// `NOGROUP No such key '<key>' or consumer group '<group>' in XREADGROUP with GROUP option`
pub fn no_group_to_read(key: &[u8], group: &[u8]) -> ReplyError {
    let tail = b"' in XREADGROUP with GROUP option";
    text(&[b"NOGROUP No such key '", word(key), b"' or consumer group '", word(group), tail])
}

/// `NOGROUP No such consumer group '<group>' for key name '<key>'`
pub fn no_group(key: &[u8], group: &[u8]) -> ReplyError {
    text(&[b"NOGROUP No such consumer group '", word(group), b"' for key name '", word(key), b"'"])
}

/// `ERR Unrecognized XCLAIM option '<option>'`
pub fn xclaim_option(option: &[u8]) -> ReplyError {
    text(&[b"ERR Unrecognized XCLAIM option '", word(option), b"'"])
}

// Generic.
texts! {
    DB_INDEX_INVALID = "ERR invalid DB index";
    DB_INDEX_OUT_OF_RANGE = "ERR DB index is out of range";
    DB_INDEX_FIRST = "ERR invalid first DB index";
    DB_INDEX_SECOND = "ERR invalid second DB index";
    DB_OUT_OF_RANGE = "ERR Out of range database";
    SELECT_IN_CLUSTER = "ERR SELECT is not allowed in cluster mode";
    SWAPDB_IN_CLUSTER = "ERR SWAPDB is not allowed in cluster mode";
    MOVE_IN_CLUSTER = "ERR MOVE is not allowed in cluster mode";
    COPY_IN_CLUSTER = "ERR Copying to another database is not allowed in cluster mode";
    EXPIRE_NX = "ERR NX and XX, GT or LT options at the same time are not compatible";
    EXPIRE_GT_LT = "ERR GT and LT options at the same time are not compatible";
    OBJECT_FREQ = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    OBJECT_IDLETIME = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    RESTORE_BAD_FORMAT = "ERR Bad data format";
    RESTORE_CHECKSUM = "ERR DUMP payload version or checksum are wrong";
    RESTORE_TTL = "ERR Invalid TTL value, must be >= 0";
    RESTORE_IDLETIME = "ERR Invalid IDLETIME value, must be >= 0";
    RESTORE_FREQ = "ERR Invalid FREQ value, must be >= 0 and <= 255";
}

/// `ERR Unsupported option <option>` (EXPIRE and its kin)
pub fn unsupported_option(option: &[u8]) -> ReplyError {
    text(&[b"ERR Unsupported option ", word(option)])
}

/// `ERR RDB version <version> cannot hold <what>; see rdb-version` (DUMP)
pub fn rdb_version(version: u16, what: &str) -> ReplyError {
    ReplyError::formatted(format!("ERR RDB version {version} cannot hold {what}; see rdb-version"))
}

/// `ERR unknown type name '<name>'` (SCAN TYPE)
pub fn unknown_type_name(name: &[u8]) -> ReplyError {
    text(&[b"ERR unknown type name '", word(name), b"'"])
}

// Transactions and pub/sub.
texts! {
    MULTI_NESTED = "ERR MULTI calls can not be nested";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    SUBSCRIBE_DENIED = "ERR SUBSCRIBE isn't allowed for a DENY BLOCKING client";
    PSUBSCRIBE_DENIED = "ERR PSUBSCRIBE isn't allowed for a DENY BLOCKING client";
    SSUBSCRIBE_DENIED = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
}

// Server: COMMAND, INFO, MEMORY, SLOWLOG, LATENCY, MONITOR, DEBUG, SHUTDOWN, saving.
texts! {
    COMMAND_INVALID = "ERR Invalid command specified";
    COMMAND_ARITY = "ERR Invalid number of arguments specified for command";
    COMMAND_ARGUMENTS = "ERR Invalid arguments specified for command";
    COMMAND_WITHOUT_KEYS = "ERR The command has no key arguments";
    SLOWLOG_COUNT = "ERR count should be greater than or equal to -1";
    MONITOR_DENIED = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    SHUTDOWN_FAILED = "ERR Errors trying to SHUTDOWN. Check logs.";
    SHUTDOWN_NONE = "ERR No shutdown in progress.";
    SHUTDOWN_DENIED = "ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client";
    SAVE_FAILED = "ERR";
    SAVE_IN_PROGRESS = "ERR Background save already in progress";
    REWRITE_IN_PROGRESS = "ERR Background append only file rewriting already in progress";
    BGSAVE_OTHER_CHILD = "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
    REWRITE_FAILED = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";
    WAIT_ON_REPLICA = "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.";
    WAITAOF_ON_REPLICA = "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.";
    WAITAOF_WITHOUT_AOF = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    DEBUG_RELOAD_OPTION = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    DEBUG_RELOAD_FAILED = "ERR Error trying to load the RDB dump, check server logs.";
    DEBUG_LOADAOF_FAILED = "ERR Error trying to load the AOF files, check server logs.";
    DEBUG_NOT_LISTPACK = "ERR Not a listpack encoded object.";
    DEBUG_NOT_QUICKLIST = "ERR Not a quicklist encoded object.";
    DEBUG_PACKED_THRESHOLD = "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    DEBUG_NOT_SDS = "ERR Not an sds encoded string.";
    DEBUG_PROTOCOL_TYPE = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
    DEBUG_RESP2 = "ERR RESP2 is not supported by this command";
    DEBUG_RESTART = "ERR failed to restart the server. Check server logs.";
    MEMORY_PURGE = "ERR Error purging dirty pages";
}

/// `ERR No samples available for event '<event>'` (LATENCY GRAPH)
pub fn latency_no_samples(event: &[u8]) -> ReplyError {
    text(&[b"ERR No samples available for event '", word(event), b"'"])
}

// CONFIG.
texts! {
    CONFIG_WITHOUT_FILE = "ERR The server is running without a config file";
}

/// `ERR Unknown option or number of arguments for CONFIG SET - '<argument>'`
pub fn config_unknown(argument: &[u8]) -> ReplyError {
    text(&[b"ERR Unknown option or number of arguments for CONFIG SET - '", word(argument), b"'"])
}

/// `ERR CONFIG SET failed (possibly related to argument '<argument>') - <reason>`
pub fn config_failed(argument: &[u8], reason: Option<&str>) -> ReplyError {
    let dash: &[u8] = if reason.is_some() { b" - " } else { b"" };
    let reason = reason.unwrap_or_default().as_bytes();
    text(&[b"ERR CONFIG SET failed (possibly related to argument '", word(argument), b"')", dash, reason])
}

/// `ERR Rewriting config file: <reason>`
pub fn config_rewrite(reason: &str) -> ReplyError {
    text(&[b"ERR Rewriting config file: ", reason.as_bytes()])
}

// Collections.
texts! {
    HASH_NOT_AN_INTEGER = "ERR hash value is not an integer";
    HASH_NOT_A_FLOAT = "ERR hash value is not a float";
    NAN_OR_INFINITY = "ERR value is NaN or Infinity";
    FIELDS_MISSING = "ERR Mandatory argument FIELDS is missing or not at the right position";
    FIELDS_TWICE = "ERR FIELDS keyword specified multiple times";
    FIELDS_COUNT = "ERR Number of fields must be a positive integer";
    FIELDS_COUNT_ZERO = "ERR Parameter `numFields` should be greater than 0";
    FIELDS_COUNT_INVALID = "ERR invalid number of fields";
    FIELDS_COUNT_DIFFERS = "ERR The `numfields` parameter must match the number of arguments";
    FIELDS_TOO_FEW = "ERR wrong number of arguments";
    FIELD_EXPIRY_NEGATIVE = "ERR invalid expire time, must be >= 0";
    FIELD_EXPIRY_MISSING = "ERR missing expire time";
    HGETEX_ONE_EXPIRY = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified";
    HSETEX_ONE_EXPIRY = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    HSETEX_ONE_CONDITION = "ERR Only one of FXX or FNX arguments can be specified";
    OPTION_OF_ANOTHER_COMMAND = "ERR unknown argument";
}

/// `ERR unknown argument: <argument>` (HGETEX, HSETEX)
pub fn unknown_argument(argument: &[u8]) -> ReplyError {
    text(&[b"ERR unknown argument: ", word(argument)])
}

// Scripting.
texts! {
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
}

// ACL.
texts! {
    ACL_NO_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
    ACL_DEFAULT_USER = "ERR The 'default' user cannot be removed";
    ACL_USERNAME = "ERR Usernames can't contain spaces or null characters";
    ACL_GENPASS = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
}

/// `ERR Unknown category '<category>'` (ACL CAT)
pub fn acl_unknown_category(category: &[u8]) -> ReplyError {
    text(&[b"ERR Unknown category '", clipped(category, WORD_LEN_MAX), b"'"])
}

/// `ERR User '<user>' not found` (ACL DRYRUN)
pub fn acl_unknown_user(user: &[u8]) -> ReplyError {
    text(&[b"ERR User '", word(user), b"' not found"])
}

/// `ERR Command '<name>' not found` (ACL DRYRUN)
pub fn acl_unknown_command(name: &[u8]) -> ReplyError {
    text(&[b"ERR Command '", word(name), b"' not found"])
}
