"""Login records in Redis, over redis-py."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._core import Created, Limit, LoginRecord, LoginStoreError, RedisScripts, Touch, Updated

if TYPE_CHECKING:
    from redis import Redis

FIELDS = ("user_id", "created_at", "version", "last_seen_at", "expires_at", "data")
WRITTEN_BY_OTHERS = "another program writes keys with this prefix; give the store a prefix of its own"
CREDENTIALS = "see which user and password the client was given"


class RedisLoginStore:
    """Keeps login records in Redis 6.2 or later.

        store = RedisLoginStore("redis://localhost:6379/0")
        store = RedisLoginStore(redis.Redis(host="localhost", socket_timeout=5), prefix="staff:")

    A client that the program has is asked over its pool, with its TLS and its credentials; it has to have a `socket_timeout`, or nobody
    would know how long a request may wait for an answer. From a URL, the store makes a client of its own, in which connecting and each
    answer may take `timeout` seconds, 5 unless you say otherwise. Nothing is tried twice: what is not answered is a `LoginStoreError`,
    and the next operation connects again.

    `prefix` is what its keys start with. Each login manager needs one of its own, and none that another one starts with.

    As Redis comes, it may lose what it has answered. The README of the crate housekey-redis says what must be set at the server:
    `appendonly yes`, `appendfsync always`, `maxmemory-policy noeviction`. Redis Cluster is not supported.
    """

    def __init__(
        self, client_or_url: Redis | str, prefix: str = RedisScripts.DEFAULT_PREFIX, *, timeout: float | None = None
    ) -> None:
        redis = _redis()
        if isinstance(client_or_url, str):
            client_or_url = _client_of(redis, client_or_url, 5.0 if timeout is None else timeout)
        elif timeout is not None:
            raise ValueError("timeout: is the client's own, socket_timeout, where a client is given")
        elif not isinstance(client_or_url, redis.Redis):
            raise TypeError(f"RedisLoginStore takes a redis.Redis or a URL, not {type(client_or_url).__name__}")
        self._redis = redis
        self._pool = client_or_url.connection_pool
        _check_bounds(self._pool)
        self._prefix = prefix.encode()

    def create(self, new: LoginRecord, replacing: Sequence[bytes], limit: Limit) -> Created:
        what, ended = self._run(
            CREATE,
            *_columns(new),
            RedisScripts.long_expired(new.last_seen_at),
            RedisScripts.SWEPT,
            RedisScripts.number(limit.count),
            RedisScripts.number(limit.now),
            RedisScripts.number(limit.spared_since),
            limit.looks_at(len(replacing)),
            *map(_id_text, replacing),
        )
        ids = self._ids(ended)
        if what == b"done":
            return Created.done(ids)
        if what == b"crowded":
            return Created.crowded(ids)
        if what == b"full":
            return Created.FULL
        if what == b"taken":
            return Created.TAKEN
        raise self._unreadable()

    def load(self, id: bytes, now: int) -> LoginRecord | None:
        fields = self._ask("HMGET", self._prefix + b"login:" + _id_text(id), *FIELDS)
        if all(field is None for field in fields):
            return None
        record = self._record(id, fields)
        return record if RedisScripts.number(now) < record.expires_at else None

    def update(self, changed: LoginRecord) -> Updated:
        answer = self._run(UPDATE, *_columns(changed))
        if answer == 0:
            return Updated.GONE
        return Updated.CONFLICT if answer == 1 else Updated.DONE

    def touch(self, id: bytes, touch: Touch) -> bool:
        answer = self._run(
            TOUCH,
            _id_text(id),
            RedisScripts.number(touch.now),
            RedisScripts.number(touch.unless_since),
            RedisScripts.number(touch.expires_at),
            RedisScripts.seconds_to_keep(touch.now, touch.expires_at),
        )
        return bool(answer == 1)

    def delete(self, id: bytes) -> bool:
        return bool(self._run(DELETE, _id_text(id)) == 1)

    def delete_by_user(self, user_id: str, except_id: bytes | None, limit: int) -> list[bytes]:
        deleted: list[bytes] = []
        kept = b"" if except_id is None else _id_text(except_id)
        while len(deleted) < limit:
            batch = min(RedisScripts.LARGEST_BATCH, limit - len(deleted))
            gone, ids = self._run(DELETE_BY_USER, user_id, kept, batch)
            deleted += self._ids(ids)
            if gone < batch:
                break
        return deleted

    def list_by_user(self, user_id: str, now: int, limit: int) -> list[LoginRecord]:
        # By its id: one that was used meanwhile has moved to the front, and another one to its place.
        listed: dict[bytes, LoginRecord] = {}
        start = 0
        while len(listed) < limit:
            most = min(RedisScripts.LARGEST_BATCH, limit - len(listed))
            start, more, found = self._run(LIST_BY_USER, user_id, RedisScripts.number(now), start, most)
            for text, fields in found:
                [id] = self._ids([text])
                listed.setdefault(id, self._record(id, fields))
            if not more:
                break
        return list(listed.values())

    def delete_expired(self, now: int, limit: int) -> int:
        deleted = 0
        while deleted < limit:
            batch = min(RedisScripts.LARGEST_BATCH, limit - deleted)
            count = self._run(DELETE_EXPIRED, RedisScripts.number(now), batch)
            deleted += count
            if count < batch:
                break
        return deleted

    def __repr__(self) -> str:
        return f"RedisLoginStore({self._server_name()}, prefix={self._prefix.decode()!r})"

    def _run(self, script: Script, *arguments: bytes | str | int) -> Any:
        """Runs a script. It is sent once, and named by its digest afterwards."""
        command = (script.digest, 1, self._prefix + b"expiry", self._prefix, *arguments)
        try:
            return self._ask("EVALSHA", *command)
        except self._redis.exceptions.NoScriptError:
            self._ask("SCRIPT", "LOAD", script.text)
            return self._ask("EVALSHA", *command)

    def _ask(self, *command: bytes | str | int) -> Any:
        """What the server answers, as bytes, whatever the client decodes. A client would try again what was not answered, and a second
        login might come of it; so this takes its connections, and asks once."""
        exceptions = self._redis.exceptions
        encoded = [part.encode() if isinstance(part, str) else part for part in command]
        try:
            connection = self._pool.get_connection()
            try:
                # The server has closed it since it was used.
                if connection.can_read(timeout=0):
                    connection.disconnect()
                connection.send_command(*encoded)
                return connection.read_response(disable_decoding=True)
            except (exceptions.ReadOnlyError, exceptions.MasterDownError):
                # Its name may lead to another server by now.
                connection.disconnect()
                raise
            except exceptions.ResponseError:
                raise
            except BaseException:
                # An answer may be under way.
                connection.disconnect()
                raise
            finally:
                self._pool.release(connection)
        except exceptions.NoScriptError:
            raise
        except (exceptions.RedisError, OSError) as error:
            failure = error
        words, advice = _said(exceptions, failure)
        # The server repeats what it was sent, where it does not know the command.
        cause = None if words is not None else failure
        raise LoginStoreError(f"{self._server_name()}: {words or failure}; {advice}") from cause

    def _ids(self, texts: list[bytes]) -> list[bytes]:
        try:
            ids = [base64.b64decode(text + b"==", altchars=b"-_", validate=True) for text in texts]
        except (binascii.Error, TypeError):
            ids = [b""]
        if any(len(id) != 16 for id in ids):
            raise self._unreadable()
        return ids

    def _record(self, id: bytes, fields: list[bytes | None]) -> LoginRecord:
        try:
            user_id, *numbers, data = fields
            if user_id is not None and data is not None and all(number and number.isdigit() for number in numbers):
                created_at, version, last_seen_at, expires_at = (int(number) for number in numbers if number)
                return LoginRecord(
                    id=id,
                    user_id=user_id.decode(),
                    version=version,
                    created_at=created_at,
                    last_seen_at=last_seen_at,
                    expires_at=expires_at,
                    data=data.decode(),
                )
        except (ValueError, OverflowError):
            pass
        raise self._unreadable()

    def _unreadable(self) -> LoginStoreError:
        return LoginStoreError(f"{self._server_name()}: its answer cannot be read; {WRITTEN_BY_OTHERS}")

    def _server_name(self) -> str:
        options = self._pool.connection_kwargs
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        return f"database {options.get('db') or 0} of Redis at {place}"


class Script:
    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


CREATE = Script(RedisScripts.CREATE)
UPDATE = Script(RedisScripts.UPDATE)
TOUCH = Script(RedisScripts.TOUCH)
DELETE = Script(RedisScripts.DELETE)
DELETE_BY_USER = Script(RedisScripts.DELETE_BY_USER)
LIST_BY_USER = Script(RedisScripts.LIST_BY_USER)
DELETE_EXPIRED = Script(RedisScripts.DELETE_EXPIRED)


def _redis() -> Any:
    try:
        import redis
    except ImportError:
        raise ImportError("RedisLoginStore needs redis-py: pip install 'flask-housekey[redis]'") from None
    return redis


def _client_of(redis: Any, url: str, timeout: float) -> Redis:
    if not timeout > 0:
        raise ValueError("timeout: a number of seconds above 0")
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    client: Redis = redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once)
    return client


def _check_bounds(pool: Any) -> None:
    # It is not connected.
    connection = pool.connection_class(**pool.connection_kwargs)
    if getattr(connection, "socket_timeout", 0) is None:
        raise ValueError(
            "this client waits for an answer for ever: make it with socket_timeout=5, or another number of seconds"
        )
    if getattr(connection, "socket_connect_timeout", 0) is None:
        raise ValueError(
            "this client connects for ever: make it with socket_connect_timeout=5, or another number of seconds"
        )
    if getattr(pool, "timeout", 0) is None:
        raise ValueError(
            "the client's pool waits for a connection for ever: make it with timeout=5, or another number of seconds"
        )


def _said(exceptions: Any, error: Exception) -> tuple[str | None, str]:
    """Words in place of its own, if those must not be said, and what to do."""
    text = str(error)
    code = text.split(" ", 1)[0]
    if "unknown command" in text:
        words = "it does not know a command that the store needs"
        return words, "it needs EVALSHA, EVAL, SCRIPT LOAD and HMGET under these names"
    if isinstance(error, (exceptions.AuthenticationError, exceptions.AuthenticationWrongNumberOfArgsError)) or code in (
        "NOAUTH",
        "WRONGPASS",
    ):
        return None, CREDENTIALS
    if isinstance(error, exceptions.TimeoutError):
        return None, "see whether it runs, whether it is overloaded, and whether the way to it is open"
    if isinstance(error, exceptions.ReadOnlyError):
        return None, "the client leads to a server that only reads; it must lead to the one that writes"
    if isinstance(error, exceptions.BusyLoadingError):
        return None, "the server starts and reads its data; the store tries again by itself"
    if isinstance(error, exceptions.NoPermissionError):
        return None, "let the client's user use the keys with the store's prefix, and scripts"
    if code in ("MOVED", "ASK", "CROSSSLOT") or isinstance(error, exceptions.ClusterError):
        return None, "it belongs to a Redis Cluster, which the store cannot use"
    if isinstance(error, (exceptions.ConnectionError, OSError)):
        return None, "see whether it runs; the store connects again by itself"
    if isinstance(error, exceptions.OutOfMemoryError):
        return None, "give it more memory, or set maxmemory higher"
    if code == "MISCONF":
        return None, "it cannot write to its disk; see its log"
    if code == "WRONGTYPE":
        return None, WRITTEN_BY_OTHERS
    return None, "the server's log may say more"


def _columns(record: LoginRecord) -> tuple[bytes | str | int, ...]:
    """The record, and how long Redis is to keep it."""
    numbers = (record.version, record.created_at, record.last_seen_at, record.expires_at)
    keep = RedisScripts.seconds_to_keep(record.last_seen_at, record.expires_at)
    return (_id_text(record.id), record.user_id, *map(RedisScripts.number, numbers), record.data, keep)


def _id_text(id: bytes) -> bytes:
    return base64.urlsafe_b64encode(id).rstrip(b"=")
