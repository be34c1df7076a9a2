//! Errors that come from the server's or the client's state, not from the command's arguments: the gates that
//! stand before every command answer with them.

use super::{ReplyError, text, texts, word};

texts! {
    LOADING = "LOADING Redis is loading the dataset in memory";
    BUSY_EVAL = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    BUSY_MODULE = "BUSY Redis is busy running a module command.";
    MASTER_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    MISCONF_RDB = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    READ_ONLY = "READONLY You can't write against a read only replica.";
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    NO_REPLICAS = "NOREPLICAS Not enough good replicas to write.";
    REPLICA_KEYSPACE = "ERR Replica can't interact with the keyspace";
    MAX_CLIENTS = "ERR max number of clients reached";
    MAX_CLIENTS_CLUSTER = "ERR max number of clients + cluster connections reached";
    PROTECTED_MODE = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.";

    NO_AUTH = "NOAUTH Authentication required.";
    NO_AUTH_HELLO = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    AUTH_WITHOUT_PASSWORD = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    NO_PERM_KEY = "NOPERM No permissions to access a key";
    NO_PERM_CHANNEL = "NOPERM No permissions to access a channel";

    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    NOT_IN_TRANSACTION = "ERR Command not allowed inside a transaction";
    EXEC_NO_PERM = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: ";

    CLUSTER_DOWN = "CLUSTERDOWN The cluster is down";
    CLUSTER_DOWN_WRITES = "CLUSTERDOWN The cluster is down and only accepts read commands";
    CLUSTER_SLOT_UNBOUND = "CLUSTERDOWN Hash slot not served";
    CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";
    TRY_AGAIN = "TRYAGAIN Multiple keys request during rehashing of slot";
}

/// `BUSY <reply>`: a long operation that says itself what to do.
pub fn busy(reply: &[u8]) -> ReplyError {
    text(&[b"BUSY ", word(reply)])
}

/// `MISCONF Errors writing to the AOF file: <reason>`
pub fn misconf_aof(reason: &str) -> ReplyError {
    text(&[b"MISCONF Errors writing to the AOF file: ", reason.as_bytes()])
}

/// `EXECABORT Transaction discarded because of: <reason>`; the reason is an error's text without `ERR `.
pub fn exec_abort(reason: &ReplyError) -> ReplyError {
    let reason = reason.text();
    let reason = reason.strip_prefix(b"ERR ").unwrap_or(reason);
    text(&[b"EXECABORT Transaction discarded because of: ", reason])
}

/// `NOPERM User <user> has no permissions to run the '<name>' command`
pub fn no_perm_command(user: &[u8], name: &str) -> ReplyError {
    let name = name.as_bytes();
    text(&[b"NOPERM User ", user, b" has no permissions to run the '", name, b"' command"])
}

/// `ERR <command> command not allowed. If the <option> option is set to "local", ...`
pub fn protected_command(command: &str, option: &str) -> ReplyError {
    let text = format!(
        "ERR {command} command not allowed. If the {option} option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option \
         in the configuration file, and then restart the server."
    );
    ReplyError::formatted(text)
}

/// `ERR Can't execute '<name>': only (P|S)SUBSCRIBE / ... are allowed in this context`
pub fn subscriber_only(name: &str) -> ReplyError {
    let text = format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    );
    ReplyError::formatted(text)
}

/// `MOVED <slot> <host>:<port>`
pub fn moved(slot: u16, host: &str, port: u16) -> ReplyError {
    ReplyError::formatted(format!("MOVED {slot} {host}:{port}"))
}

/// `ASK <slot> <host>:<port>`
pub fn ask(slot: u16, host: &str, port: u16) -> ReplyError {
    ReplyError::formatted(format!("ASK {slot} {host}:{port}"))
}
