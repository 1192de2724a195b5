"""Login records in Redis, through redis-py."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._core import AttemptSchedule, Created, Limit, LoginRecord, LoginStoreError, RedisScripts, Touch, Updated
from .redis_errors import unreadable
from .redis_link import Question, Script, servers

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster

# For how many ids, at least, a store remembers the user; at most for twice as many.
REMEMBERED = 10_000
# How many buckets are queried at once.
AT_ONCE = 256


class RedisLoginStore:
    """Keeps login records in Redis.

        store = RedisLoginStore("redis://localhost:6379/0")
        store = RedisLoginStore(redis.Redis(host="localhost", socket_timeout=5), prefix="staff:")
        store = RedisLoginStore(redis.cluster.RedisCluster(host="node-1", socket_timeout=5))
        sentinel = redis.sentinel.Sentinel([("sentinel-1", 26379)], sentinel_kwargs={"socket_timeout": 1})
        store = RedisLoginStore(sentinel.master_for("mymaster", socket_timeout=5, socket_connect_timeout=5))
        store = RedisLoginStore("redis+cluster://node-1,node-2/", replicas=1)
        store = RedisLoginStore("redis+sentinel://sentinel-1,sentinel-2/mymaster/0", replicas=1)

    A client of the program is used through its pool, with its TLS and its credentials. It must have a `socket_timeout`, to
    limit how long a request waits for an answer.

    From a URL (`store_from_url` describes them), the store makes its own client, for a cluster at first use. Connecting and
    each answer may take `timeout` seconds, 5 by default, with each Sentinel and each node of the URL in turn. Nothing is tried
    twice: an unanswered command is a `LoginStoreError`, and the next operation connects again. In a cluster, a question goes to
    another node only where it was not carried out.

    The store checks that each new connection leads to the server that accepts writes, and refuses it otherwise: a replica
    would answer with outdated data.

    `prefix` is the start of its keys. Each login manager needs its own prefix, which must not be the start of another one;
    in a cluster it must not contain `{`.

    `replicas` is how many replicas must have a change before it counts as done. With 1, an ended login stays ended when the
    replica that has this change becomes the master.

    With its default settings, Redis may lose changes that it has confirmed. The README of the crate housekey-redis says
    what to set on the server: `appendonly yes`, `appendfsync always`, `maxmemory-policy noeviction`. If the settings
    differ, the store says so in the log of `flask_housekey` when it first connects, and `check()` returns it.
    """

    def __init__(
        self,
        client_or_url: Redis | RedisCluster | str,
        prefix: str = RedisScripts.DEFAULT_PREFIX,
        *,
        timeout: float | None = None,
        replicas: int = 0,
    ) -> None:
        if replicas < 0:
            raise ValueError("replicas: a number of replicas, or 0")
        self._servers = servers(client_or_url, timeout)
        self._prefix = prefix
        self._replicas = replicas
        self._places = Places()

    def check(self) -> list[str]:
        """Checks whether the servers' settings may lose logins or bring ended ones back. Returns a sentence for each."""
        return self._servers.warnings()

    def create(self, new: LoginRecord, replacing: Sequence[bytes], limit: Limit) -> Created:
        id, claim = _id_text(new.id), RedisScripts.claim(os.urandom(8))
        seconds = RedisScripts.seconds_to_keep(new.last_seen_at, new.expires_at)
        now, expected = RedisScripts.number(limit.now), ""
        while True:
            there = self._text(self._point(CLAIM, id, new.user_id, claim, seconds, expected))
            if not there:
                break
            # It belongs to another call, and a failed creation takes nothing from its user.
            others, user_id = self._pointer(there)
            lives = self._load(new.id, user_id)
            if lives is not None and now < lives.expires_at:
                return Created.TAKEN
            answer, _ = self._make(new, replacing, limit, claim, looks=True)
            if answer is not None:
                return answer
            if self._run(FENCE, user_id, id, now, others, RedisScripts.FENCED_FOR):
                return Created.TAKEN
            expected = there
        answer, gone = self._make(new, replacing, limit, claim, looks=False)
        if answer is None:
            raise self._unreadable()
        if answer.is_done:
            self._places.keep(new.id, new.user_id)
            # The records of other users, if any.
            for old in replacing:
                if old != new.id and old not in gone:
                    self.delete(old)
        else:
            self._point_quietly([(RELEASE, id, RedisScripts.pointer(claim, new.user_id))])
        return answer

    def load(self, id: bytes, now: int) -> LoginRecord | None:
        for user_id in self._users_of(id):
            record = self._load(id, user_id)
            if record is not None and RedisScripts.number(now) < record.expires_at:
                self._places.keep(id, user_id)
                return record
        return None

    def update(self, changed: LoginRecord) -> Updated:
        """A record stays with its user. If this is another user, it does not exist."""
        answer, claim = self._run(UPDATE, changed.user_id, _id_text(changed.id), *_columns(changed))
        if answer == 0:
            return Updated.GONE
        if answer == 1:
            return Updated.CONFLICT
        seconds = RedisScripts.seconds_to_keep(changed.last_seen_at, changed.expires_at)
        self._keep_pointer(changed.id, changed.user_id, claim, seconds)
        return Updated.DONE

    def touch(self, id: bytes, touch: Touch) -> bool:
        seconds = RedisScripts.seconds_to_keep(touch.now, touch.expires_at)
        numbers = map(RedisScripts.number, (touch.now, touch.unless_since, touch.expires_at))
        arguments: list[str | int] = [_id_text(id), *numbers, seconds]
        for user_id in self._users_of(id):
            answer, claim = self._run(TOUCH, user_id, *arguments)
            if answer == 3:
                self._keep_pointer(id, user_id, claim, seconds)
            if answer:
                return bool(answer > 1)
        return False

    def delete(self, id: bytes) -> bool:
        for user_id in self._users_of(id):
            answer, claim = self._run(DELETE, user_id, _id_text(id))
            if answer:
                self._release(user_id, [[_id_text(id).encode(), claim]])
                return True
        return False

    def delete_by_user(self, user_id: str, except_id: bytes | None, limit: int) -> list[bytes]:
        deleted: list[bytes] = []
        kept = "" if except_id is None else _id_text(except_id)
        while len(deleted) < limit:
            batch = min(RedisScripts.LARGEST_BATCH, limit - len(deleted))
            count, gone = self._run(DELETE_BY_USER, user_id, kept, batch)
            deleted += self._release(user_id, _pairs(gone))
            if count < batch:
                break
        return deleted

    def list_by_user(self, user_id: str, now: int, limit: int) -> list[LoginRecord]:
        # By its id: if it was used meanwhile, it has moved to the front, and another one to its place.
        listed: dict[bytes, LoginRecord] = {}
        start = 0
        while len(listed) < limit:
            most = min(RedisScripts.LARGEST_BATCH, limit - len(listed))
            question = self._question(LIST_BY_USER, user_id, RedisScripts.number(now), start, most)
            start, more, found = self._servers.ask(question)
            for text, record in found:
                [id] = self._ids([text])
                listed.setdefault(id, self._record(id, user_id, record))
            if not more:
                break
        return list(listed.values())

    def delete_expired(self, now: int, limit: int) -> int:
        deleted = 0
        for first in range(0, RedisScripts.BUCKETS, AT_ONCE):
            if deleted >= limit:
                break
            some = range(first, min(first + AT_ONCE, RedisScripts.BUCKETS))
            due = self._servers.ask_all([self._due(bucket, now) for bucket in some])
            for bucket, entries in zip(some, due):
                while entries and deleted < limit:
                    deleted += self._purge(entries[: limit - deleted], now)
                    if len(entries) < RedisScripts.LARGEST_BATCH:
                        break
                    entries = self._servers.ask(self._due(bucket, now))
        return deleted

    def count_attempt(self, key: bytes, schedule: AttemptSchedule, now: int) -> tuple[bool, int, int]:
        numbers = (
            now,
            schedule.free,
            schedule.first_delay,
            schedule.longest_delay,
            schedule.forgets_one_every,
            schedule.most,
        )
        is_allowed, next_at, forgotten_at = self._servers.ask(self._about_attempts(COUNT_ATTEMPT, key, *numbers))
        return bool(is_allowed), next_at, forgotten_at

    def take_attempt_back(
        self, key: bytes, schedule: AttemptSchedule, counted: tuple[int, int], now: int
    ) -> None:
        numbers = (counted[0], schedule.forgets_one_every, now)
        self._servers.ask(self._about_attempts(TAKE_ATTEMPT_BACK, key, *numbers))

    def forgive_attempts(self, key: bytes) -> None:
        name = RedisScripts.attempts_key(self._prefix, key.hex())
        self._servers.ask(Question(name, ["DEL", name]))

    def delete_expired_attempts(self, now: int, limit: int) -> int:
        """Redis has done it."""
        return 0

    def __repr__(self) -> str:
        return f"RedisLoginStore({self._servers.name}, prefix={self._prefix!r})"

    def _make(
        self, new: LoginRecord, replacing: Sequence[bytes], limit: Limit, claim: str, *, looks: bool
    ) -> tuple[Created | None, list[bytes]]:
        """Writes a record, or only checks whether it could, which None confirms. Also returns the ids of the user's records
        that are gone."""
        what, ended, gone = self._run(
            CREATE,
            new.user_id,
            _id_text(new.id),
            claim,
            *_columns(new),
            RedisScripts.long_expired(new.last_seen_at),
            RedisScripts.SWEPT,
            RedisScripts.number(limit.count),
            RedisScripts.number(limit.now),
            RedisScripts.number(limit.spared_since),
            limit.looks_at(len(replacing)),
            int(looks),
            *map(_id_text, replacing),
        )
        released = self._release(new.user_id, _pairs(gone))
        ids = self._ids(ended)
        possible: dict[bytes, Callable[[], Created | None]] = {
            b"done": lambda: Created.done(ids),
            b"crowded": lambda: Created.crowded(ids),
            b"full": lambda: Created.FULL,
            b"taken": lambda: Created.TAKEN,
            b"free": lambda: None,
        }
        if what not in possible:
            raise self._unreadable()
        return possible[what](), released

    def _users_of(self, id: bytes) -> Iterator[str]:
        """The users that a record may belong to: the remembered one, and the pointer's if that is another."""
        remembered = self._places.get(id)
        if remembered is not None:
            yield remembered
            self._places.forget(id)
        key = RedisScripts.pointer_key(self._prefix, _id_text(id))
        pointer = self._servers.ask(Question(key, ["GET", key]))
        if pointer is not None:
            _, user_id = self._pointer(self._text(pointer))
            if user_id != remembered:
                yield user_id

    def _load(self, id: bytes, user_id: str) -> LoginRecord | None:
        key = RedisScripts.keys_of_user(self._prefix, user_id)[0]
        text = self._servers.ask(Question(key, ["HGET", key, _id_text(id)]))
        return None if text is None else self._record(id, user_id, text)

    def _due(self, bucket: int, now: int) -> Question:
        key = RedisScripts.expiry_key(self._prefix, bucket)
        most = RedisScripts.LARGEST_BATCH
        return Question(key, ["ZRANGEBYSCORE", key, "-inf", RedisScripts.number(now), "LIMIT", 0, most])

    def _purge(self, entries: list[bytes], now: int) -> int:
        of_users: dict[str, list[str]] = {}
        for entry in entries:
            found = RedisScripts.read_expiry(self._text(entry))
            if found is None:
                raise self._unreadable()
            of_users.setdefault(found[1], []).append(found[0])
        deleted = 0
        for user_id, ids in of_users.items():
            gone = self._run(PURGE, user_id, RedisScripts.number(now), *ids)
            deleted += len(self._release(user_id, _pairs(gone)))
        return deleted

    def _run(self, script: Script, user_id: str, *arguments: bytes | str | int) -> Any:
        """Runs a script that changes something."""
        question = self._question(script, user_id, *arguments)
        question.replicas = self._replicas
        return self._servers.ask(question)

    def _question(self, script: Script, user_id: str, *arguments: bytes | str | int) -> Question:
        keys = RedisScripts.keys_of_user(self._prefix, user_id)
        return Question(keys[0], ["EVALSHA", script.digest, len(keys), *keys, user_id, *arguments], script)

    def _point(self, script: Script, id: str, *arguments: bytes | str | int) -> Any:
        return self._servers.ask(self._about_pointer(script, id, *arguments, replicas=self._replicas))

    def _about_pointer(self, script: Script, id: str, *arguments: bytes | str | int, replicas: int = 0) -> Question:
        key = RedisScripts.pointer_key(self._prefix, id)
        return Question(key, ["EVALSHA", script.digest, 1, key, *arguments], script, replicas)

    def _about_attempts(self, script: Script, key: bytes, *arguments: int) -> Question:
        name = RedisScripts.attempts_key(self._prefix, key.hex())
        return Question(name, ["EVALSHA", script.digest, 1, name, *arguments], script)

    def _keep_pointer(self, id: bytes, user_id: str, claim: bytes, seconds: int) -> None:
        """Keeps a record's pointer for as long as the record."""
        self._point(POINT, _id_text(id), RedisScripts.pointer(self._text(claim), user_id), seconds)

    def _release(self, user_id: str, gone: list[list[bytes]]) -> list[bytes]:
        """Deletes the pointers of records that are gone, given an id and a claim each, and returns the ids."""
        ids = self._ids([id for id, _ in gone])
        for id in ids:
            self._places.forget(id)
        self._point_quietly(
            [(RELEASE, self._text(id), RedisScripts.pointer(self._text(claim), user_id)) for id, claim in gone]
        )
        return ids

    def _point_quietly(self, wanted: list[tuple[Script, str, str]]) -> None:
        """A pointer that stays leads to nothing, and goes when its record would have expired; so a failure here does not
        change the answer."""
        if wanted:
            try:
                self._servers.ask_all([self._about_pointer(*one) for one in wanted])
            except LoginStoreError:
                pass

    def _pointer(self, text: str) -> tuple[str, str]:
        read = RedisScripts.read_pointer(text)
        if read is None:
            raise self._unreadable()
        return read

    def _text(self, text: bytes) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            raise self._unreadable() from None

    def _ids(self, texts: Sequence[bytes]) -> list[bytes]:
        try:
            ids = [base64.b64decode(text + b"==", altchars=b"-_", validate=True) for text in texts]
        except (binascii.Error, TypeError):
            ids = [b""]
        if any(len(id) != 16 for id in ids):
            raise self._unreadable()
        return ids

    def _record(self, id: bytes, user_id: str, text: bytes) -> LoginRecord:
        record = RedisScripts.record(id, user_id, self._text(text))
        if record is None:
            raise self._unreadable()
        return record

    def _unreadable(self) -> LoginStoreError:
        return unreadable(self._servers.name)


class Places:
    """Remembers where to look for a record first. If it is not there it may be elsewhere, so a forgotten entry costs one
    look-up."""

    def __init__(self) -> None:
        self._young: dict[bytes, str] = {}
        self._old: dict[bytes, str] = {}

    def get(self, id: bytes) -> str | None:
        user_id = self._young.get(id)
        if user_id is None:
            user_id = self._old.pop(id, None)
            if user_id is not None:
                self.keep(id, user_id)
        return user_id

    def keep(self, id: bytes, user_id: str) -> None:
        if len(user_id) <= 200:
            if len(self._young) >= REMEMBERED:
                self._old, self._young = self._young, {}
            self._young[id] = user_id

    def forget(self, id: bytes) -> None:
        self._young.pop(id, None)
        self._old.pop(id, None)


CREATE = Script(RedisScripts.CREATE)
UPDATE = Script(RedisScripts.UPDATE)
TOUCH = Script(RedisScripts.TOUCH)
DELETE = Script(RedisScripts.DELETE)
DELETE_BY_USER = Script(RedisScripts.DELETE_BY_USER)
LIST_BY_USER = Script(RedisScripts.LIST_BY_USER)
PURGE = Script(RedisScripts.PURGE)
FENCE = Script(RedisScripts.FENCE)
CLAIM = Script(RedisScripts.CLAIM)
POINT = Script(RedisScripts.POINT)
RELEASE = Script(RedisScripts.RELEASE)
COUNT_ATTEMPT = Script(RedisScripts.COUNT_ATTEMPT)
TAKE_ATTEMPT_BACK = Script(RedisScripts.TAKE_ATTEMPT_BACK)


def _pairs(gone: list[bytes]) -> list[list[bytes]]:
    """An id and a claim each."""
    return [gone[i : i + 2] for i in range(0, len(gone), 2)]


def _columns(record: LoginRecord) -> tuple[str | int, ...]:
    """The record without its id and user, and how long Redis has to keep it."""
    numbers = (record.version, record.created_at, record.last_seen_at, record.expires_at)
    keep = RedisScripts.seconds_to_keep(record.last_seen_at, record.expires_at)
    return (*map(RedisScripts.number, numbers), record.data, keep)


def _id_text(id: bytes) -> str:
    return base64.urlsafe_b64encode(id).rstrip(b"=").decode()
