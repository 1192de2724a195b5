"""What can go wrong with Redis, and how to fix it."""

from __future__ import annotations

from typing import Any

from ._core import LoginStoreError

WRITTEN_BY_OTHERS = "another program writes keys with this prefix; give the store a prefix of its own"
CREDENTIALS = "see which user and password the client was given"
UNREACHABLE = "see whether its nodes run, and which nodes, user and password the store was given"
NO_MASTER = (
    "see whether the Sentinels run and know a master of this name, whether they expect TLS and the client trusts their certificates, "
    "and which user and password the client was given for them (in a URL, sentinel_username and sentinel_password)"
)
READ_ONLY = "the client leads to a server that only reads; it must lead to the one that writes"


class Replica(Exception):
    """The server does not accept writes."""


class TooFew(Exception):
    """Too few replicas have the change."""


class NotConnected(Exception):
    """There was no connection. Its cause is the reason."""


def is_read_only(exceptions: Any, error: Exception) -> bool:
    """Before version 7.0, Redis reports a script's error in this wording."""
    return isinstance(error, (exceptions.ReadOnlyError, exceptions.MasterDownError)) or "-READONLY" in str(error)


def failure(exceptions: Any, error: Exception, server: str) -> LoginStoreError:
    error = _reason(error)
    words, advice = _said(exceptions, error)
    return LoginStoreError(f"{server}: {words or error}; {advice}")


def connecting_failure(exceptions: Any, error: Exception, server: str) -> LoginStoreError:
    """The failure of a first connection to a cluster. redis-py wraps what the last node has said."""
    said = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if "Cluster mode is not enabled" in str(said):
        return LoginStoreError(f"{server}: it is not a cluster; a server by itself has redis:// in its URL")
    words, advice = _said(exceptions, said)
    if isinstance(said, (exceptions.ConnectionError, OSError)) and advice != CREDENTIALS:
        advice = UNREACHABLE
    return LoginStoreError(f"{server}: {words or said}; {advice}")


def cause(exceptions: Any, error: Exception) -> Exception | None:
    """The exception, unless its words must not be repeated: a server repeats what it was sent when it does not know the
    command."""
    words, _ = _said(exceptions, _reason(error))
    return error if words is None else None


def _reason(error: Exception) -> Exception:
    """Why there was no connection, if there was none."""
    inner = error.__cause__ if isinstance(error, NotConnected) else None
    return inner if isinstance(inner, Exception) else error


def unreadable(server: str) -> LoginStoreError:
    return LoginStoreError(f"{server}: its answer cannot be read; {WRITTEN_BY_OTHERS}")


def _said(exceptions: Any, error: Exception) -> tuple[str | None, str]:
    """What to do, and a replacement for the server's words where those must not be repeated."""
    text = str(error)
    code = text.split(" ", 1)[0]
    if "unknown command" in text:
        words = "it does not know a command that the store needs"
        return words, "it needs HELLO or ROLE, EVALSHA, SCRIPT LOAD, GET and HGET under these names"
    if "unreadable" in text:
        return "its answer cannot be read", WRITTEN_BY_OTHERS
    if isinstance(error, Replica):
        if "Sentinel" in text:
            return None, "ask the Sentinel for its master_for(…), and give the store that client"
        return None, READ_ONLY
    if isinstance(error, TooFew):
        return None, "see whether its replicas run and follow it, or ask for fewer of them"
    if type(error).__name__ == "MasterNotFoundError":
        # redis-py's text says how the Sentinels are asked, in versions 6 and 7 with the password.
        return "no Sentinel names its master", NO_MASTER
    refused = (exceptions.AuthenticationError, exceptions.AuthenticationWrongNumberOfArgsError)
    if isinstance(error, refused) or code in ("NOAUTH", "WRONGPASS") or "unauthenticated" in text:
        return None, CREDENTIALS
    if isinstance(error, exceptions.TimeoutError):
        return None, "see whether it runs, whether it is overloaded, and whether the way to it is open"
    if is_read_only(exceptions, error):
        return None, READ_ONLY
    if isinstance(error, exceptions.BusyLoadingError):
        return None, "the server starts and reads its data; the store tries again by itself"
    if isinstance(error, exceptions.NoPermissionError):
        return None, "let the client's user use the keys with the store's prefix, and scripts"
    if code == "CROSSSLOT" or isinstance(error, exceptions.ClusterCrossSlotError):
        return None, "the prefix must not have `{}` in it"
    if isinstance(error, exceptions.AskError) or code in ("MOVED", "ASK"):
        return None, "it belongs to a Redis Cluster: give the store a redis.cluster.RedisCluster"
    if isinstance(error, (exceptions.ClusterError, exceptions.ClusterDownError, exceptions.RedisClusterException)):
        return None, "the cluster is changing; see `redis-cli --cluster check` if that lasts"
    if isinstance(error, (exceptions.ConnectionError, OSError)):
        return None, "see whether it runs; the store connects again by itself"
    if isinstance(error, exceptions.OutOfMemoryError):
        return None, "give it more memory, or set maxmemory higher"
    if code == "MISCONF":
        return None, "it cannot write to its disk; see its log"
    if code == "WRONGTYPE":
        return None, WRITTEN_BY_OTHERS
    return None, "the server's log may say more"
