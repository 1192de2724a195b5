"""Login stores: what each must do, what Python objects may answer, and the stores that a URL names."""

import sys
import threading

import pytest
import redis
import sqlalchemy
from conftest import site
from flask import Flask
from flask_housekey.stores import (
    Created,
    Limit,
    LoginRecord,
    LoginStore,
    LoginStoreError,
    MemoryLoginStore,
    RedisLoginStore,
    SqlAlchemyLoginStore,
    SqliteLoginStore,
    Touch,
    Updated,
    store_from_url,
)
from flask_housekey.testing import check_login_store
from stores import HOUR, NOW, OPERATIONS, TOUCH, record

LARGEST = 2**64 - 1


def test_each_store_does_what_every_store_must(store):
    check_login_store(store)


class Wrapped:
    """A store of somebody else's, of which a test makes another one."""

    def __init__(self, store=None):
        self.store = store or MemoryLoginStore()

    def __getattr__(self, name):
        return getattr(self.store, name)


def test_a_store_of_somebody_elses_is_checked_as_well():
    check_login_store(Wrapped())


class ForgetsLimits(Wrapped):
    def create(self, new, replacing, limit):
        return self.store.create(new, replacing, Limit.NONE)


class NeverConflicts(Wrapped):
    def update(self, changed):
        known = self.store.load(changed.id, 0)
        if known is None:
            return Updated.GONE
        fields = {name: getattr(changed, name) for name in FIELDS}
        return self.store.update(LoginRecord(**{**fields, "version": known.version}))


class ShowsExpired(Wrapped):
    def load(self, id, now):
        return self.store.load(id, 0)


class Raises(Wrapped):
    def load(self, id, now):
        raise OSError("the disk is gone")


FIELDS = ("id", "user_id", "version", "created_at", "last_seen_at", "expires_at", "data")


@pytest.mark.parametrize(
    "wrong, says",
    [
        (ForgetsLimits, "it makes no room for another login"),
        (NeverConflicts, "an update of an older version is refused"),
        (ShowsExpired, "it expires at"),
        (Raises, "the disk is gone"),
    ],
)
def test_the_suite_says_which_rule_a_store_breaks(wrong, says):
    with pytest.raises(AssertionError, match=says) as failure:
        check_login_store(wrong())
    assert isinstance(failure.value.__cause__, OSError if wrong is Raises else type(None))


def test_the_suite_finds_what_goes_wrong_only_when_many_come_at_once():
    class NotesTwice(Wrapped):
        """Each thread looks before any of them has written."""

        def touch(self, id, touch):
            known = self.store.load(id, touch.now)
            due = known is not None and known.last_seen_at < touch.unless_since
            if known is not None and known.user_id == "touched at once":
                everybody.wait(timeout=60)
            return (self.store.touch(id, touch) or due) if due else False

    everybody = threading.Barrier(16)
    with pytest.raises(AssertionError, match="many requests, one write"):
        check_login_store(NotesTwice())


@pytest.mark.parametrize(
    "method, answer, says",
    [
        ("create", True, "a Created, not bool"),
        ("create", None, "a Created, not NoneType"),
        ("load", "a text", "a LoginRecord or None, not str"),
        ("load", record("somebody else"), "the record of another login"),
        ("update", 1, "an Updated, not int"),
        ("touch", None, "True or False, not NoneType"),
        ("delete", 1, "True or False, not int"),
        ("delete_by_user", None, "a list of ids, not NoneType"),
        ("delete_by_user", [b"short"], "16 bytes"),
        ("delete_by_user", ["text"], "bytes, not str"),
        ("delete_by_user", [bytes(16)] * 20_000, "more than"),
        ("list_by_user", (), "a list of LoginRecords, not tuple"),
        ("list_by_user", [None], "LoginRecords alone"),
        ("list_by_user", [record("somebody else")], "of another user"),
        ("delete_expired", True, "a number, not bool"),
        ("delete_expired", -1, "not a number from 0 to"),
        ("delete_expired", 10**30, "not a number from 0 to"),
    ],
)
def test_a_wrong_answer_is_an_error_of_the_store(method, answer, says):
    double = Wrapped()
    setattr(double, method, lambda *_: answer)
    with pytest.raises(AssertionError) as failure:
        check_login_store(double)
    assert says in str(failure.value.__cause__)
    assert (
        f"Wrapped.{method}" in str(failure.value.__cause__)
        or "id of a login" in str(failure.value.__cause__)
        or says == "more than"
    )


def test_what_is_not_a_store_is_refused_with_what_it_lacks():
    class Half:
        def create(self, new, replacing, limit): ...
        def load(self, id, now): ...

    class Async(Wrapped):
        async def load(self, id, now): ...

    for wrong, says in [
        (Half(), "it has no method update, touch, delete, delete_by_user, list_by_user, delete_expired"),
        (None, "NoneType is not a login store"),
        (MemoryLoginStore, "is a class"),
        (Async(), "is async"),
    ]:
        with pytest.raises(TypeError, match=says):
            check_login_store(wrong)


def test_every_method_of_the_protocol_is_in_every_store():
    names = [name for name in vars(LoginStore) if not name.startswith("_")]
    assert sorted(names) == sorted(OPERATIONS)
    for kind in (MemoryLoginStore, SqliteLoginStore, SqlAlchemyLoginStore, RedisLoginStore):
        for name in names:
            assert callable(getattr(kind, name))


def test_values_say_what_they_are_and_keep_the_largest_numbers():
    one = record("mia", version=LARGEST, expires_at=LARGEST)
    same = LoginRecord(**{name: getattr(one, name) for name in FIELDS})
    assert one == same and hash(one) == hash(same) and one != record("mia")
    assert "user_id='mia'" in repr(one) and "the-data" not in repr(one)
    assert (Limit.NONE.count, Limit.NONE.now, Limit.NONE.spared_since) == (sys.maxsize * 2 + 1, 0, LARGEST)
    assert Limit.NONE.looks_at(5) == 0
    limit = Limit(count=2, now=NOW, spared_since=NOW - 600)
    assert limit.looks_at(3) == 105 and limit == Limit(count=2, now=NOW, spared_since=NOW - 600)
    assert repr(limit) == f"Limit(count=2, now={NOW}, spared_since={NOW - 600})"
    new, old, gone = bytes(16), b"o" * 16, b"g" * 16
    room = limit.room([(new, NOW, NOW + 1), (old, NOW - 601, NOW + 1), (gone, NOW - 700, NOW)], [])
    assert (room.ended, room.expired, room.crowded) == ([old], [gone], False)
    assert limit.room([(new, NOW, NOW + 1), (old, NOW, NOW + 1)], []) is None
    assert limit.room([(new, NOW, NOW + 1), (old, NOW, NOW + 1)], [old]).ended == []
    assert Created.done([old]) == Created.done((old,)) != Created.crowded([old])
    assert Created.done([]).is_done and not Created.FULL.is_done and Created.TAKEN != Created.FULL
    assert Created.crowded([old]).ended == [old] and Created.FULL.ended == []
    assert [repr(it) for it in (Created.FULL, Created.TAKEN, Updated.GONE)] == [
        "Created.FULL",
        "Created.TAKEN",
        "Updated.GONE",
    ]
    assert (TOUCH.now, TOUCH.unless_since, TOUCH.expires_at) == (NOW + 100, NOW + 50, NOW + HOUR)
    assert TOUCH == Touch(now=NOW + 100, unless_since=NOW + 50, expires_at=NOW + HOUR)
    for field, wrong, error in [
        ("id", bytes(15), ValueError),
        ("id", "text", TypeError),
        ("version", -1, OverflowError),
        ("expires_at", 2**64, OverflowError),
        ("user_id", 1, TypeError),
    ]:
        with pytest.raises(error):
            record(**{field: wrong})
    with pytest.raises(AttributeError):
        one.version = 1


def test_numbers_that_are_too_large_for_a_store_are_the_largest_that_it_can_keep(store):
    it = record("mia", expires_at=LARGEST)
    limit = Limit(count=3, now=NOW, spared_since=LARGEST)
    assert store.create(it, [], limit) == Created.done([])
    loaded = store.load(it.id, NOW)
    assert loaded.expires_at >= 2**53 - 1 and loaded.user_id == "mia"
    assert store.list_by_user("mia", NOW, LARGEST) == [loaded]
    assert store.delete_by_user("mia", None, LARGEST) == [it.id]


def test_a_memory_store_without_records_is_true():
    store = MemoryLoginStore()
    assert store and len(store) == 0
    store.create(record(), [], Limit.NONE)
    assert len(store) == 1


def test_an_sqlite_file_keeps_records_and_tables_know_nothing_of_each_other(tmp_path):
    path, it = tmp_path / "logins.db", record()
    SqliteLoginStore(path).create(it, [], Limit.NONE)
    assert SqliteLoginStore(str(path)).load(it.id, NOW) == it
    assert SqliteLoginStore(path, "staff_logins").load(it.id, NOW) is None
    assert str(path) in repr(SqliteLoginStore(path))


def test_an_sqlite_file_that_cannot_be_used_is_an_error_that_names_it(tmp_path):
    (tmp_path / "other").write_text("this is not a database, however long one looks at it " * 100)
    with pytest.raises(LoginStoreError, match="other"):
        SqliteLoginStore(tmp_path / "other")
    for arguments in [("",), (":memory:",), (tmp_path / "a", "log ins")]:
        with pytest.raises(ValueError):
            SqliteLoginStore(*arguments)
    for wrong in (-1, float("nan"), 10**9):
        with pytest.raises(ValueError, match="busy_timeout"):
            SqliteLoginStore(tmp_path / "a", busy_timeout=wrong)


def test_a_url_names_a_store(tmp_path):
    instance = tmp_path / "instance"
    assert isinstance(store_from_url("memory:", instance), MemoryLoginStore)
    assert not instance.exists()
    relative = store_from_url("sqlite:///logins.db", instance)
    assert isinstance(relative, SqliteLoginStore) and (instance / "logins.db").exists()
    store_from_url(f"sqlite:///{tmp_path}/absolute.db", instance)
    assert (tmp_path / "absolute.db").exists()
    for url in ("redis://localhost:1/2", "rediss://localhost:1", "unix:///nowhere.sock"):
        assert isinstance(store_from_url(url, instance), RedisLoginStore)
    for scheme in ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"):
        store = store_from_url(f"{scheme}://user:hunter2@localhost:1/site", instance)
        assert isinstance(store, SqlAlchemyLoginStore)


@pytest.mark.parametrize(
    "url",
    ["", "logins.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a?b=c", "mysql://me:hunter2@host/db"]
    + ["memory", "file:///a", "http://[", "postgresql+asyncpg://me:hunter2@host/db"],
)
def test_any_other_url_is_a_value_error_that_does_not_say_it(url, tmp_path):
    with pytest.raises(ValueError) as error:
        store_from_url(url, tmp_path)
    assert "hunter2" not in str(error.value)


def test_what_is_not_an_engine_of_postgresql_is_refused():
    with pytest.raises(TypeError, match="SqliteLoginStore"):
        SqlAlchemyLoginStore(sqlalchemy.create_engine("sqlite://"))
    for wrong in ("postgresql://localhost", None, object()):
        with pytest.raises(TypeError, match="takes an engine"):
            SqlAlchemyLoginStore(wrong)
    engine = sqlalchemy.create_engine("postgresql+psycopg://localhost")
    for name in ("log ins", "1logins", "a.b.c", 'a"b'):
        with pytest.raises(ValueError, match="name of a table"):
            SqlAlchemyLoginStore(engine, name)
    with pytest.raises(ValueError, match="timeout"):
        SqlAlchemyLoginStore(engine, timeout=0)


def test_what_is_not_a_client_of_redis_that_gives_up_in_time_is_refused():
    for wrong in (None, 1, redis.asyncio.Redis()):
        with pytest.raises(TypeError, match="takes a redis.Redis, a RedisCluster or a URL"):
            RedisLoginStore(wrong)
    for client, says in [
        (redis.Redis(socket_timeout=None), "socket_timeout"),
        (redis.Redis(connection_pool=redis.BlockingConnectionPool(timeout=None, socket_timeout=5)), "pool"),
    ]:
        with pytest.raises(ValueError, match=says):
            RedisLoginStore(client)
    with pytest.raises(ValueError, match="timeout"):
        RedisLoginStore(redis.Redis(), timeout=3)
    with pytest.raises(ValueError, match="timeout"):
        RedisLoginStore("redis://localhost", timeout=0)


def test_a_package_that_is_missing_is_named_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install 'flask-housekey\[redis\]'"):
        RedisLoginStore("redis://localhost")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ImportError, match=r"pip install 'flask-housekey\[sqlalchemy\]'"):
        SqlAlchemyLoginStore(object())
    with pytest.raises(ImportError, match="flask-housekey"):
        store_from_url("postgresql://localhost/site", ".")


def test_an_object_of_flask_sqlalchemy_is_asked_for_the_engine_of_the_current_app(table, tmp_path):
    from flask_sqlalchemy import SQLAlchemy

    name, engine = table
    db = SQLAlchemy()
    store = SqlAlchemyLoginStore(db, name)
    app, other = Flask("site"), Flask("other")
    app.config["SQLALCHEMY_DATABASE_URI"] = engine.url
    other.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/other.db"
    db.init_app(app)
    db.init_app(other)
    it = record()
    with app.app_context():
        # The program's own transaction goes on.
        assert db.session.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
        assert store.create(it, [], Limit.NONE).is_done
        db.session.rollback()
        assert store.load(it.id, NOW) == it
        db.engine.dispose()
    with other.app_context(), pytest.raises(TypeError, match="SqliteLoginStore"):
        store.load(it.id, NOW)
    with pytest.raises(RuntimeError, match="application context"):
        store.load(it.id, NOW)


def test_an_app_keeps_its_logins_in_each_store_and_ends_them_there(store):
    app = site(HOUSEKEY_LOGIN_STORE=store)
    browser, other = app.test_client(), app.test_client()
    for client in (browser, other):
        client.get("/login/1?remember")
        assert client.get("/who").text == "1"
    kept = other.get_cookie("session").value
    assert len(store.list_by_user("1", 0, 10)) == 2
    other.get("/logout")
    [left] = store.list_by_user("1", 0, 10)
    other.set_cookie("session", kept)
    assert other.get("/who").text == "None", "a copy of its cookie is worth nothing"
    assert browser.get("/who").text == "1"
    assert store.delete(left.id)
    assert browser.get("/who").text == "None"


def test_what_is_not_an_exception_of_the_store_goes_through_the_app():
    class Interrupt(BaseException):
        """As gevent's Timeout, or a worker that is told to end."""

    def interrupt(*_):
        raise Interrupt

    double = Wrapped()
    client = site(HOUSEKEY_LOGIN_STORE=double).test_client()
    client.get("/login/1")
    double.load = interrupt
    with pytest.raises(Interrupt):
        client.get("/who")
    del double.load
    assert client.get("/who").text == "1"
