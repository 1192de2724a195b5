//! What can go wrong, and what to do about it.

use std::fmt;
use std::time::Duration;

use housekey::{Error, ErrorKind};
use redis::{Client, RedisError, ServerErrorKind};

/// A fault, before it is known which server it is about.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Its words do not show what was read, or what was sent.
    Redis(RedisError),
    /// No answer came for as long as one may take.
    TooLate(Duration),
    /// The answer is not one of a record, or of the scripts.
    Unreadable,
    /// A command has another name there.
    UnknownCommand,
}

/// The server, as messages name it.
pub(crate) fn server_name(client: &Client) -> String {
    let info = client.get_connection_info();
    let database = info.redis_settings().db();
    format!("database {database} of Redis at {}", info.addr())
}

impl Fault {
    /// As an error of the core: which server, what is wrong with it, what to do. No password is in it, and nothing of a record.
    pub(crate) fn at(self, server: &str) -> Error {
        let message = format!("{server}: {self}; {}", self.advice());
        let error = Error::new(ErrorKind::StoreFailed, message);
        match self {
            Self::Redis(source) => error.caused_by(source.into()),
            Self::TooLate(_) | Self::Unreadable | Self::UnknownCommand => error,
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Redis(error) => advice(error),
            Self::TooLate(_) => {
                "see whether it runs, whether it is overloaded, and whether the way to it is open"
            }
            Self::Unreadable => WRITTEN_BY_OTHERS,
            Self::UnknownCommand => {
                "it needs EVALSHA, EVAL, SCRIPT LOAD and HMGET under these names"
            }
        }
    }
}

const WRITTEN_BY_OTHERS: &str =
    "another program writes keys with this prefix; give the store a prefix of its own";
const CREDENTIALS: &str = "see which user and password the client was given";

fn advice(error: &RedisError) -> &'static str {
    match error.kind() {
        redis::ErrorKind::Io => "see whether it runs; the store connects again by itself",
        redis::ErrorKind::AuthenticationFailed => CREDENTIALS,
        redis::ErrorKind::InvalidClientConfig => "see how the client was made",
        redis::ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            "the client leads to a server that only reads; it must lead to the one that writes"
        }
        redis::ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            "the server starts and reads its data; the store tries again by itself"
        }
        redis::ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "let the client's user use the keys with the store's prefix, and scripts"
        }
        redis::ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::CrossSlot) => {
            "it belongs to a Redis Cluster, which the store cannot use"
        }
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => CREDENTIALS,
            Some("OOM") => "give it more memory, or set maxmemory higher",
            Some("MISCONF") => "it cannot write to its disk; see its log",
            Some("WRONGTYPE") => WRITTEN_BY_OTHERS,
            _ if says(error, "unauthenticated") => CREDENTIALS,
            _ => "the server's log may say more",
        },
    }
}

fn says(error: &RedisError, words: &str) -> bool {
    error.detail().is_some_and(|detail| detail.contains(words))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(error) => error.fmt(f),
            Self::TooLate(limit) => write!(f, "it has not answered within {limit:?}"),
            Self::Unreadable => f.write_str("its answer cannot be read"),
            Self::UnknownCommand => f.write_str("it does not know a command that the store needs"),
        }
    }
}

/// Leaves out words that show what was read, or what was sent: to a command that it does not know, since somebody has renamed
/// it, a server answers with all that was sent.
impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType => Self::Unreadable,
            _ if says(&error, "unknown command") => Self::UnknownCommand,
            _ => Self::Redis(error),
        }
    }
}
