"""A connection to PostgreSQL from SQLAlchemy's pool: used through the driver, and with a time limit."""

from __future__ import annotations

import contextlib
import contextvars
import math
import os
import re
import select
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ._core import LoginRecord, PostgresStatements

if TYPE_CHECKING:
    from sqlalchemy import Engine, PoolProxiedConnection

T = TypeVar("T")

DRIVERS = ("psycopg", "psycopg2")


class TooLate(Exception):
    """No answer came in the time allowed."""


class Standby(Exception):
    """The server only reads. As a standby that lags behind, it would still show logins that have ended."""


class Link:
    """A connection of the pool that commits each statement, except inside a transaction. Afterwards it is as before, or
    closed."""

    def __init__(
        self,
        connection: PoolProxiedConnection,
        deadline: float,
        timeout: float,
        statements: PostgresStatements,
        takes_standby: bool,
    ) -> None:
        self._connection = connection
        self._driver: Any = connection.driver_connection
        self._deadline = deadline
        self._timeout = timeout
        self._statements = statements
        self._takes_standby = takes_standby
        self._has_begun = False
        self._is_psycopg2 = type(self._driver).__module__.startswith("psycopg2")

    def __enter__(self) -> Link:
        self._autocommit = self._driver.autocommit
        self._driver.autocommit = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        is_right = False
        try:
            # Without an answer from the server, one may still be on its way.
            code = sqlstate(error)
            is_answered = error is None or (bool(code) and not is_of_the_connection(code))
            is_right = is_answered and self._put_right()
        finally:
            if not is_right:
                self._connection.invalidate()

    def _put_right(self) -> bool:
        try:
            if self._has_begun:
                self.script("ROLLBACK")
            self._driver.autocommit = self._autocommit
        except Exception:
            return False
        return not self._driver.closed

    def rows(self, statement: str, *arguments: Any) -> list[Any]:
        """Runs a statement with the arguments `$1` and so on."""
        return self._run(statement, arguments, lambda cursor: list(cursor.fetchall()))

    def records(self, statement: str, *arguments: Any) -> list[LoginRecord]:
        """The records of a statement whose first column says whether the server only reads. It returns a row even without a
        record."""
        rows = self.rows(statement, *arguments)
        only_reads = bool(rows[0][0])
        if only_reads and not self._takes_standby:
            raise Standby
        return [_record(row[1:]) for row in rows if row[1] is not None]

    def run(self, statement: str, *arguments: Any) -> None:
        """Runs a statement that returns no rows."""
        self._run(statement, arguments, lambda cursor: None)

    def script(self, script: str) -> None:
        """Runs several statements."""
        self._has_begun = self._has_begun or script.startswith("BEGIN")
        self._execute(script, None, lambda cursor: None)
        if script in ("COMMIT", "ROLLBACK"):
            self._has_begun = False

    def transaction(self, question: Callable[[Link], T], user_id: str | None = None) -> T:
        """Runs statements in a transaction that follows an index. With a user, nothing else makes logins for that user
        meanwhile."""
        # A machine that goes away in between keeps the lock for this long. With psycopg2, only the server enforces the limit.
        patience = self._milliseconds_left() if self._is_psycopg2 else int(1000 * (self._timeout + 1))
        self.script(self._statements.begin(patience, user_id))
        answer = question(self)
        self.script("COMMIT")
        return answer

    def _run(self, statement: str, arguments: tuple[Any, ...], read: Callable[[Any], T]) -> T:
        sql = _in_drivers_style(statement)
        if self._is_psycopg2:
            sql = f"SET LOCAL statement_timeout = {self._milliseconds_left()}; {sql}"
        named = {f"a{number}": argument for number, argument in enumerate(arguments, start=1)}
        return self._execute(sql, named, read)

    def _execute(self, sql: str, arguments: dict[str, Any] | None, read: Callable[[Any], T]) -> T:
        with self._waits_in_time(), contextlib.closing(self._driver.cursor()) as cursor:
            cursor.execute(sql, arguments)
            return read(cursor)

    def _milliseconds_left(self) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooLate
        return math.ceil(1000 * left)

    @contextlib.contextmanager
    def _waits_in_time(self) -> Iterator[None]:
        """psycopg waits for an answer for as long as TCP does, in a loop that it exposes."""
        if self._is_psycopg2:
            yield
            return
        wait = self._driver.wait

        def wait_in_time(steps: Any, *arguments: Any, **more: Any) -> Any:
            return wait(_until(self._deadline, steps), *arguments, **more)

        self._driver.wait = wait_in_time
        try:
            yield
        finally:
            del self._driver.wait


def sqlstate(error: Any) -> str | None:
    """The server's message about a statement that it refuses."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def is_of_the_connection(code: str | None) -> bool:
    """Whether another connection may get another answer, and nothing was done over this one."""
    return code is not None and PostgresStatements.is_of_the_connection(code)


def is_lost(driver: Any) -> bool:
    """Whether the server has ended this connection while it was idle: then there is something to read. A question that has
    not been sent yet can go over another connection of the pool."""
    try:
        socket = driver.fileno()
    except Exception:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _until(deadline: float, steps: Any) -> Any:
    """The same steps, ending with `TooLate` after the time limit. psycopg looks for an answer at least ten times a
    second."""
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


# The store that is connecting at the moment.
_connecting: contextvars.ContextVar[Connecting | None] = contextvars.ContextVar("connecting", default=None)


class Connecting:
    """While this lasts, connecting has a time limit, unless the program has set its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = math.ceil(seconds)
        self._changed: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        self._token = _connecting.set(self)

    def __exit__(self, *_: Any) -> None:
        _connecting.reset(self._token)
        # Some versions of SQLAlchemy would use these for the next connection too.
        for parameters in self._changed:
            parameters.pop("connect_timeout", None)

    def bound(self, parameters: dict[str, Any]) -> None:
        if "connect_timeout" not in parameters:
            parameters["connect_timeout"] = self._seconds
            self._changed.append(parameters)


def connect_in_time(dialect: Any, record: Any, cargs: Any, cparams: dict[str, Any]) -> None:
    connecting = _connecting.get()
    if connecting is not None:
        connecting.bound(cparams)


BORN = "flask_housekey_born"


def note_birth(driver: Any, record: Any) -> None:
    """Keeps when a connection of the pool was made."""
    record.info[BORN] = time.monotonic()


def is_older(connection: PoolProxiedConnection, moment: float) -> bool:
    """Whether a connection was made before that. One of which nothing is known was made before the store used the engine."""
    return bool(connection.info.get(BORN, 0.0) <= moment)


# Values of libpq's target_session_attrs with which a standby may answer.
TAKE_STANDBY = ("any", "standby", "prefer-standby", "read-only")


def takes_standby(engine: Engine) -> bool:
    """Whether the program has asked for an answer from a standby."""
    return engine.url.query.get("target_session_attrs") in TAKE_STANDBY


def engine_from_url(url: str, timeout: float = 5.0) -> Engine:
    """An engine for a store alone."""
    sqlalchemy = sqlalchemy_2()
    scheme, _, rest = url.partition("://")
    _, _, driver = scheme.partition("+")
    if driver and driver not in DRIVERS:
        raise ValueError(f"postgresql+{driver}: the driver may be psycopg or psycopg2")
    query = sqlalchemy.make_url(f"postgresql://{rest}").normalized_query
    seconds = math.ceil(timeout)
    bounds: dict[str, Any] = {
        # libpq allows each server that long.
        "connect_timeout": math.ceil(timeout / max(1, len(query.get("host", ())))),
        # Limits how long sent data may stay unreceived: the server's machine is gone.
        "tcp_user_timeout": 1000 * seconds,
    }
    if "target_session_attrs" not in query:
        # Of several servers, libpq looks for the one that accepts writes.
        bounds["target_session_attrs"] = "read-write"
    for name in [driver] if driver else DRIVERS:
        with contextlib.suppress(ImportError):
            engine: Engine = sqlalchemy.create_engine(
                f"postgresql+{name}://{rest}",
                connect_args=bounds,
                hide_parameters=True,
                pool_timeout=timeout,
            )
            _forget_in_children(engine)
            return engine
    raise ImportError("PostgreSQL needs a driver beside SQLAlchemy: pip install 'psycopg[binary]'")


def _forget_in_children(engine: Engine) -> None:
    """A child process has its own connections: the inherited ones are the parent's."""
    if hasattr(os, "register_at_fork"):
        engine_or_none = weakref.ref(engine)

        def forget() -> None:
            alive = engine_or_none()
            if alive is not None:
                alive.dispose(close=False)

        os.register_at_fork(after_in_child=forget)


def sqlalchemy_2() -> Any:
    try:
        import sqlalchemy
    except ImportError:
        raise ImportError("SqlAlchemyLoginStore needs SQLAlchemy: pip install 'flask-housekey[sqlalchemy]'") from None
    if sqlalchemy.__version__.startswith(("0.", "1.")):
        raise ImportError(f"SqlAlchemyLoginStore needs SQLAlchemy 2, and {sqlalchemy.__version__} is installed")
    return sqlalchemy


def check_engine(engine: Engine) -> None:
    dialect = engine.dialect
    if dialect.name == "sqlite":
        raise TypeError(
            "this engine is for SQLite: SqliteLoginStore('logins.db') keeps logins there, in a file of their own"
        )
    if dialect.name != "postgresql":
        raise TypeError(f"this engine is for {dialect.name}, and SqlAlchemyLoginStore works only with PostgreSQL")
    if dialect.driver not in DRIVERS:
        raise TypeError(
            f"this engine has the driver {dialect.driver}, and SqlAlchemyLoginStore needs psycopg or psycopg2"
        )


_STYLED: dict[str, str] = {}


def _in_drivers_style(statement: str) -> str:
    # There are only as many statements as a store has methods.
    if statement not in _STYLED:
        _STYLED[statement] = re.sub(r"\$(\d+)", r"%(a\1)s", statement.replace("%", "%%"))
    return _STYLED[statement]


def _record(row: Any) -> LoginRecord:
    id, user_id, version, created_at, last_seen_at, expires_at, data = row
    return LoginRecord(
        id=bytes(id),
        user_id=user_id,
        version=unsigned(version),
        created_at=unsigned(created_at),
        last_seen_at=unsigned(last_seen_at),
        expires_at=unsigned(expires_at),
        data=data,
    )


def unsigned(number: int) -> int:
    return max(number, 0)
