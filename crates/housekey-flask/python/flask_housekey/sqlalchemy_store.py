"""Login records in PostgreSQL, over SQLAlchemy."""

from __future__ import annotations

import contextlib
import contextvars
import math
import os
import re
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ._core import Created, Limit, LoginRecord, LoginStoreError, PostgresStatements, Touch, Updated

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

T = TypeVar("T")

LARGEST = 2**63 - 1
DRIVERS = ("psycopg", "psycopg2")
TOO_LATE = "see whether it runs, whether it is overloaded, whether the way to it is open, and whether somebody holds a lock on the table"
# Lock not available, query cancelled: what the server says when the time is over that it was given.
SAYS_TOO_LATE = ("55P03", "57014")


class SqlAlchemyLoginStore:
    """Keeps login records in a table of PostgreSQL, over an engine of SQLAlchemy 2 with psycopg or psycopg2.

        db = SQLAlchemy()  # Flask-SQLAlchemy's, or sqlalchemy.create_engine("postgresql+psycopg://…")
        store = SqlAlchemyLoginStore(db)

    It takes connections from the engine's pool for a moment each, in transactions of its own; the program's sessions never notice. An
    object of Flask-SQLAlchemy is asked for the engine of the current app whenever the store is used.

    `table` may have a schema before it (`app.logins`) and has letters, digits and `_`. Each login manager needs one of its own, but for
    those that share logins. It is made when the store is first used, unless it is there. Where the program's user may not make tables,
    put `create_table_sql` into the migrations, and grant SELECT, INSERT, UPDATE and DELETE.

    An operation that has no answer after `timeout` seconds is a `LoginStoreError`; so is whatever else the server or the way to it
    does. Waiting for a free connection of the pool counts apart: that is the engine's `pool_timeout`, 30 seconds unless the program
    says otherwise. With psycopg2, a server that answers nothing at all, not even a refusal, is waited for as long as TCP does; psycopg
    gives up in time. psycopg2 also keeps gevent's other greenlets waiting, unless psycogreen is in use.

    A process that forks after its engine was used has to give up the connections that both have, as with everything else that uses
    the engine: `engine.dispose(close=False)` in the child.
    """

    def __init__(
        self, engine_or_db: Any, table: str = PostgresStatements.DEFAULT_TABLE, *, timeout: float = 5.0
    ) -> None:
        sqlalchemy = _sqlalchemy()
        self._statements = PostgresStatements(table)
        if not timeout > 0:
            raise ValueError("timeout: a number of seconds above 0")
        self._timeout = timeout
        self._source: Callable[[], Engine]
        if isinstance(engine_or_db, sqlalchemy.Engine):
            _check_engine(engine_or_db)
            self._source = lambda: engine_or_db
        elif hasattr(type(engine_or_db), "engine") and not hasattr(engine_or_db, "sync_engine"):
            self._source = lambda: engine_or_db.engine
        else:
            raise TypeError(
                "SqlAlchemyLoginStore takes an engine of sqlalchemy.create_engine, or an object of Flask-SQLAlchemy, "
                f"not {type(engine_or_db).__name__}"
            )
        # Those whose table is known to be there.
        self._ready: weakref.WeakSet[Engine] = weakref.WeakSet()

    @property
    def create_table_sql(self) -> str:
        """What makes the table and its indexes, for the program's own migrations."""
        return self._statements.create_table_sql

    def create_table(self) -> None:
        """Makes the table and its indexes, unless there is a table of this name. Several processes may do it at once. The store does
        this by itself when it is first used."""
        self._in_time(self._engine(), self._make_table)

    def create(self, new: LoginRecord, replacing: Sequence[bytes], limit: Limit) -> Created:
        self._check_texts(new)
        statements, replacing = self._statements, list(replacing)

        def make(link: Link) -> Created:
            looks_at = _signed(limit.looks_at(len(replacing)))
            newest = link.rows(statements.standing, new.user_id, looks_at)
            room = limit.room([(bytes(id), _unsigned(seen), _unsigned(until)) for id, seen, until in newest], replacing)
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
        records = self._ask(lambda link: link.records(self._statements.load, id, _signed(now)))
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
            return link.records(self._statements.list_by_user, user_id, _signed(now), _signed(limit))

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

    def __repr__(self) -> str:
        return f"SqlAlchemyLoginStore(table={self._statements.table})"

    def _engine(self) -> Engine:
        engine = self._source()
        if engine not in self._ready:
            _check_engine(engine)
            sqlalchemy = _sqlalchemy()
            if not sqlalchemy.event.contains(engine, "do_connect", _connect_in_time):
                sqlalchemy.event.listen(engine, "do_connect", _connect_in_time)
        return engine

    def _ask(self, question: Callable[[Link], T]) -> T:
        engine = self._engine()
        if engine not in self._ready:
            self._in_time(engine, self._make_table)
            self._ready.add(engine)
        return self._in_time(engine, question)

    def _make_table(self, link: Link) -> None:
        [(is_there,)] = link.rows(self._statements.IS_THERE, self._statements.table)
        if not is_there:
            link.script(f"BEGIN; {self._statements.create_table}")
            link.script("COMMIT")

    def _in_time(self, engine: Engine, question: Callable[[Link], T]) -> T:
        """Asks over a connection of the pool. When the server undid it because of what others did at the same time, it is asked again.

        What SQLAlchemy raises says the record, which has no place in a log: the driver's own exception is the cause in its place.
        """
        exc = _sqlalchemy().exc
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                with _Connecting(self._timeout):
                    connection = engine.connect()
                with connection:
                    link = Link(connection, deadline, self._timeout, self._statements)
                    with link.in_order():
                        return question(link)
            except TooLate:
                failure, cause = f"it has not answered within {self._timeout:g} s; {TOO_LATE}", None
            except exc.TimeoutError as error:
                failure, cause = "all of the pool's connections are in use; see how many it may have", error
            except exc.DBAPIError as error:
                cause = error.orig
                code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
                if code and PostgresStatements.was_undone(code) and time.monotonic() < deadline:
                    continue
                failure = self._said(cause, code)
            except (TypeError, ValueError, OverflowError) as error:
                failure = "a row is not that of a login; another program made that table or wrote into it, so give the store one of its own"
                cause = error
            break
        raise LoginStoreError(f"{_server_name(engine)}: {failure}") from cause

    def _said(self, cause: Any, code: str | None) -> str:
        if code in SAYS_TOO_LATE:
            return f"it has not answered within {self._timeout:g} s; {TOO_LATE}"
        diagnosis = getattr(cause, "diag", None)
        words = getattr(diagnosis, "message_primary", None) or str(cause).strip() or type(cause).__name__
        if code:
            return f"{words}; {PostgresStatements.advice(code)}"
        return f"{words}; see whether it runs, and which user, password and database the engine was given; the pool connects again by itself"

    def _check_texts(self, record: LoginRecord) -> None:
        for what, text in (("the user's id", record.user_id), ("the data of the record", record.data)):
            if "\0" in text:
                raise LoginStoreError(f"{what} has a NUL character in it; PostgreSQL cannot keep one; leave it out")


class TooLate(Exception):
    """No answer came for as long as one may take."""


class Link:
    """A connection of the pool, which commits each statement, unless there is a transaction."""

    def __init__(self, connection: Connection, deadline: float, timeout: float, statements: PostgresStatements) -> None:
        self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        self._deadline = deadline
        self._timeout = timeout
        self._statements = statements
        self._has_begun = False
        self._is_psycopg2 = connection.dialect.driver == "psycopg2"

    def rows(self, statement: str, *arguments: Any) -> list[Any]:
        """Runs a statement, whose arguments are `$1` and so on."""
        return list(self._run(statement, arguments).fetchall())

    def records(self, statement: str, *arguments: Any) -> list[LoginRecord]:
        """The same, where a row has all columns."""
        return [_record(row) for row in self._run(statement, arguments).fetchall()]

    def run(self, statement: str, *arguments: Any) -> None:
        """Runs a statement without rows."""
        self._run(statement, arguments)

    def script(self, script: str) -> None:
        """Runs several statements."""
        self._has_begun = self._has_begun or script.startswith("BEGIN")
        with self._waits_in_time():
            self._connection.exec_driver_sql(script, execution_options={"no_parameters": True})
        if script in ("COMMIT", "ROLLBACK"):
            self._has_begun = False

    def transaction(self, question: Callable[[Link], T], user_id: str | None = None) -> T:
        """Runs statements in a transaction that follows an index, and, if it has a user, while nobody else makes logins of theirs."""
        # A machine that goes away in between has the lock for as long. With psycopg2, the server alone says when it is too late.
        patience = self._milliseconds_left() if self._is_psycopg2 else int(1000 * (self._timeout + 1))
        self.script(self._statements.begin(patience, user_id))
        answer = question(self)
        self.script("COMMIT")
        return answer

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        """Leaves the connection without a transaction, or closes it."""
        dbapi_error = _sqlalchemy().exc.DBAPIError
        try:
            yield
        except dbapi_error as error:
            # The server has refused something, and the connection is as good as before.
            if self._has_begun and not error.connection_invalidated:
                try:
                    self.script("ROLLBACK")
                except Exception:
                    self._connection.invalidate()
            raise
        except BaseException:
            # An answer may be under way.
            self._connection.invalidate()
            raise

    def _run(self, statement: str, arguments: tuple[Any, ...]) -> Any:
        sql = _in_drivers_style(statement)
        if self._is_psycopg2:
            sql = f"SET LOCAL statement_timeout = {self._milliseconds_left()}; {sql}"
        named = {f"a{number}": argument for number, argument in enumerate(arguments, start=1)}
        with self._waits_in_time():
            return self._connection.exec_driver_sql(sql, named)

    def _milliseconds_left(self) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooLate
        return math.ceil(1000 * left)

    @contextlib.contextmanager
    def _waits_in_time(self) -> Iterator[None]:
        """psycopg waits for an answer for as long as TCP does, in a loop that it lets others see."""
        if self._is_psycopg2:
            yield
            return
        driver: Any = self._connection.connection.driver_connection
        wait = driver.wait

        def wait_in_time(steps: Any, *arguments: Any, **more: Any) -> Any:
            return wait(_until(self._deadline, steps), *arguments, **more)

        driver.wait = wait_in_time
        try:
            yield
        finally:
            del driver.wait


def _until(deadline: float, steps: Any) -> Any:
    """The same steps, which end with `TooLate` when it is. psycopg looks for an answer ten times a second at least."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if time.monotonic() > deadline:
                steps.close()
                raise TooLate
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value


# How many seconds the store that connects at the moment lets it take.
_patience: contextvars.ContextVar[float | None] = contextvars.ContextVar("patience", default=None)


class _Connecting:
    """Connecting ends in time while this lasts, where the program has not said when it does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token = _patience.set(self._seconds)

    def __exit__(self, *_: Any) -> None:
        _patience.reset(self._token)


def _connect_in_time(dialect: Any, record: Any, cargs: Any, cparams: Any) -> None:
    seconds = _patience.get()
    if seconds is not None:
        cparams.setdefault("connect_timeout", math.ceil(seconds))


def engine_from_url(url: str, timeout: float = 5.0) -> Engine:
    """An engine for a store alone."""
    sqlalchemy = _sqlalchemy()
    scheme, _, rest = url.partition("://")
    _, _, driver = scheme.partition("+")
    if driver and driver not in DRIVERS:
        raise ValueError(f"postgresql+{driver}: the driver may be psycopg or psycopg2")
    seconds = math.ceil(timeout)
    bounds = {
        "connect_timeout": seconds,
        # What was sent and is not even received: the server's machine is gone.
        "tcp_user_timeout": 1000 * seconds,
    }
    for name in [driver] if driver else DRIVERS:
        with contextlib.suppress(ImportError):
            engine = sqlalchemy.create_engine(
                f"postgresql+{name}://{rest}",
                connect_args=bounds,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_timeout=timeout,
            )
            _forget_in_children(engine)
            return engine
    raise ImportError("PostgreSQL needs a driver beside SQLAlchemy: pip install 'psycopg[binary]'")


def _forget_in_children(engine: Engine) -> None:
    """A child has its own connections: those that it was born with are the parent's."""
    if hasattr(os, "register_at_fork"):
        engine_or_none = weakref.ref(engine)

        def forget() -> None:
            alive = engine_or_none()
            if alive is not None:
                alive.dispose(close=False)

        os.register_at_fork(after_in_child=forget)


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy
    except ImportError:
        raise ImportError("SqlAlchemyLoginStore needs SQLAlchemy: pip install 'flask-housekey[sqlalchemy]'") from None
    if sqlalchemy.__version__.startswith(("0.", "1.")):
        raise ImportError(f"SqlAlchemyLoginStore needs SQLAlchemy 2, and {sqlalchemy.__version__} is installed")
    return sqlalchemy


def _check_engine(engine: Engine) -> None:
    dialect = engine.dialect
    if dialect.name == "sqlite":
        raise TypeError(
            "this engine is for SQLite: SqliteLoginStore('logins.db') keeps logins there, in a file of their own"
        )
    if dialect.name != "postgresql":
        raise TypeError(f"this engine is for {dialect.name}, and SqlAlchemyLoginStore keeps logins in PostgreSQL alone")
    if dialect.driver not in DRIVERS:
        raise TypeError(
            f"this engine has the driver {dialect.driver}, and SqlAlchemyLoginStore needs psycopg or psycopg2"
        )


def _server_name(engine: Engine) -> str:
    url = engine.url
    place = f" at {url.host}:{url.port or 5432}" if url.host else ""
    return f"database {url.database} of PostgreSQL{place}" if url.database else f"PostgreSQL{place}"


def _in_drivers_style(statement: str) -> str:
    return re.sub(r"\$(\d+)", r"%(a\1)s", statement.replace("%", "%%"))


def _columns(record: LoginRecord) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    numbers = (record.version, record.created_at, record.last_seen_at, record.expires_at)
    return (record.id, record.user_id, *map(_signed, numbers), record.data)


def _record(row: Any) -> LoginRecord:
    id, user_id, version, created_at, last_seen_at, expires_at, data = row
    return LoginRecord(
        id=bytes(id),
        user_id=user_id,
        version=_unsigned(version),
        created_at=_unsigned(created_at),
        last_seen_at=_unsigned(last_seen_at),
        expires_at=_unsigned(expires_at),
        data=data,
    )


def _signed(number: int) -> int:
    """The largest that there is for a number that is larger: it comes 292 billion years after 1970."""
    return min(number, LARGEST)


def _unsigned(number: int) -> int:
    return max(number, 0)
