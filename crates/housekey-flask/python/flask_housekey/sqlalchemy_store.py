"""Login records in PostgreSQL, through SQLAlchemy."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ._core import AttemptSchedule, Created, Limit, LoginRecord, LoginStoreError, PostgresStatements, Touch, Updated
from .postgres_link import (
    Connecting,
    Link,
    Standby,
    TooLate,
    check_engine,
    connect_in_time,
    is_lost,
    is_of_the_connection,
    is_older,
    note_birth,
    sqlalchemy_2,
    sqlstate,
    takes_standby,
    unsigned,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

T = TypeVar("T")

LARGEST = 2**63 - 1
TOO_LATE = "see whether it runs, whether it is overloaded, whether the way to it is open, and whether somebody holds a lock on the table"
UNREACHABLE = (
    "see whether it runs, and which user, password and database the engine was given; the pool connects again by itself"
)
NOT_A_LOGIN = (
    "a row is not that of a login; another program made that table or wrote into it, so give the store one of its own"
)
# What libpq says if it has found no server that writes. It keeps the server's codes to itself.
FOUND_NO_PRIMARY = "session is read-only"
ONLY_READS = "25006"
# Lock not available, query cancelled: the server's answers when its time limit is over.
SAYS_TOO_LATE = ("55P03", "57014")


class SqlAlchemyLoginStore:
    """Keeps login records in a table of PostgreSQL, through an engine of SQLAlchemy 2 with psycopg or psycopg2.

        db = SQLAlchemy()  # Flask-SQLAlchemy's, or sqlalchemy.create_engine("postgresql+psycopg://…")
        store = SqlAlchemyLoginStore(db)

    It takes connections from the engine's pool for a moment each, in transactions of its own; the program's sessions are
    not affected. From a Flask-SQLAlchemy object, it gets the engine of the current app at each use.

    `table` consists of letters, digits and `_`, optionally after a schema (`app.logins`). Each login manager needs its own,
    unless they share logins. The store makes the table at first use if it does not exist. Where the program's database user
    may not create tables, put `create_table_sql` into the migrations, and grant SELECT, INSERT, UPDATE and DELETE.

    An operation without an answer after `timeout` seconds is a `LoginStoreError`, and so is any other failure of the server
    or the network. Waiting for a free connection of the pool comes on top: the engine's `pool_timeout`, 30 seconds by
    default. With psycopg, the store gives up in time even on a server that hangs and answers nothing at all; with psycopg2,
    and with the engine's `pool_pre_ping`, it waits for as long as TCP does. The store needs no `pool_pre_ping`: it sees
    when the server has ended a connection. psycopg2 also blocks gevent's other greenlets, unless psycogreen is in use.

    A standby that lags behind still shows logins that have ended, so the store takes no answer from a server that only
    reads, unless `target_session_attrs` in the engine's URL is `any`, `prefer-standby`, `standby` or `read-only`. If the
    server only reads now, as after a failover, or is stopping, the store closes the connection and those made before, and
    asks once more over a new one. An engine whose URL names several servers needs `target_session_attrs=read-write`, by
    which libpq finds the one that writes.

    A process that forks after using the engine must give up the inherited connections, as with any other use of the engine:
    call `engine.dispose(close=False)` in the child.
    """

    def __init__(
        self, engine_or_db: Any, table: str = PostgresStatements.DEFAULT_TABLE, *, timeout: float = 5.0
    ) -> None:
        sqlalchemy = sqlalchemy_2()
        self._statements = PostgresStatements(table)
        if not timeout > 0:
            raise ValueError("timeout: a number of seconds above 0")
        self._timeout = timeout
        self._source: Callable[[], Engine]
        if isinstance(engine_or_db, sqlalchemy.Engine):
            check_engine(engine_or_db)
            self._source = lambda: engine_or_db
        elif hasattr(type(engine_or_db), "engine") and not hasattr(engine_or_db, "sync_engine"):
            self._source = lambda: engine_or_db.engine
        else:
            raise TypeError(
                "SqlAlchemyLoginStore takes an engine of sqlalchemy.create_engine, or an object of Flask-SQLAlchemy, "
                f"not {type(engine_or_db).__name__}"
            )
        # Engines whose table is known to exist.
        self._ready: weakref.WeakSet[Engine] = weakref.WeakSet()
        # When a connection of an engine led to a server that does not write. Those made before that are just as old.
        self._outdated: weakref.WeakKeyDictionary[Engine, float] = weakref.WeakKeyDictionary()

    @property
    def create_table_sql(self) -> str:
        """The SQL that makes the table and its indexes, for the program's own migrations."""
        return self._statements.create_table_sql

    def create_table(self) -> None:
        """Makes the table, its indexes and the table in which attempts are counted, unless tables of these names exist. Several
        processes may do so at once. The store does this by itself at first use."""
        self._in_time(self._engine(), self._make_table)

    def create(self, new: LoginRecord, replacing: Sequence[bytes], limit: Limit) -> Created:
        self._check_texts(new)
        statements, replacing = self._statements, list(replacing)

        def make(link: Link) -> Created:
            looks_at = _signed(limit.looks_at(len(replacing)))
            newest = link.rows(statements.standing, new.user_id, looks_at)
            room = limit.room([(bytes(id), unsigned(seen), unsigned(until)) for id, seen, until in newest], replacing)
            if room is None:
                return Created.FULL
            go = room.ended + room.expired
            if room.crowded:
                link.run(statements.delete_all, go)
                return Created.crowded(room.ended)
            [(made,)] = link.rows(statements.create, *_columns(new), [*go, *replacing, new.id], _signed(limit.now))
            return Created.done(room.ended) if made else Created.TAKEN

        return self._ask(lambda link: link.transaction(make, new.user_id))

    def load(self, id: bytes, now: int) -> LoginRecord | None:
        records = self._ask(lambda link: link.records(self._statements.load_or_standby, id, _signed(now)))
        return records[0] if records else None

    def update(self, changed: LoginRecord) -> Updated:
        self._check_texts(changed)
        [(found, done)] = self._ask(lambda link: link.rows(self._statements.update, *_columns(changed)))
        if not found:
            return Updated.GONE
        return Updated.DONE if done else Updated.CONFLICT

    def touch(self, id: bytes, touch: Touch) -> bool:
        times = (_signed(touch.now), _signed(touch.unless_since), _signed(touch.expires_at))
        return bool(self._ask(lambda link: link.rows(self._statements.touch, id, *times)))

    def delete(self, id: bytes) -> bool:
        return bool(self._ask(lambda link: link.rows(self._statements.delete, id)))

    def delete_by_user(self, user_id: str, except_id: bytes | None, limit: int) -> list[bytes]:
        deleted: list[bytes] = []
        while len(deleted) < limit and "\0" not in user_id:
            batch = min(self._statements.LARGEST_BATCH, limit - len(deleted))

            def delete(link: Link, batch: int = batch) -> list[Any]:
                return link.rows(self._statements.delete_by_user, user_id, except_id, batch)

            found = self._ask(lambda link: link.transaction(delete))
            deleted += [bytes(id) for id, done in found if done]
            if len(found) < batch:
                break
        return deleted

    def list_by_user(self, user_id: str, now: int, limit: int) -> list[LoginRecord]:
        if "\0" in user_id:
            return []

        def list_records(link: Link) -> list[LoginRecord]:
            return link.records(self._statements.list_or_standby, user_id, _signed(now), _signed(limit))

        return self._ask(lambda link: link.transaction(list_records))

    def delete_expired(self, now: int, limit: int) -> int:
        deleted = 0
        while deleted < limit:
            batch = min(self._statements.LARGEST_BATCH, limit - deleted)
            [(count,)] = self._ask(lambda link: link.rows(self._statements.delete_expired, _signed(now), batch))
            deleted += count
            if count < batch:
                break
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

        def count(link: Link) -> list[Any]:
            return link.rows(self._statements.count_attempt, key, *numbers)

        rows = self._ask(lambda link: link.transaction(count))
        if not rows:
            # Others were first, since the statement began.
            return False, now + 1, 0
        [(next_at, forgotten_at, is_allowed)] = rows
        # Of one that waits, it may be another one's that was first.
        return is_allowed, unsigned(next_at) if is_allowed else max(next_at, now + 1), unsigned(forgotten_at)

    def take_attempt_back(
        self, key: bytes, schedule: AttemptSchedule, counted: tuple[int, int], now: int
    ) -> None:
        def take_back(link: Link) -> None:
            link.run(self._statements.take_attempt_back, key, counted[0], schedule.forgets_one_every)

        self._ask(lambda link: link.transaction(take_back))

    def forgive_attempts(self, key: bytes) -> None:
        self._ask(lambda link: link.run(self._statements.forgive_attempts, key))

    def delete_expired_attempts(self, now: int, limit: int) -> int:
        deleted = 0
        while deleted < limit:
            batch = min(self._statements.LARGEST_BATCH, limit - deleted)
            statement = self._statements.delete_expired_attempts
            [(count,)] = self._ask(lambda link: link.rows(statement, _signed(now), batch))
            deleted += count
            if count < batch:
                break
        return deleted

    def __repr__(self) -> str:
        return f"SqlAlchemyLoginStore(table={self._statements.table})"

    def _engine(self) -> Engine:
        engine = self._source()
        if engine not in self._ready:
            check_engine(engine)
            sqlalchemy = sqlalchemy_2()
            if not sqlalchemy.event.contains(engine, "do_connect", connect_in_time):
                sqlalchemy.event.listen(engine, "do_connect", connect_in_time)
                sqlalchemy.event.listen(engine, "connect", note_birth)
        return engine

    def _ask(self, question: Callable[[Link], T]) -> T:
        engine = self._engine()
        if engine not in self._ready:
            self._in_time(engine, self._make_table)
            self._ready.add(engine)
        return self._in_time(engine, question)

    def _make_table(self, link: Link) -> None:
        tables = (self._statements.table, self._statements.attempts_table)
        if not all(link.rows(self._statements.IS_THERE, table) == [(True,)] for table in tables):
            link.script(f"BEGIN; {self._statements.create_table}")
            link.script("COMMIT")

    def _in_time(self, engine: Engine, question: Callable[[Link], T]) -> T:
        """Runs a question over a connection of the pool. If the server undid it because of concurrent ones, it is repeated;
        and once over a new connection, if the server does not write now.

        It uses the driver: SQLAlchemy's exceptions contain the record, which does not belong in a log.
        """
        exc, driver = sqlalchemy_2().exc, engine.dialect.loaded_dbapi
        deadline = time.monotonic() + self._timeout
        may_try_again = True
        cause: Any
        while True:
            try:
                with Connecting(self._timeout):
                    connection = engine.raw_connection()
                with contextlib.closing(connection):
                    is_outdated = is_older(connection, self._outdated.get(engine, -1.0))
                    if is_outdated or is_lost(connection.driver_connection):
                        connection.invalidate()
                        if time.monotonic() > deadline:
                            raise TooLate
                        continue
                    with Link(connection, deadline, self._timeout, self._statements, takes_standby(engine)) as link:
                        return question(link)
            except Standby:
                if self._tries_again(engine, may_try_again, deadline):
                    may_try_again = False
                    continue
                failure, cause = f"it does not write; {PostgresStatements.advice(ONLY_READS)}", None
            except TooLate:
                failure, cause = f"it has not answered within {self._timeout:g} s; {TOO_LATE}", None
            except exc.TimeoutError as error:
                failure, cause = "all of the pool's connections are in use; see how many it may have", error
            except (driver.Error, exc.DBAPIError) as error:
                # SQLAlchemy runs some queries of its own when it first connects.
                cause = getattr(error, "orig", error)
                code = sqlstate(cause)
                if code and PostgresStatements.was_undone(code) and time.monotonic() < deadline:
                    continue
                if is_of_the_connection(code) and self._tries_again(engine, may_try_again, deadline):
                    may_try_again = False
                    continue
                failure = self._said(cause, code)
            except (TypeError, ValueError, OverflowError) as error:
                failure, cause = NOT_A_LOGIN, error
            break
        raise LoginStoreError(f"{_server_name(engine)}: {failure}") from cause

    def _tries_again(self, engine: Engine, may_try_again: bool, deadline: float) -> bool:
        """Whether to ask once more. Connections made until now are not used again in any case."""
        self._outdated[engine] = time.monotonic()
        return may_try_again and time.monotonic() < deadline

    def _said(self, cause: Any, code: str | None) -> str:
        if code in SAYS_TOO_LATE:
            return f"it has not answered within {self._timeout:g} s; {TOO_LATE}"
        diagnosis = getattr(cause, "diag", None)
        words = getattr(diagnosis, "message_primary", None) or str(cause).strip() or type(cause).__name__
        if FOUND_NO_PRIMARY in words:
            code = ONLY_READS
        if code:
            return f"{words}; {PostgresStatements.advice(code)}"
        return f"{words}; {UNREACHABLE}"

    def _check_texts(self, record: LoginRecord) -> None:
        for what, text in (("the user's id", record.user_id), ("the data of the record", record.data)):
            if "\0" in text:
                raise LoginStoreError(f"{what} contains a NUL character, which PostgreSQL cannot store; leave it out")


def _server_name(engine: Engine) -> str:
    url = engine.url
    place = f" at {url.host}:{url.port or 5432}" if url.host else ""
    return f"database {url.database} of PostgreSQL{place}" if url.database else f"PostgreSQL{place}"


def _columns(record: LoginRecord) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    numbers = (record.version, record.created_at, record.last_seen_at, record.expires_at)
    return (record.id, record.user_id, *map(_signed, numbers), record.data)


def _signed(number: int) -> int:
    """Replaces a number that is too large with the largest one: it comes 292 billion years after 1970."""
    return min(number, LARGEST)
