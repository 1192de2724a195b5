"""Where login records are kept: what the server knows about each login, so that it can be seen, ended and timed out there.

- `SqliteLoginStore`: in an SQLite file, for all processes of one machine.
- `SqlAlchemyLoginStore`: in PostgreSQL, through the program's SQLAlchemy engine.
- `RedisLoginStore`: in Redis, through redis-py.
- `MemoryLoginStore`: in this process, for tests.
- `LoginStore`: what any other store must do. `flask_housekey.testing.check_login_store` checks it.
- `AttemptStore`: what it has to do besides, where attempts are limited. `flask_housekey.testing.check_attempt_store` checks it.

The first three use the same tables and keys as housekey's Rust stores of these names, so a Flask program and a Rust program
may share one. None of them starts a thread, and none connects to a server before the first login.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from ._core import (
    AttemptSchedule,
    Created,
    Limit,
    LoginRecord,
    LoginStoreError,
    MemoryLoginStore,
    Room,
    SqliteLoginStore,
    Touch,
    Updated,
)
from .postgres_link import engine_from_url
from .redis_store import RedisLoginStore
from .redis_url import SCHEMES
from .sqlalchemy_store import SqlAlchemyLoginStore

__all__ = [
    "AttemptSchedule",
    "AttemptStore",
    "Created",
    "Limit",
    "LoginRecord",
    "LoginStore",
    "LoginStoreError",
    "MemoryLoginStore",
    "RedisLoginStore",
    "Room",
    "SqlAlchemyLoginStore",
    "SqliteLoginStore",
    "Touch",
    "Updated",
    "store_from_url",
]


class LoginStore(Protocol):
    """Keeps login records: in a database, so that several processes share them and a restart loses none.

    Ids are 16 `bytes`. Times are whole seconds since 1970 and come from the caller; a store reads no clock. Numbers go up
    to 2**64 - 1: a store that cannot keep such large ones keeps the largest that it can. A record whose `expires_at` is
    `now` or earlier counts as gone, even before it has been deleted.

    An exception from a method means that the answer is unknown: the request is answered with 503, with the exception as the
    cause, and nobody is logged out. An answer of another type than the one below has the same effect. A missing record is
    `None` or `False`, never an exception. Each method must end in time: limit every wait. Several threads call the methods
    at once.
    """

    def create(self, new: LoginRecord, replacing: Sequence[bytes], limit: Limit) -> Created:
        """Creates a record, deletes those that it replaces, and ends the user's logins in excess: all of that, or nothing.
        Concurrent calls, from any number of processes, see each other's effects: a user never has more logins than the
        limit allows.

        The logins that end are those unused for the longest time: ordered by `last_seen_at`, then by `created_at`.
        `Limit.room` says which they are. The user's expired records may be deleted along with them.

        A record with the new one's id that has expired by `limit.now` counts as gone, whatever user it belonged to: the new
        one takes its place, in all indexes too. Of several concurrent calls with one id, one gets `Created.done` and the
        others get `Created.TAKEN`.
        """
        ...

    def load(self, id: bytes, now: int) -> LoginRecord | None:
        """The record with this id, unless it has expired. Asking for a missing record leaves nothing behind."""
        ...

    def update(self, changed: LoginRecord) -> Updated:
        """Replaces the record, if it exists and still has `changed.version`; its version is one higher afterwards. Does not
        bring back a record that was deleted meanwhile."""
        ...

    def touch(self, id: bytes, touch: Touch) -> bool:
        """Notes that a login was used. Does nothing (False) when the record is gone, had expired at `touch.now`, or was
        touched by another request since `touch.unless_since`: of many requests at once, one writes. Does not change the
        version."""
        ...

    def delete(self, id: bytes) -> bool:
        """Deletes the record. False when there was none."""
        ...

    def delete_by_user(self, user_id: str, except_id: bytes | None, limit: int) -> list[bytes]:
        """Deletes a user's records, at most `limit` of them, except one that is to stay. Returns the ids of the records
        that it deleted. Fewer than `limit` means that there were no more, whatever other calls deleted at the same time.
        Requests are served meanwhile."""
        ...

    def list_by_user(self, user_id: str, now: int, limit: int) -> list[LoginRecord]:
        """A user's records that have not expired, most recently seen first, at most `limit` of them."""
        ...

    def delete_expired(self, now: int, limit: int) -> int:
        """Deletes expired records, at most `limit` of them, and returns how many it deleted. Fewer than `limit` means that
        there were no more. Requests are served meanwhile."""
        ...


class AttemptStore(Protocol):
    """What a login store has to do besides, where attempts are limited (HOUSEKEY_LIMIT_ATTEMPTS): it counts them, so that all
    processes count together.

    A key is `bytes`, of which there are 16. What is kept of one, its standing, is two numbers: from when on the next attempt may come,
    and when all are forgotten. `AttemptSchedule.count` and `take_back` say what becomes of it; a store does that in one operation, which
    of many at once sees what the others did. Times are whole seconds since 1970 and come from the caller. What a method raises means
    that nobody knows: the attempt is refused with 503.
    """

    def count_attempt(self, key: bytes, schedule: AttemptSchedule, now: int) -> tuple[bool, int, int]:
        """Counts one attempt at a key, if it may come now. Whether it may go on, and the standing of the key then; for one that may
        not, the first number is from when on the next one may come."""
        ...

    def take_attempt_back(
        self, key: bytes, schedule: AttemptSchedule, counted: tuple[int, int], now: int
    ) -> None:
        """Takes back one attempt that was counted, with this standing then. Does nothing when nothing is kept of the key."""
        ...

    def forgive_attempts(self, key: bytes) -> None:
        """Forgets all attempts at a key."""
        ...

    def delete_expired_attempts(self, now: int, limit: int) -> int:
        """Deletes what is kept of keys whose attempts are all forgotten by now, at most `limit` of them, and returns how many it
        deleted. A store that deletes them by itself may return 0."""
        ...


POSSIBLE = (
    "sqlite:///FILE (in the app's instance folder), sqlite:////FOLDER/FILE, postgresql://…, "
    "redis://…, rediss://…, unix://…, redis+cluster://…, redis+sentinel://… or memory:"
)


def store_from_url(url: str, root_path: str | os.PathLike[str]) -> LoginStore:
    """The store for a URL in the configuration:

    - `sqlite:///logins.db`: an SQLite file in `root_path`, which is the app's instance folder and is made if it is missing;
      `sqlite:////var/lib/site/logins.db`: one anywhere.
    - `postgresql://user@host/database`, with `+psycopg` or `+psycopg2` behind `postgresql` or whichever is installed: an engine of its
      own. A program that has an engine gives that to `SqlAlchemyLoginStore` instead.
    - `redis://host`, `rediss://host` (TLS), `unix:///socket`: as redis-py reads them.
    - `redis+cluster://user:password@node,node/`: a Redis Cluster, of which one node must answer.
      `redis+sentinel://user:password@sentinel,sentinel/master/0`: the master that Sentinels call by this name, and its database. The
      user and the password are the master's; those for the Sentinels are `?sentinel_username=…&sentinel_password=…`. `rediss+cluster`
      and `rediss+sentinel` are the same over TLS. redis-py's options may follow, for instance `?ssl_ca_certs=/etc/ca.pem`, which
      count for the Sentinels too if they begin with `ssl_` or `socket_`.
    - `memory:`: see `MemoryLoginStore`.

    Anything else is a `ValueError`. Messages do not contain the URL, since it may contain a password.
    """
    try:
        # Without the rest, which may name several servers.
        scheme = urlsplit(url.partition("//")[0]).scheme
    except ValueError:
        scheme = ""
    if url == "memory:":
        return MemoryLoginStore()
    if url.startswith("sqlite:///"):
        return _sqlite(url.removeprefix("sqlite:///"), root_path)
    if scheme in SCHEMES:
        try:
            return RedisLoginStore(url)
        except TypeError as error:
            # Everything after the ? is an argument to redis-py.
            raise ValueError(f"redis-py does not accept this URL: {error}") from None
    if scheme.partition("+")[0] in ("postgresql", "postgres"):
        return SqlAlchemyLoginStore(engine_from_url(url))
    raise ValueError(
        f"a login store's URL cannot begin with {scheme or 'nothing'!r}: it may be {POSSIBLE}"
    )


def _sqlite(path: str, root_path: str | os.PathLike[str]) -> SqliteLoginStore:
    if path in ("", ":memory:") or "?" in path:
        raise ValueError("sqlite:///FILE names a file, without anything behind it; memory: keeps logins in memory")
    if not os.path.isabs(path):
        os.makedirs(root_path, exist_ok=True)
    return SqliteLoginStore(os.path.join(root_path, path))
