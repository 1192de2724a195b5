//! What goes wrong, where, and what to do about it.

use std::fmt;
use std::time::Duration;

use redis::{Client, ErrorKind, RedisError, ServerErrorKind};

/// Why an operation of a login store in Redis failed. Its message names the server and says what to do; it has no password
/// in it, and nothing of a record.
pub struct Error {
    message: String,
    source: Option<RedisError>,
}

/// The server, as messages name it.
pub(crate) fn server_name(client: &Client) -> String {
    let info = client.get_connection_info();
    let database = info.redis_settings().db();
    format!("Redis at {}, database {database}", info.addr())
}

impl Error {
    pub(crate) fn too_late(client: &Client, timeout: Duration) -> Self {
        let server = server_name(client);
        Self {
            message: format!(
                "{server} has not answered within {timeout:?}; see whether it runs, whether it is overloaded, and \
                 whether the way to it is open"
            ),
            source: None,
        }
    }

    pub(crate) fn failed(client: &Client, error: RedisError) -> Self {
        let (server, advice) = (server_name(client), advice(&error));
        // Words that show what was read, or what was sent, are not repeated.
        let (said, source) = if is_unreadable(&error) {
            (": the answer cannot be read".to_owned(), None)
        } else if repeats_arguments(&error) {
            (
                " does not know a command that the store needs".to_owned(),
                None,
            )
        } else {
            (format!(": {error}"), Some(error))
        };
        Self {
            message: format!("{server}{said}; {advice}"),
            source,
        }
    }
}

fn is_unreadable(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType
    )
}

/// To a command that it does not know, since somebody has renamed it, a server answers with all that was sent.
fn repeats_arguments(error: &RedisError) -> bool {
    error
        .detail()
        .is_some_and(|detail| detail.contains("unknown command"))
}

const WRITTEN_BY_OTHERS: &str =
    "somebody else writes keys with this prefix; give the store one of its own";

fn advice(error: &RedisError) -> &'static str {
    match error.kind() {
        _ if is_unreadable(error) => WRITTEN_BY_OTHERS,
        _ if repeats_arguments(error) => {
            "it needs EVALSHA, EVAL, SCRIPT LOAD and HMGET under these names"
        }
        ErrorKind::Io => "see whether it runs; the store connects again by itself",
        ErrorKind::AuthenticationFailed => "see which user and password the client was given",
        ErrorKind::InvalidClientConfig => "see how the client was made",
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            "the client leads to a replica; it must lead to the server that writes"
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            "it has just started and reads its data; the store tries again by itself"
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "let the client's user use the keys with the store's prefix, and scripts"
        }
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::CrossSlot) => {
            "it belongs to a Redis Cluster, which the store cannot use"
        }
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => "see which user and password the client was given",
            Some("OOM") => "give it more memory, or set maxmemory higher",
            Some("MISCONF") => "it cannot write to its disk; see its log",
            Some("WRONGTYPE") => WRITTEN_BY_OTHERS,
            _ if error
                .detail()
                .is_some_and(|detail| detail.contains("unauthenticated")) =>
            {
                "see which user and password the client was given"
            }
            _ => "the server's log may say more",
        },
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// As it reads.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
