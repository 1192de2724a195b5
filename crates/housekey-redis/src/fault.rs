//! Faults, and what to do about them.

use std::fmt;
use std::time::Duration;

use housekey::{Error, ErrorKind};
use redis::{RedisError, ServerErrorKind};

/// A fault before it is known which server it concerns.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Its text does not show what was read or sent.
    Redis(RedisError),
    /// No answer came in time.
    TooLate(Duration),
    /// The answer is not a record's, or not a script's.
    Unreadable,
    /// A command was renamed on that server.
    UnknownCommand,
    /// It is not the server for writes.
    Replica,
    /// It is a Sentinel, which watches servers.
    Sentinel,
    /// No Sentinel says where the master is.
    NoMaster(String),
    /// No node of a cluster says where the others are.
    NoNode(String),
    /// The change is made, but too few replicas have it.
    Replicas { have: usize, need: usize },
}

/// A fault of a particular server.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    /// The server, as messages name it.
    server: String,
    /// Whether the server may have carried out the question.
    pub(crate) was_sent: bool,
}

impl Failure {
    pub(crate) fn sent(fault: Fault, server: &str) -> Self {
        Self {
            fault,
            server: server.to_owned(),
            was_sent: true,
        }
    }

    pub(crate) fn unsent(fault: Fault, server: &str) -> Self {
        Self {
            was_sent: false,
            ..Self::sent(fault, server)
        }
    }

    pub(crate) fn into_error(self) -> Error {
        self.fault.at(&self.server)
    }
}

impl Fault {
    /// As an error of the core: which server, what is wrong with it, what to do. It contains no password, and nothing of a
    /// record.
    pub(crate) fn at(self, server: &str) -> Error {
        let message = format!("{server}: {self}; {}", self.advice());
        let error = Error::new(ErrorKind::StoreFailed, message);
        match self {
            Self::Redis(source) => error.caused_by(source.into()),
            _ => error,
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
                "it needs HELLO or ROLE, EVALSHA, SCRIPT LOAD, GET and HGET under these names"
            }
            Self::Replica => READ_ONLY,
            Self::Sentinel => "name it as a Sentinel, and the master by its name",
            Self::NoMaster(_) => {
                "see whether the Sentinels run, and which name they know the master by"
            }
            Self::NoNode(_) => "see whether the nodes run, and whether they are a cluster",
            Self::Replicas { .. } => {
                "see whether its replicas run and follow it, or ask for fewer of them"
            }
        }
    }
}

const WRITTEN_BY_OTHERS: &str =
    "another program writes keys with this prefix; give the store a prefix of its own";
const READ_ONLY: &str =
    "the client leads to a server that only reads; it must lead to the one that writes";
const CREDENTIALS: &str = "see which user and password the client was given";

fn advice(error: &RedisError) -> &'static str {
    match error.kind() {
        redis::ErrorKind::Io => "see whether it runs; the store connects again by itself",
        redis::ErrorKind::AuthenticationFailed => CREDENTIALS,
        redis::ErrorKind::InvalidClientConfig => "see how the client was made",
        _ if is_read_only(error) => READ_ONLY,
        redis::ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            "the server starts and reads its data; the store tries again by itself"
        }
        redis::ErrorKind::Server(ServerErrorKind::NoPerm) => {
            "let the client's user use the keys with the store's prefix, and scripts"
        }
        redis::ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            "it belongs to a Redis Cluster: make the store with RedisLoginStore::cluster"
        }
        redis::ErrorKind::Server(ServerErrorKind::CrossSlot) => {
            "the prefix must not have `{}` in it"
        }
        redis::ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::TryAgain) => {
            "the cluster is changing; see `redis-cli --cluster check` if that lasts"
        }
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => CREDENTIALS,
            Some("OOM") => "give it more memory, or set maxmemory higher",
            Some("MISCONF") => "it cannot write to its disk; see its log",
            Some("WRONGTYPE") => WRITTEN_BY_OTHERS,
            _ if says(error, "unauthenticated") => CREDENTIALS,
            _ if says(error, "cluster support disabled") => {
                "it is a server of its own: make the store with RedisLoginStore::new"
            }
            _ => "the server's log may say more",
        },
    }
}

/// Before version 7.0, Redis reports READONLY inside a script only in the text of the script's error.
pub(crate) fn is_read_only(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly) || says(error, "-READONLY")
}

pub(crate) fn is_unknown_command(error: &RedisError) -> bool {
    says(error, "unknown command")
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
            Self::Replica => f.write_str("it is a replica"),
            Self::Sentinel => f.write_str("it is a Sentinel"),
            Self::NoMaster(why) => write!(f, "no Sentinel says where it is: {why}"),
            Self::NoNode(why) => write!(f, "no node says where the others are: {why}"),
            Self::Replicas { have, need } => {
                write!(f, "{have} of {need} replicas have what was changed")
            }
        }
    }
}

/// Leaves out texts that show what was read or sent. A server answers an unknown command, for instance a renamed one, with
/// everything that was sent.
impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType => Self::Unreadable,
            _ if is_unknown_command(&error) => Self::UnknownCommand,
            // The scripts report it about what they read.
            _ if says(&error, "unreadable") => Self::Unreadable,
            _ => Self::Redis(error),
        }
    }
}
